using System.Diagnostics;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// A trainer with what every method needs around it: kernels that measure and prune its layers, the dense network's outcome to compare
/// with, the clock, and the log. Nothing in it reads the test images.
/// </summary>
public sealed class PruneSession
{
    /// <summary>Reports of progress in an epoch.</summary>
    private const int PiecesPerEpoch = 4;

    /// <summary>Of dense training by SGD, in which the learning rate rises: at its peak a new network may go astray.</summary>
    private const double WarmUp = 0.1;

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly IRunObserver _observer;
    private readonly Journal? _journal;
    private double _before;
    private long _steps;
    private int _iteration;

    /// <summary>A run that begins now, or that goes on from what its journal has.</summary>
    /// <param name="trainer">What is trained and pruned.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="observer">Where it reports.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="journal">Where it is recorded; null for nowhere.</param>
    public PruneSession(
        Trainer trainer, PruneOptions options, IRunObserver observer, CancellationToken cancellation, Journal? journal = null)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(options);
        (Trainer, Options) = (trainer, options.For(trainer.Network));
        (_observer, Cancellation, _journal) = (observer, cancellation, journal);
        Pruner = new LayerPruner(trainer);
    }

    /// <summary>What trains and measures, and holds the network.</summary>
    public Trainer Trainer { get; }

    /// <summary>What prunes it.</summary>
    public LayerPruner Pruner { get; }

    /// <summary>What is asked for, with what follows from the network.</summary>
    public PruneOptions Options { get; }

    /// <summary>The dense network on the validation images, image by image: what every later state is compared with.</summary>
    public Outcomes Dense { get; private set; } = new([], []);

    /// <summary>Epochs trained so far.</summary>
    public double Epoch => (double)_steps / Trainer.StepsPerEpoch;

    /// <summary>Whether the user asked to end.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>
    /// Seconds, those of <see cref="Untimed"/> not counted; of a run that goes on those of the processes before too, up to what they
    /// recorded.
    /// </summary>
    public double Elapsed => _before + _clock.Elapsed.TotalSeconds;

    /// <summary>The last iteration's number.</summary>
    public int LastIteration => _iteration;

    /// <summary>Right answers on the validation images that a budget demands; whole images, so that no rounding decides.</summary>
    public int Needed(double budget) => Dense.Score.Correct - Judgement.Allowance(budget, Dense.Score.Images);

    /// <summary>Whether an outcome on the validation images is within a budget.</summary>
    public bool WithinBudget(Score validation, double budget) => validation.Correct >= Needed(budget);

    /// <summary>Trains the dense network, cosine schedule down to zero, by SGD with a slow start, and keeps its outcome.</summary>
    public void TrainDense()
    {
        Say($"dense training: {Options.DenseEpochs} epochs");
        Trainer.Rule = Options.Rule;
        int steps = Options.DenseEpochs * Trainer.StepsPerEpoch;
        for (int epoch = 0; epoch < Options.DenseEpochs; epoch++)
        {
            int done = epoch * Trainer.StepsPerEpoch;
            var rates = DenseRates(done, steps);
            bool last = epoch + 1 == Options.DenseEpochs;
            var (train, validation) = Step(
                () => (Train("dense", Trainer.StepsPerEpoch, rates, epoch, Options.DenseEpochs), Trainer.Evaluate(Part.Validation)),
                keep: last);
            Log(
                "dense", rates(Trainer.StepsPerEpoch - 1).Rate, train, validation,
                last ? Decision.Finish : Decision.Hold,
                last ? "dense network, which later ones are compared with" : $"dense training, epoch {epoch + 1} of {Options.DenseEpochs}");
        }
        TakeAsDense();
    }

    /// <summary>
    /// Takes the network as it is for the dense one. The optimizer and the order of images begin anew, so that a method goes the same way
    /// whether the network was trained just now or comes from a file.
    /// </summary>
    public void TakeAsDense()
    {
        Trainer.Rule = UpdateRule.Adam;
        Trainer.ResetOptimizer();
        Trainer.RestartOrder();
        Dense = Trainer.EvaluateEach(Part.Validation);
    }

    /// <summary>
    /// Does training that is not done again when the run goes on after a break: see <see cref="Journal.Step"/>, and there for the
    /// parameters.
    /// </summary>
    public T Step<T>(Func<T> train, bool keep = true, float[]? with = null) =>
        Recorded(train, work => _journal!.Step(Trainer, work, keep, with));

    /// <summary>Measures what is not measured again when the run goes on: see <see cref="Journal.Recall"/>.</summary>
    public T Recall<T>(Func<T> measure) => Recorded(measure, work => _journal!.Recall(work));

    /// <summary>Trains some steps, stopping at a request to cancel.</summary>
    /// <exception cref="OperationCanceledException">The user interrupted; the trainer is in a whole state.</exception>
    public Score Train(string phase, int steps, Func<int, StepRates> rates, double epoch, double epochs)
    {
        int piece = Piece(Trainer), correct = 0;
        double loss = 0;
        for (int done = 0; done < steps;)
        {
            int before = done, taken = Math.Min(piece, steps - done);
            var score = Trainer.Train(taken, i => rates(before + i), Cancellation);
            done += taken;
            _steps += taken;
            loss += score.Loss * taken;
            correct += score.Correct;
            _observer.Progress(phase, epoch + (double)done / Trainer.StepsPerEpoch, epochs, score.Loss);
        }
        return new Score(loss / steps, correct, steps * Trainer.Batch);
    }

    /// <summary>
    /// Steps between two reports, so that who looks on sees it go on: a part of the epoch, whatever it takes, since no bit may depend on
    /// time.
    /// </summary>
    internal static int Piece(Trainer trainer) => Math.Max(1, trainer.StepsPerEpoch / PiecesPerEpoch);

    /// <summary>Stops at a request to cancel.</summary>
    /// <exception cref="OperationCanceledException">The user interrupted.</exception>
    public void StopIfAsked() => Cancellation.ThrowIfCancellationRequested();

    /// <summary>peak · (1 + cos(π (done + i) / total)) / 2 for step i.</summary>
    public static Func<int, StepRates> Cosine(double peak, double decay, int done, int total) =>
        i => new StepRates(0.5 * peak * (1 + Math.Cos(Math.PI * (done + i) / total)), decay);

    /// <summary>
    /// Of dense training: <see cref="Cosine"/>, of SGD times min(1, (done + i + 1) / (<see cref="WarmUp"/> total)).
    /// </summary>
    private Func<int, StepRates> DenseRates(int done, int total)
    {
        var cosine = Cosine(Options.LearningRate, Options.WeightDecay ?? 0, done, total);
        if (Options.Rule != UpdateRule.Momentum)
            return cosine;
        return i =>
        {
            var (rate, decay) = cosine(i);
            return new StepRates(rate * Math.Min(1, (done + i + 1) / (WarmUp * total)), decay);
        };
    }

    /// <summary>Does what is not the method's time: writing, keeping, and measuring for the log alone.</summary>
    public void Untimed(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        bool runs = _clock.IsRunning;
        _clock.Stop();
        action();
        if (runs)
            _clock.Start();
    }

    /// <summary>Writes an iteration to the log.</summary>
    /// <returns>Its number.</returns>
    public int Log(
        string phase, double rate, Score train, Score validation, Decision decision, string reason, float[]? thresholds = null,
        JudgedNetwork? judged = null)
    {
        _iteration++;
        var (row, layers) = Recall(Measured);
        Untimed(() => _observer.Iteration(row, layers));
        return _iteration;

        (IterationRow, LayerRow[]) Measured()
        {
            var moments = Pruner.Moments();
            var layers = Pruner.Layers.Select((l, i) =>
                new LayerRow(_iteration, l.Name, thresholds?[i] ?? 0, moments[i].Deviation, moments[i].Live, l.WeightCount)).ToArray();
            var row = new IterationRow(
                _iteration, Epoch, phase, Elapsed, rate, train.Loss, validation.Loss, validation.Accuracy, layers.Sum(l => l.Kept),
                layers.Sum(l => l.Total), decision, reason, judged);
            return (row, layers);
        }
    }

    /// <summary>Says that the trainer holds the best state so far, which that iteration ended with.</summary>
    public void KeepBest(int iteration) => Untimed(() => _observer.Best(iteration));

    /// <summary>Tells the observer a line for humans.</summary>
    public void Say(string line) => _observer.Say(line);

    /// <summary>What the journal holds of a step or a measurement, besides its value.</summary>
    private readonly record struct Entry<T>(T Value, double Elapsed, long Steps);

    /// <summary>Clock and epochs go on from where they were recorded; writing is not the method's time.</summary>
    private T Recorded<T>(Func<T> work, Func<Func<Entry<T>>, Entry<T>> record)
    {
        if (_journal is null)
            return work();
        bool runs = _clock.IsRunning;
        var entry = record(() =>
        {
            T value = work();
            _clock.Stop();
            return new Entry<T>(value, Elapsed, _steps);
        });
        (_before, _steps) = (entry.Elapsed - _clock.Elapsed.TotalSeconds, entry.Steps);
        if (runs)
            _clock.Start();
        return entry.Value;
    }
}
