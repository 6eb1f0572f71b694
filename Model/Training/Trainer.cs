using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>The three parts of a data set. Decisions may see training and validation images only.</summary>
public enum Part
{
    Training,
    Validation,
    Test,
}

/// <summary>
/// Trains and measures one network on one device. Data, order, losses and counts stay on the device; a call of <see cref="Train"/>
/// within an epoch is a few launches on the CPU accelerator and a queue of launches on a GPU, with one small copy back at its end.
/// </summary>
public sealed class Trainer : IDisposable
{
    /// <summary>A pixel's scale: 1 / 255 and the deviation of MNIST's pixels, 0.3081. No shift, so that paper stays exactly zero.</summary>
    public const float PixelScale = 1 / (255f * 0.3081f);

    /// <summary>The break-even of sparse passes, see Results/speed/README.md.</summary>
    public const double DefaultSparseBelow = 0.18;

    private const double Epsilon = 1e-8;

    private readonly TrainerOptions _options;
    private readonly DeviceMemory _memory;
    private readonly ArrayView<int> _order, _next, _step, _correct, _count;
    private readonly ArrayView<int>[] _labels;
    private readonly ArrayView<float> _rates, _loss, _tally;
    private readonly StepBuilder _builder;
    private readonly StepProgram _sum;
    private readonly Dictionary<(bool Training, bool Masked, long Choice), StepProgram> _programs = [];
    private readonly Func<int, ArrayView<float>, Operation> _gather;
    private readonly Operation _advance;
    private Operation[] _distillation = [];
    private ArrayView<float>? _targets;
    private SharedValues? _shared;
    private readonly int[] _first;
    private readonly ImageOrder _images;
    private readonly int _slots, _maxSteps;
    private int _position, _chosenVersion = -1;
    private long _choice;
    private long _updates;

