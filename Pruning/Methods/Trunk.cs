using System.Globalization;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// The two kinds of training that dynamic pruning is made of: down the trunk, where thresholds rise at a high learning rate, and along a
/// branch, where the mask stays and the rate falls to zero.
/// </summary>
/// <remarks>
/// No threshold is given anywhere. A step down is a number of live weights; the common threshold on <see cref="Kernels.Saliency"/> that keeps
/// them is found by counting (<see cref="GlobalThreshold"/>), four times an epoch, since weights move. Saliency beats magnitude where few
/// weights are left. Epochs get longer in number as they get cheaper: d^-0.4 times as
/// many at density d, on the trunk as in branches.
/// </remarks>
internal static class Trunk
{
    public const string Phase = "prune", BranchPhase = "anneal";

    /// <summary>Saved states per halving of the weights.</summary>
    public const int StatesPerHalving = 2;

    /// <summary>From one saved state to the next: the ratio grows by this factor.</summary>
    public static readonly double Step = Math.Pow(2, 1.0 / StatesPerHalving);

    /// <summary>Threshold moves per epoch.</summary>
    private const int MovesPerEpoch = 4;

    /// <summary>From the dense network, which teaches from now on if the options say so, with a fresh optimizer.</summary>
    public static void Begin(PruneSession session)
    {
        session.Trainer.ResetOptimizer();
        if (session.Options.TeacherShare > 0)
            session.Trainer.Teach(session.Options.TeacherShare, session.Options.Temperature);
    }

    /// <summary>Raises the thresholds until 1 / <paramref name="ratio"/> of the weights lives; 1 / <paramref name="from"/> does now.</summary>
    public static void Descend(PruneSession session, double from, double ratio)
    {
        var options = session.Options;
        int total = session.Trainer.Parameters.WeightCount, perMove = Math.Max(1, session.Trainer.StepsPerEpoch / MovesPerEpoch);
        double halvings = Math.Log2(ratio / from);
        int moves = Math.Max(1, (int)Math.Round(MovesPerEpoch * Stretched(options.Epochs * options.TrunkShare * halvings, from)));
        Score score = default;
        var thresholds = Array.Empty<float>();
        for (int move = 1; move <= moves; move++)
        {
            var moments = session.Pruner.Moments();
            // The last in so many words, so that rounding cannot cost a weight of what is asked for.
            int kept = (int)(total / (move == moves ? ratio : from * Math.Pow(ratio / from, (double)move / moves)));
            session.Pruner.RateSaliency();
            float threshold = GlobalThreshold.Keeping(session.Pruner, Criterion.Saliency, moments.Sum(m => m.Live), kept);
            thresholds = [.. moments.Select(_ => threshold)];
            session.Pruner.Prune(thresholds, Criterion.Saliency);
            score = session.Train(Phase, perMove, _ => new StepRates(options.PruneRate, options.Decay), (double)move / MovesPerEpoch, (double)moves / MovesPerEpoch);
        }
        string aim = string.Create(CultureInfo.InvariantCulture, $"trunk down to 1/{ratio:F1}");
        session.Log(Phase, options.PruneRate, score, session.Trainer.Evaluate(Part.Validation), Decision.Raise, aim, thresholds);
    }

    /// <summary>The learning rate falls to zero along a cosine; the mask stays.</summary>
    public static Score Anneal(PruneSession session, double ratio)
    {
        var options = session.Options;
        int steps = session.Trainer.StepsPerEpoch, epochs = Math.Max(1, (int)Math.Round(Stretched(options.Epochs * options.BranchShare, ratio)));
        Score score = default;
        for (int epoch = 0; epoch < epochs; epoch++)
            score = session.Train(BranchPhase, steps, PruneSession.Cosine(options.PruneRate, options.Decay, epoch * steps, epochs * steps), epoch + 1, epochs);
        return score;
    }

    /// <summary>Epochs that <paramref name="epochs"/> at full density correspond to.</summary>
    private static double Stretched(double epochs, double ratio) => epochs * Math.Pow(ratio, 0.4);
}
