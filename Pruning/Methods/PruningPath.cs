using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// The way down from a dense network: a quarter of an epoch of training after each move of the thresholds, and moves that make the ratio
/// grow with the square of the time, r(t) = (t / T)². Light networks get most of the epochs, which cost least there. Learning rate and L2
/// grow with the time until the ratio is 20 and are constant from there on: at full rate a network that still has most of its weights would
/// forget what made it good. Anywhere on the way a network can be taken: as the mean of the last moves (<see cref="Averaged"/>), which
/// costs nothing, or better, annealed (<see cref="Anneal"/>), its learning rate falling to zero.
/// </summary>
/// <remarks>
/// No threshold is given anywhere. A move is a number of live weights; the common threshold on <see cref="Saliency"/> that keeps them is
/// found by counting (<see cref="GlobalThreshold"/>). Saliency beats magnitude where few weights are left.
/// </remarks>
internal sealed class PruningPath
{
    private const string Phase = "prune";

    /// <summary>Threshold moves per epoch.</summary>
    private const int MovesPerEpoch = 4;

    /// <summary>Moves that the mean reaches back to, exponentially: two epochs.</summary>
    private const double Reach = 8;

    /// <summary>The ratio at which learning rate and L2 are what the options say.</summary>
    private const double FullRate = 20;

    /// <summary>Epochs of annealing, in units of those that the way down to its ratio has, or to this one if it is heavier.</summary>
    private const double AnnealShare = 0.4, AnnealFrom = 50;

    /// <summary>The ratio that the length of the way is told by.</summary>
    private const double Usual = 100;

    private readonly PruneSession _session;
    private readonly int _steps;
    private readonly double _begin;
    private readonly float[] _mean;
    private Score _train;
    private float[] _thresholds = [];

    /// <summary>Begins with what the trainer holds.</summary>
    /// <param name="session">Its trainer holds the network to go on from.</param>
    /// <param name="ratio">Total / kept from which it goes on.</param>
    /// <param name="moves">Moves that led to it; with none the first only trains, since saliency needs gradients.</param>
    public PruningPath(PruneSession session, double ratio, int moves = 0)
    {
        (_session, Ratio, Moves) = (session, ratio, moves);
        _steps = Math.Max(1, session.Trainer.StepsPerEpoch / MovesPerEpoch);
        _begin = Time(ratio);
        _mean = session.Trainer.Parameters.GetWeights();
    }

    /// <summary>Total / kept of the network in the trainer.</summary>
    public double Ratio { get; private set; }

    /// <summary>Moves so far.</summary>
    public int Moves { get; private set; }

    /// <summary>The last steps, with the last move's thresholds.</summary>
    public LastSteps Last => new(Phase, Rates.Rate, _train, _thresholds);

    /// <summary>Of the way at its ratio: min(1, √(ratio / <see cref="FullRate"/>)) times what the options say.</summary>
    internal StepRates Rates
    {
        get
        {
            double part = Math.Min(1, Time(Ratio) / Time(FullRate));
            return new StepRates(part * _session.Options.PruneRate, part * _session.Options.Decay);
        }
    }

    /// <summary>
    /// The network that stands in the trainer, the dense one, teaches from now on beside the labels, if the options say so, and images
    /// are shown in other views too: without augmentation every other one moved by a pixel.
    /// </summary>
    public static void Teach(PruneSession session)
    {
        var (trainer, options) = (session.Trainer, session.Options);
        if (options.TeacherShare > 0)
            trainer.Teach(options.TeacherShare, options.Temperature, trainer.TaughtViews, session.Cancellation);
    }

    /// <summary>One move and the training after it.</summary>
    /// <param name="limit">Total / kept that it does not go beyond.</param>
    public void Move(double limit = double.PositiveInfinity)
    {
        if (Moves > 0)
        {
            Ratio = Math.Min(limit, RatioAt(Time(Ratio) + 1.0 / MovesPerEpoch));
            int kept = (int)(_session.Trainer.Parameters.WeightCount / Ratio);
            _session.Pruner.RateSaliency();
            _thresholds = GlobalThreshold.Prune(_session.Pruner, Criterion.Saliency, kept);
        }
        // Nobody knows where the way ends: a hundredth of the weights stands for it, as long as that is not behind.
        double done = (double)Moves / MovesPerEpoch, end = Math.Max(Time(Usual) - _begin, done + 1.0 / MovesPerEpoch);
        var rates = Rates;
        _train = _session.Train(Phase, _steps, _ => rates, done, end);
        Moves++;
        Average();
    }

    /// <summary>Moves until a ratio is reached.</summary>
    public void GoTo(double ratio) => GoBeyond(ratio, 0, ratio);

    /// <summary>Moves until a ratio is reached or passed.</summary>
    /// <param name="ratio">Total / kept.</param>
    /// <param name="moves">It goes on until there were so many too.</param>
    /// <param name="limit">Total / kept that ends it at once.</param>
    public void GoBeyond(double ratio, int moves, double limit) => Step(() =>
    {
        do
        {
            Move(limit);
        }
        while (Ratio < limit && (Ratio < ratio || Moves < moves));
    });

    /// <summary>
    /// Puts the mean of the last moves' weights into the trainer: what annealing would come near to. The way down goes on from a state that
    /// was saved before.
    /// </summary>
    public void Averaged()
    {
        _session.Trainer.Parameters.SetWeights(_mean);
        _session.Trainer.Normalise(_session.Cancellation);
    }

    /// <summary>
    /// The learning rate falls to zero along a cosine. Without L2: it sorts weights while thresholds rise, and costs accuracy once those
    /// that stay are settled.
    /// </summary>
    /// <param name="length">In units of the usual one.</param>
    /// <returns>The epochs that it took.</returns>
    public double Anneal(double length = 1)
    {
        int parts = Math.Max(1, (int)Math.Round(length * MovesPerEpoch * AnnealShare * Time(Math.Max(AnnealFrom, Ratio))));
        Step(() =>
        {
            for (int part = 0; part < parts; part++)
            {
                var rates = PruneSession.Cosine(Rates.Rate, 0, part * _steps, parts * _steps);
                _train = _session.Train(Phase, _steps, rates, (double)part / MovesPerEpoch, (double)parts / MovesPerEpoch);
            }
        });
        return (double)parts * _steps / _session.Trainer.StepsPerEpoch;
    }

    /// <summary>A step of the session, of which the path is a part.</summary>
    private void Step(Action train) => (Ratio, Moves, _train, _thresholds) = _session.Step(
        () =>
        {
            train();
            return (Ratio, Moves, _train, _thresholds);
        },
        with: _mean);

    /// <summary>Epochs of the whole way from 1 to a ratio.</summary>
    private double Time(double ratio) => Unit * Math.Sqrt(ratio);

    private double RatioAt(double time) => Math.Pow(time / Unit, 2);

    /// <summary>T: epochs until the ratio is 1, counted back from where it is 100.</summary>
    private double Unit => _session.Options.Epochs * _session.Options.PathShare / Math.Sqrt(Usual);

    private void Average()
    {
        float[] weights = _session.Trainer.Parameters.GetWeights(), mask = _session.Trainer.Parameters.GetMask();
        float share = (float)Math.Max(1 / Reach, 1.0 / Moves);
        // A product with the mask could be -0, and then what is pruned would have to be stored.
        for (int i = 0; i < weights.Length; i++)
            _mean[i] = mask[i] == 0 ? 0 : _mean[i] + (weights[i] - _mean[i]) * share;
    }
}
