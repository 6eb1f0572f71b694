using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>The parts of a data set. Decisions may see training and validation images only.</summary>
public enum Part
{
    /// <summary>Images that the weights learn from.</summary>
    Training,

    /// <summary>Images that decisions are made on.</summary>
    Validation,

    /// <summary>Images for reports.</summary>
    Test,

    /// <summary>Images that nothing was decided by when a network is certified on them.</summary>
    Certification,
}

/// <summary>
/// Trains and measures one network on one device. Data, order, losses and counts stay on the device; a call of <see cref="Train"/>
/// within an epoch is a few launches on the CPU accelerator and a queue of launches on a GPU, with one small copy back at its end.
/// </summary>
public sealed class Trainer : IDisposable
{
    private const long MostAnswers = 1 << 26;

    /// <summary>Batches after which a thirtieth is left of what running averages were: 0.9^32.</summary>
    private const int NormalisingSteps = 32;

    private readonly DeviceMemory _memory;
    private readonly StepBuilder _builder;
    private readonly Batches _batches;
    private readonly Evaluator _evaluator;
    private readonly Schedule _schedule;
    private readonly StepPrograms _programs;
    private readonly Augmentation _augmentation;
    private readonly UpdateRule _rule;
    private Teacher? _teacher;

    /// <param name="device">Where everything runs.</param>
    /// <param name="network">What is trained.</param>
    /// <param name="options">Batch, rule, seed.</param>
    /// <param name="training">Images that the weights learn from.</param>
    /// <param name="validation">Images that decisions are made on.</param>
    /// <param name="test">Images for reports.</param>
    /// <param name="certification">Images to certify a network on; null for none.</param>
    /// <exception cref="UserException">Usage: the network is for images of another shape, or the batch for more images.</exception>
    /// <exception cref="InsufficientMemoryException">The device has not enough for them.</exception>
    public Trainer(
        ComputeDevice device, NetworkDescription network, TrainerOptions options, DataSet training, DataSet validation, DataSet test,
        DataSet? certification = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(training);
        if (options.Batch < 1 || options.Batch > training.Count)
            throw new UserException(ErrorKind.Usage, $"batch: expected 1 to {training.Count} training images, found {options.Batch}");
        network.Demand(training.Shape);
        (Network, _augmentation, _rule) = (network, options.Augmentation, options.Rule);
        _memory = new DeviceMemory(device);
        try
        {
            Parameters = new Parameters(_memory, network, options.Rule);
            _builder = new StepBuilder(_memory, network, Parameters, options.Batch, options.GradientsTogether);
            certification ??= DataSet.Empty(training.Shape);
            _batches = new Batches(_memory, options, network.Data, _builder.Inputs, training, validation, test, certification);
            _evaluator = new Evaluator(_memory, _batches);
            _schedule = new Schedule(_memory, options.Rule, options.Momentum, _batches.StepsPerEpoch);
            _programs = new StepPrograms(Parameters, options, _builder, _batches, _evaluator, _schedule);
            Parameters.Initialize(network, options.Seed);
        }
        catch (InsufficientMemoryException)
        {
            _memory.Dispose();
            throw;
        }
    }

    public NetworkDescription Network { get; }
    public Parameters Parameters { get; }
    public ComputeDevice Device => _memory.Device;

    /// <summary>Buffers that live as long as the trainer, for whoever measures its parameters.</summary>
    public DeviceMemory Memory => _memory;

    /// <summary>Images per step.</summary>
    public int Batch => _batches.Size;

    /// <summary>Images of a part.</summary>
    public int Images(Part part) => _batches.Count(part);

    /// <summary>Whole batches in the training images; the rest of an epoch's order is left out.</summary>
    public int StepsPerEpoch => _batches.StepsPerEpoch;

    /// <summary>
    /// Views of an image that a teacher answers for at most: what the augmentation says, as far as answers take a quarter of a GB.
    /// </summary>
    public int TaughtViews =>
        (int)Math.Clamp(MostAnswers / ((long)_batches.Count(Part.Training) * Network.Data.Classes), 1, _augmentation.Taught);

    /// <summary>Steps since the start or the last <see cref="ResetOptimizer"/>: t of Adam's bias corrections.</summary>
    public long Updates => _schedule.Updates;

    /// <summary>The step that training runs, for profiles.</summary>
    public StepProgram TrainingStep => _programs.Training;

    /// <summary>The shared values of each layer as training left them.</summary>
    /// <exception cref="InvalidOperationException">Nothing is shared.</exception>
    public IReadOnlyList<float[]> Codebooks => _programs.Shared?.Codebooks ?? throw new InvalidOperationException("nothing is shared");

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
        int correct = 0;
        for (int done = 0; done < steps;)
        {
            cancellation.ThrowIfCancellationRequested();
            int asked = _batches.Prepare(steps - done), first = _batches.Position, before = done;
            _schedule.Set(first, asked, i => rates(before + i));
            // Rates are counted from the step counter as the order is, so a launch in mid-epoch finds both in place.
            var program = _programs.Training;
            _builder.LoadLive();
            int taken = run(program, asked);
            _builder.StoreLive();
            _schedule.Updates += taken;
            _batches.Take(taken);
            var score = _evaluator.Read(first, taken, taken * Batch, $"step {Updates - taken + 1}");
            loss += score.Loss * taken;
            correct += score.Correct;
            done += taken;
        }
        return new Score(loss / steps, correct, steps * Batch);
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