    /// <param name="device">Where everything runs.</param>
    /// <param name="network">What is trained.</param>
    /// <param name="options">Batch, rule, seed.</param>
    /// <param name="training">Images that the weights learn from.</param>
    /// <param name="validation">Images that decisions are made on.</param>
    /// <param name="test">Images for reports.</param>
    public Trainer(
        ComputeDevice device, NetworkDescription network, TrainerOptions options, DataSet training, DataSet validation, DataSet test)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Batch < 1 || options.Batch > training.Count)
            throw new UserException(ErrorKind.Usage, $"batch: expected 1 to {training.Count} training images, found {options.Batch}");
        (_options, Network) = (options, network);
        _memory = new DeviceMemory(device);
        Parameters = new Parameters(_memory, network);
        _first = [0, training.Count, training.Count + validation.Count, training.Count + validation.Count + test.Count];
        _slots = Layout.Blocks(options.Batch) * Layout.Lanes;
        _maxSteps = Math.Max(training.Count / options.Batch, Math.Max(_first[3] - _first[2], Math.Max(training.Count, validation.Count)) / _slots + 1);
        var images = _memory.Allocate<byte>(Gather.WithMargins(DataSet.Width, training.Images, validation.Images, test.Images));
        var labels = _memory.Allocate<byte>([.. training.Labels, .. validation.Labels, .. test.Labels]);
        // One batch more than is ever learned from: a GPU fetches it when an epoch ends.
        _order = _memory.Allocate<int>((long)(_maxSteps + 1) * _slots);
        _loss = _memory.Allocate<float>((long)_maxSteps * _slots);
        _correct = _memory.Allocate<int>((long)_maxSteps * _slots);
        _rates = _memory.Allocate<float>((long)_maxSteps * Update.RatesPerStep);
        _next = _memory.Allocate<int>(1);
        _step = _memory.Allocate<int>(1);
        _count = _memory.Allocate<int>(1);
        _tally = _memory.Allocate<float>(Tally.ResultLength);

        _builder = new StepBuilder(_memory, network, Parameters, options.Batch);
        _labels = [.. _builder.Inputs.Select(_ => _memory.Allocate<int>(_slots))];
        _gather = (input, rows) =>
            Gather.Of(device, "gather", images, labels, _order, _next, PixelScale, _builder.Inputs[input], rows, _labels[input]);
        _advance = Counter.Advance(device, _next, _step);
        _sum = new StepProgram(device, [Tally.Of(device, _loss, _correct, _count, _tally)]);
        _images = new ImageOrder(options.Seed, training.Count, options.Batch, _slots);
        _position = StepsPerEpoch;
        Parameters.Initialize(network, options.Seed);
    }

    public NetworkDescription Network { get; }
    public Parameters Parameters { get; }
    public ComputeDevice Device => _memory.Device;

    /// <summary>Buffers that live as long as the trainer, for whoever measures its parameters.</summary>
    public DeviceMemory Memory => _memory;

    /// <summary>Images per step.</summary>
    public int Batch => _options.Batch;

    /// <summary>Whole batches in the training images; the rest of an epoch's order is left out.</summary>
    public int StepsPerEpoch => (_first[1] - _first[0]) / _options.Batch;

    /// <summary>Steps since the start or the last <see cref="ResetOptimizer"/>: t of Adam's bias corrections.</summary>
    public long Updates => _updates;

    /// <summary>Whether updates go under the mask; off while nothing is pruned, which saves reading it.</summary>
    public bool Masked { get; set; }

    /// <summary>The step that training runs, for profiles.</summary>
    public StepProgram TrainingStep => Program(training: true);

    /// <summary>
    /// On the CPU accelerator: a layer with a smaller part of its weights alive is computed from these alone, a first convolution also with less
    /// than two fifths. 0 turns it off.
    /// </summary>
    public double SparseBelow { get; init; } = DefaultSparseBelow;

    /// <summary>Trains for some steps; epochs begin and end where they fall, each in a new order.</summary>
    /// <param name="steps">How many.</param>
    /// <param name="rates">Rates of step 0..steps-1 of this call.</param>
    /// <param name="cancellation">Ends training after the step that is under way, or some hundredths of a second later.</param>
    /// <returns>Loss and accuracy of the training batches as they were seen.</returns>
    /// <exception cref="UserException">Diverged: a loss that is not finite.</exception>
    /// <exception cref="OperationCanceledException">Steps before it count: training can go on from there.</exception>
    public Score Train(int steps, Func<int, StepRates> rates, CancellationToken cancellation = default) =>
        Train(steps, rates, (program, run) => program.Run(run, cancellation), cancellation);

    private Score Train(int steps, Func<int, StepRates> rates, Func<StepProgram, int, int> run, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(rates);
        double loss = 0;
        int correct = 0, done = 0;
        while (done < steps)
        {
            cancellation.ThrowIfCancellationRequested();
            if (_position == StepsPerEpoch)
                NextEpoch();
            int asked = Math.Min(steps - done, StepsPerEpoch - _position);
            UploadRates(done, asked, rates);
            _memory.Upload([_position], _next);
            var program = TrainingStep;
            _builder.LoadLive();
            // Rates are counted from the step counter as the order is, so a launch in mid-epoch finds both in place.
            int taken = run(program, asked);
            _builder.StoreLive();
            _updates -= asked - taken;
            var score = ReadTally(_position * _slots, taken * _slots, taken * _options.Batch, $"step {_updates - taken + 1}");
            loss += score.Loss * taken;
            correct += score.Correct;
            done += taken;
            _position += taken;
        }
        return new Score(loss / steps, correct, steps * _options.Batch);
    }

    /// <summary>Loss and accuracy on a part of the data, without training.</summary>
    /// <param name="part">Of the data.</param>
    /// <param name="cancellation">Ends it as <see cref="Train(int, Func{int, StepRates}, CancellationToken)"/>.</param>
    public Score Evaluate(Part part, CancellationToken cancellation = default)
    {
        int count = RunEvaluation(part, Program(training: false), cancellation: cancellation);
        return ReadTally(0, (count + _slots - 1) / _slots * _slots, count, "evaluation");
    }

    /// <summary>The same image by image.</summary>
    public Outcomes EvaluateEach(Part part)
    {
        int count = RunEvaluation(part, Program(training: false));
        var loss = _memory.Download(_loss.SubView(0, Math.Max(1, count)));
        var correct = _memory.Download(_correct.SubView(0, Math.Max(1, count)));
        return new Outcomes(loss[..count], [.. correct.Take(count).Select(c => c != 0)]);
    }

    /// <summary>Moments to zero, t to zero.</summary>
    public void ResetOptimizer()
    {
        Parameters.ResetMoments();
        _updates = 0;
    }

    /// <summary>
    /// From now on the network that stands here now teaches: see <see cref="Distillation"/>. With all views every other image of a batch is
    /// a training image moved by a pixel, for which nothing but the teacher's answer counts.
    /// </summary>
    /// <param name="share">The teacher's share of the gradient of training images, 0 to 1.</param>
    /// <param name="temperature">How soft its answers are made.</param>
    /// <param name="views">Of an image, see <see cref="Gather.Views"/>: 1, or all of them.</param>
    /// <param name="cancellation">Ends it as <see cref="Train(int, Func{int, StepRates}, CancellationToken)"/>; then nobody teaches.</param>
    public void Teach(double share, double temperature, int views = 1, CancellationToken cancellation = default)
    {
        var targets = _targets ??= _memory.Allocate<float>((long)_first[1] * Gather.Views * DataSet.Classes);
        Choose();
        var record = Distillation.Record(Device, _builder.Logits, _order, _step, (float)temperature, targets);
        var program = new StepProgram(Device, Forward([record]));
        for (int view = 0; view < views; view++)
            RunEvaluation(Part.Training, program, view, cancellation);
        Show(views);
        _distillation =
        [
            Distillation.Mix(
                Device, _builder.Logits, _builder.LogitGradients, _order, _step, (float)share, (float)temperature, _options.Batch, targets),
        ];
        _programs.Clear();
    }

    /// <summary>The next step begins a new epoch, and the orders of images come as they came after construction.</summary>
    public void RestartOrder()
    {
        _images.Restart();
        _position = StepsPerEpoch;
    }

    /// <summary>
    /// Trains as many steps as an epoch has, as <see cref="Train(int, Func{int, StepRates}, CancellationToken)"/> does, and returns the
    /// seconds of each operation, on a GPU of each launch, summed over the steps.
    /// </summary>
    public IReadOnlyList<ProfileEntry> ProfileEpoch(Func<int, StepRates> rates, CancellationToken cancellation = default)
    {
        // In mid-epoch it is the rest of one and the beginning of another.
        var parts = new List<IReadOnlyList<ProfileEntry>>();
        Train(StepsPerEpoch, rates, Profile, cancellation);
        return [.. parts[0].Select((entry, i) => entry with { Seconds = parts.Sum(p => p[i].Seconds) })];

        int Profile(StepProgram program, int steps)
        {
            var (taken, entries) = program.Profile(steps, cancellation);
            parts.Add(entries);
            return taken;
        }
    }

    /// <summary>From now on the labels teach alone.</summary>
    public void DismissTeacher()
    {
        _distillation = [];
        _programs.Clear();
        Show(1);
    }

    /// <summary>What an epoch shows of the images; one that is under way ends here if that changes.</summary>
    private void Show(int views)
    {
        if (views != _images.Views)
            _position = StepsPerEpoch;
        _images.Views = views;
    }

    /// <summary>
    /// Weight sharing: the weights become the values that stand for them, and from now on training moves values instead of weights, and
    /// biases as before. The optimizer begins anew.
    /// </summary>
    /// <param name="shared">One per layer, pruned where the mask is 0; or null: weights are trained again.</param>
    public void Share(IReadOnlyList<SharedWeights>? shared)
    {
        _programs.Clear();
        _shared?.Dispose();
        _shared = null;
        if (shared is not null)
        {
            var weights = Parameters.GetWeights();
            foreach (var (slice, layer) in Parameters.Layers.Zip(shared))
                for (int i = 0; i < slice.WeightCount; i++)
                    weights[slice.WeightOffset + i] = layer.Indices[i] == 0 ? 0 : layer.Codebook[layer.Indices[i] - 1];
            Parameters.SetWeights(weights);
            _shared = new SharedValues(Device, Parameters, shared);
        }
        ResetOptimizer();
        _chosenVersion = -1;
    }

    /// <summary>The shared values of each layer as training left them.</summary>
    /// <exception cref="InvalidOperationException">Nothing is shared.</exception>
    public IReadOnlyList<float[]> Codebooks => _shared?.Codebooks ?? throw new InvalidOperationException("nothing is shared");

    /// <summary>Everything that the further course of training depends on.</summary>
    public TrainerState Save() => new(Parameters.Save(), _updates, Masked);

    /// <summary>Back to a saved state; the order of images goes on as it is.</summary>
    public void Restore(TrainerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        Parameters.Restore(state.Parameters);
        (_updates, Masked) = (state.Updates, state.Masked);
    }

    public void Dispose()
    {
        _shared?.Dispose();
        _memory.Dispose();
    }

    /// <summary>Chooses for the mask as it is now which layers are computed from live weights; before operations are made of the builder.</summary>
    private void Choose()
    {
        if (Device.RunsOnHost && _chosenVersion != Parameters.MaskVersion)
        {
            _choice = _builder.Choose(Parameters.GetMask(), Masked && _shared is null ? SparseBelow : 0);
            _chosenVersion = Parameters.MaskVersion;
        }
    }

    /// <summary>The program for the mask as it is now: built when a layer crosses the break-even, else looked up.</summary>
    private StepProgram Program(bool training)
    {
        Choose();
        var key = (training, Masked, _choice);
        if (!_programs.TryGetValue(key, out var program))
            _programs.Add(key, program = training ? BuildTraining() : new StepProgram(Device, Forward(Softmax(0))));
        return program;
    }

    private StepProgram BuildTraining()
    {
        var update = new Update
        {
            Rule = _options.Rule,
            Weight = Parameters.Weight,
            FirstMoment = Parameters.FirstMoment,
            SecondMoment = Parameters.SecondMoment,
            Mask = Parameters.Mask,
            Rates = _rates,
            Step = _step,
            Masked = Masked ? 1 : 0,
        };
        var weights = _shared is null ? update : update with { Rule = UpdateRule.Gradient, Gradient = _shared.Gradient };
        var shared = _shared?.Updates(Device, Parameters.Weight, update) ?? [];
        if (Device.RunsOnHost)
            return new(Device, [[_gather(0, _builder.TransposedInput)], .. Step(0)]);
        int inputs = _builder.Inputs.Count;
        return StepProgram.ByTurns(Device, _gather(0, default), [.. Enumerable.Range(0, inputs).Select(i => WithNext(Step(i), (i + 1) % inputs))]);

        Operation[][] Step(int input) =>
        [
            .. _builder.Forward(_builder.Inputs[input], _advance), Softmax(input), _distillation, .. _builder.Backward(_builder.Inputs[input], weights, update),
            .. shared,
        ];

        // The second stage is the first in which the counter has moved on.
        Operation[][] WithNext(Operation[][] step, int input) => [step[0], [.. step[1], _gather(input, default)], .. step[2..]];
    }

    /// <summary>What is done to a batch without learning from it.</summary>
    private IEnumerable<Operation[]> Forward(Operation[] last) => [[_gather(0, default)], .. _builder.Forward(_builder.Inputs[0], _advance), last];

    private Operation[] Softmax(int input) =>
    [
        SoftmaxCrossEntropy.Of(
            Device, "softmax cross-entropy", _builder.Logits, _labels[input], _step, _options.Batch, _builder.LogitGradients, _loss, _correct),
    ];

    private void NextEpoch()
    {
        _memory.Upload<int>(_images.NextEpoch(StepsPerEpoch), _order);
        _position = 0;
    }

    private void UploadRates(int done, int run, Func<int, StepRates> rates)
    {
        var table = new float[run * Update.RatesPerStep];
        for (int i = 0; i < run; i++)
        {
            var (rate, decay) = rates(done + i);
            _updates++;
            double epsilon = 0;
            if (_options.Rule == UpdateRule.Adam)
            {
                double correction = Math.Sqrt(1 - Math.Pow(Update.Beta2, _updates));
                rate *= correction / (1 - Math.Pow(Update.Beta1, _updates));
                epsilon = Epsilon * correction;
            }
            (table[i * Update.RatesPerStep], table[i * Update.RatesPerStep + 1], table[i * Update.RatesPerStep + 2]) =
                ((float)rate, (float)epsilon, (float)decay);
        }
        _memory.Upload(table, _rates.SubView(_position * Update.RatesPerStep, table.Length));
    }

    private int RunEvaluation(Part part, StepProgram program, int view = 0, CancellationToken cancellation = default)
    {
        int first = _first[(int)part], count = _first[(int)part + 1] - first;
        int[] order = _images.InTurn(first, count, view);
        // An epoch that is under way has its order in the same buffer: what is left of it comes back after the measurement.
        var rest = _position < StepsPerEpoch ? _memory.Download(_order.SubView(0, StepsPerEpoch * _slots)) : [];
        _memory.Upload<int>(order, _order);
        _memory.Upload([0], _next);
        _builder.LoadLive();
        program.Run(order.Length / _slots, cancellation);
        Device.Synchronize();
        _memory.Upload<int>(rest, _order);
        cancellation.ThrowIfCancellationRequested();
        return count;
    }

    private Score ReadTally(int first, int slots, int images, string where)
    {
        if (images == 0)
            return default;
        var loss = _loss.SubView(first, slots);
        _memory.Upload([slots], _count);
        var sum = first == 0 ? _sum : new StepProgram(Device, [Tally.Of(Device, loss, _correct.SubView(first, slots), _count, _tally)]);
        sum.Run();
        var (total, correct) = Tally.Read(_memory.Download(_tally));
        if (!double.IsFinite(total))
        {
            int bad = Array.FindIndex(_memory.Download(loss), x => !float.IsFinite(x));
            throw new UserException(ErrorKind.Diverged, $"training diverged: the loss is {total} ({where}, batch {bad / _slots + 1} from there)");
        }
        return new Score(total / images, correct, images);
    }
}

/// <summary>A trainer's state to come back to.</summary>
public sealed record TrainerState(ParameterState Parameters, long Updates, bool Masked);
