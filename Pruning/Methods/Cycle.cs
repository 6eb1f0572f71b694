using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// What dynamic pruning is made of once the dense network bears no more (<see cref="Probe"/>): the learning rate starts high and falls to
/// zero along a cosine (a warm restart, Loshchilov and Hutter 2017); thresholds rise during the first half, and what the second ends with
/// is fit to be judged. The next cycle goes on from the middle, where the network is still plastic.
/// </summary>
/// <remarks>
/// No threshold is given anywhere. A move is a number of live weights; the common threshold on <see cref="Saliency"/> that keeps
/// them is found by counting (<see cref="GlobalThreshold"/>), four times an epoch, since weights move. Saliency beats magnitude where few
/// weights are left. A cycle's epochs are proportional to the ratio it prunes to: a network of 1 % of the weights gets the many that it
/// needs, each of which costs little.
/// </remarks>
internal sealed class Cycle
{
    public const string Phase = "prune";

    /// <summary>Threshold moves per epoch.</summary>
    private const int MovesPerEpoch = 4;

    /// <summary>From this ratio on cycles grow no longer.</summary>
    private const double LargestGrowing = 160;

    private readonly PruneSession _session;
    private readonly double _from, _ratio, _decay;
    private readonly int _moves, _steps;

    /// <param name="session">Its trainer holds the network to go on from.</param>
    /// <param name="from">Total / kept of that.</param>
    /// <param name="ratio">Total / kept at the end.</param>
    /// <param name="length">In units of a usual one.</param>
    public Cycle(PruneSession session, double from, double ratio, double length = 1)
    {
        // One that is longer than usual has as many times less learning rate and L2, so that it stays closer to the dense network; with all
        // of them it would go as far away as a usual one.
        double gentleness = Math.Max(1, length);
        (_session, _from, _ratio) = (session, from, ratio);
        (Rate, _decay) = (session.Options.PruneRate / gentleness, session.Options.Decay / gentleness);
        double epochs = length * session.Options.Epochs * session.Options.CycleShare * Math.Min(ratio, LargestGrowing);
        _moves = 2 * Math.Max(1, (int)Math.Round(MovesPerEpoch * epochs / 2));
        _steps = Math.Max(1, session.Trainer.StepsPerEpoch / MovesPerEpoch);
    }

    /// <summary>The peak of the learning rate, which the cycle begins with.</summary>
    public double Rate { get; }

    /// <summary>The first half, in which the thresholds rise.</summary>
    /// <returns>The score of the last steps, and the thresholds.</returns>
    public (Score Train, float[] Thresholds) Rise()
    {
        Score score = default;
        float[] thresholds = [];
        for (int move = 0; move < _moves / 2; move++)
        {
            thresholds = Raise((move + 1.0) / (_moves / 2));
            score = Train(move, _decay);
        }
        return (score, thresholds);
    }

    /// <summary>
    /// The second half, in which the learning rate falls to zero. Without L2: it sorts weights while thresholds rise, and costs accuracy once
    /// those that stay are settled.
    /// </summary>
    /// <returns>The score of the last steps.</returns>
    public Score Anneal()
    {
        Score score = default;
        for (int move = _moves / 2; move < _moves; move++)
            score = Train(move, decay: 0);
        return score;
    }

    /// <summary>
    /// The network that stands in the trainer, the dense one, teaches from now on beside the labels, if the options say so, and images moved
    /// by a pixel are shown too.
    /// </summary>
    public static void Teach(PruneSession session)
    {
        if (session.Options.TeacherShare > 0)
            session.Trainer.Teach(session.Options.TeacherShare, session.Options.Temperature, Gather.Views, session.Cancellation);
    }

    private Score Train(int move, double decay)
    {
        var rates = PruneSession.Cosine(Rate, decay, move * _steps, _moves * _steps);
        return _session.Train(Phase, _steps, rates, (double)move / MovesPerEpoch, (double)_moves / MovesPerEpoch);
    }

    /// <summary>A move: the common threshold goes up until total / (from (ratio / from)^share) weights live.</summary>
    private float[] Raise(double share)
    {
        // The last in so many words, so that rounding cannot cost a weight of what is asked for.
        int kept = (int)(_session.Trainer.Parameters.WeightCount / (share == 1 ? _ratio : _from * Math.Pow(_ratio / _from, share)));
        _session.Pruner.RateSaliency();
        return GlobalThreshold.Prune(_session.Pruner, Criterion.Saliency, kept);
    }
}