    /// <summary>
    /// Running averages of batch normalisation follow weights that were changed without training: pruned, or averaged. The next batches of
    /// training images go forward; nothing else moves, and networks without such averages need nothing.
    /// </summary>
    /// <param name="cancellation">Ends it as <see cref="Train(int, Func{int, StepRates}, CancellationToken)"/>.</param>
    public void Normalise(CancellationToken cancellation = default)
    {
        if (!Network.Parameters.Any(p => p.Role == ParameterRole.Variance))
            return;
        for (int done = 0, taken; done < NormalisingSteps; done += taken)
        {
            taken = _batches.Prepare(NormalisingSteps - done);
            Running(_programs.Normalisation, cancellation)(taken);
            _batches.Take(taken);
        }
    }

    /// <summary>Loss and accuracy on a part of the data, without training.</summary>
    /// <param name="part">Of the data.</param>
    /// <param name="cancellation">Ends it as <see cref="Train(int, Func{int, StepRates}, CancellationToken)"/>.</param>
    public Score Evaluate(Part part, CancellationToken cancellation = default) =>
        _evaluator.Score(part, Running(_programs.Evaluation, cancellation));

    /// <summary>The same image by image.</summary>
    public Outcomes EvaluateEach(Part part) => _evaluator.Outcomes(part, Running(_programs.Evaluation, default));

    /// <summary>The class that the network answers to each image of a part, in the order of the part.</summary>
    /// <param name="part">Of the data.</param>
    /// <param name="cancellation">Ends it as <see cref="Train(int, Func{int, StepRates}, CancellationToken)"/>.</param>
    public int[] Answers(Part part, CancellationToken cancellation = default)
    {
        int count = _batches.Count(part);
        if (count == 0)
            return [];
        var classes = _memory.Allocate<int>(count);
        var logits = _memory.Allocate<float>((long)count * _builder.Logits.Shape.Features);
        var answer = Answer.Of(Device, "answer", _builder.Logits, _batches.Step, logits, classes);
        _batches.InTurn(part, 0, Running(_programs.EndingWith(answer), cancellation));
        return _memory.Download(classes);
    }

    /// <summary>
    /// From now on the network that stands here now teaches: see <see cref="Distillation"/>. With several views images are shown in these,
    /// with their labels.
    /// </summary>
    /// <param name="share">The teacher's share of the gradient, 0 to 1.</param>
    /// <param name="temperature">How soft its answers are made.</param>
    /// <param name="views">Of an image: 1 to <see cref="TaughtViews"/>.</param>
    /// <param name="cancellation">Ends it as <see cref="Train(int, Func{int, StepRates}, CancellationToken)"/>; then nobody
    /// teaches.</param>
    public void Teach(double share, double temperature, int views = 1, CancellationToken cancellation = default)
    {
        if (views < 1 || views > TaughtViews)
            throw new ArgumentOutOfRangeException(nameof(views), views, $"expected 1 to {TaughtViews}");
        var teacher = _teacher ??= new Teacher(_memory, _builder, _batches, TaughtViews);
        var recording = _programs.EndingWith(teacher.Record(temperature));
        for (int view = 0; view < views; view++)
            _batches.InTurn(Part.Training, view, Running(recording, cancellation));
        _batches.Show(views);
        _programs.LearnFrom(teacher.Mix(share, temperature));
    }

    /// <summary>From now on the labels teach alone.</summary>
    public void DismissTeacher()
    {
        _programs.LearnFrom(null);
        _batches.Show(_augmentation.Shown);
    }

    /// <summary>
    /// Where the order of images stands. With <see cref="Save"/> that is all that training depends on, besides what the trainer was told:
    /// its optimizer, teacher and shared values.
    /// </summary>
    public OrderPlace Place
    {
        get => _batches.Place;
        set => _batches.Place = value;
    }

    /// <summary>The next step begins a new epoch, and the orders of images come as they came after construction.</summary>
    public void RestartOrder() => _batches.Restart();

    /// <summary>The optimizer; another one begins with what the last left of its moments, until <see cref="ResetOptimizer"/>.</summary>
    /// <exception cref="ArgumentException">It has more moments than the one that the trainer was made with.</exception>
    public UpdateRule Rule
    {
        get => _schedule.Rule;
        set => _schedule.Rule = Update.Moments(value) <= Update.Moments(_rule) ? value
            : throw new ArgumentException($"expected an optimizer with no more moments than {_rule}, found {value}", nameof(value));
    }

    /// <summary>Moments to zero, t to zero.</summary>
    public void ResetOptimizer()
    {
        Parameters.ResetMoments();
        _schedule.Updates = 0;
    }

    /// <summary>
    /// Weight sharing: the weights become the values that stand for them, and from now on training moves values instead of weights, and
    /// biases as before. The optimizer begins anew.
    /// </summary>
    /// <param name="shared">One per layer, pruned where the mask is 0; or null: weights are trained again.</param>
    public void Share(IReadOnlyList<SharedWeights>? shared)
    {
        _programs.Shared?.Dispose();
        _programs.Shared = shared is null ? null : new SharedValues(Parameters, shared);
        ResetOptimizer();
    }

    /// <summary>Everything that the further course of training depends on, but for the order of images (<see cref="Place"/>).</summary>
    public TrainerState Save() => new(Parameters.Save(), Updates);

    /// <summary>Back to a saved state; the order of images goes on as it is.</summary>
    public void Restore(TrainerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        Parameters.Restore(state.Parameters);
        _schedule.Updates = state.Updates;
    }

    public void Dispose()
    {
        _programs.Shared?.Dispose();
        _memory.Dispose();
    }

    /// <summary>Runs steps to their end, from live weights where the program is made of these.</summary>
    private Action<int> Running(StepProgram program, CancellationToken cancellation) => steps =>
    {
        _builder.LoadLive();
        program.Run(steps, cancellation);
        Device.Synchronize();
        cancellation.ThrowIfCancellationRequested();
    };
}

/// <summary>A trainer's state to come back to.</summary>
public sealed record TrainerState(ParameterState Parameters, long Updates);
