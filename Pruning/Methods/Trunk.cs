using System.Globalization;
using Kernels;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// The two kinds of training that dynamic pruning is made of: down the trunk, where thresholds rise at a high learning rate, and along a
/// branch, where they rise a last time while the rate falls to zero.
/// </summary>
/// <remarks>
/// No threshold is given anywhere. A move is a number of live weights; the common threshold on <see cref="Saliency"/> that keeps
/// them is found by counting (<see cref="GlobalThreshold"/>), four times an epoch, since weights move. Saliency beats magnitude where few
/// weights are left. Effort goes where it counts: the first halvings cost next to nothing and are quick, a network of 1 % of the weights gets
/// many epochs, each of which costs little.
/// </remarks>
internal static class Trunk
{
    public const string Phase = "prune", BranchPhase = "anneal";

    /// <summary>From one saved state to the next the ratio grows by this factor; a branch prunes by as much at least, if it has so far to go.</summary>
    public static readonly double Step = Math.Sqrt(2);

    /// <summary>Threshold moves per epoch.</summary>
    private const int MovesPerEpoch = 4;

    /// <summary>Epochs grow with the ratio to this power, up to a ratio at which hardly a network lives: of a halving on the trunk, of a branch.</summary>
    private const double TrunkGrowth = 0.65, BranchGrowth = 0.75, LargestGrowing = 1000;

    /// <summary>The dense network, which stands in the trainer, teaches from now on, if the options say so.</summary>
    /// <param name="session">With the dense network in its trainer.</param>
    /// <param name="views">
    /// 1, or all of an image's (<see cref="Gather.Views"/>). On training images that it fits perfectly the dense network's answers hardly say more than
    /// the labels; on images moved by a pixel they say what function it is.
    /// </param>
    public static void Teach(PruneSession session, int views)
    {
        if (session.Options.TeacherShare > 0)
            session.Trainer.Teach(session.Options.TeacherShare, session.Options.Temperature, views);
    }

    /// <summary>Raises the thresholds until 1 / <paramref name="ratio"/> of the weights lives; 1 / <paramref name="from"/> does now.</summary>
    public static void Descend(PruneSession session, double from, double ratio)
    {
        var options = session.Options;
        double epochs = options.Epochs * options.TrunkShare * Math.Log2(ratio / from) * Growth(from, TrunkGrowth);
        int moves = Math.Max(1, (int)Math.Round(MovesPerEpoch * epochs));
        Score score = default;
        float[] thresholds = [];
        for (int move = 1; move <= moves; move++)
        {
            thresholds = Raise(session, from, ratio, (double)move / moves);
            score = session.Train(
                Phase, StepsPerMove(session), _ => new StepRates(options.PruneRate, options.Decay), (move - 1.0) / MovesPerEpoch, (double)moves / MovesPerEpoch);
        }
        string aim = string.Create(CultureInfo.InvariantCulture, $"trunk down to 1/{ratio:F1}");
        session.Log(Phase, options.PruneRate, score, session.Trainer.Evaluate(Part.Validation), Decision.Raise, aim, thresholds);
    }

    /// <summary>The learning rate falls to zero along a cosine; during the first half the thresholds rise to 1 / <paramref name="ratio"/>.</summary>
    /// <param name="session">Its trainer holds a state of the trunk.</param>
    /// <param name="from">Total / kept of that.</param>
    /// <param name="ratio">Total / kept at the end.</param>
    /// <param name="longer">How many times longer than usual.</param>
    /// <returns>The score of the last steps, and the thresholds.</returns>
    public static (Score Train, float[] Thresholds) Anneal(PruneSession session, double from, double ratio, int longer = 1)
    {
        var options = session.Options;
        int epochs = Math.Max(1, (int)Math.Round(longer * options.Epochs * options.BranchShare * Growth(ratio, BranchGrowth)));
        int moves = epochs * MovesPerEpoch, steps = StepsPerMove(session);
        Score score = default;
        float[] thresholds = [];
        for (int move = 0; move < moves; move++)
        {
            if (move < moves / 2)
                thresholds = Raise(session, from, ratio, (move + 1.0) / (moves / 2));
            var rates = PruneSession.Cosine(options.PruneRate, options.Decay, move * steps, moves * steps);
            score = session.Train(BranchPhase, steps, rates, (double)move / MovesPerEpoch, epochs);
        }
        return (score, thresholds);
    }

    private static double Growth(double ratio, double power) => Math.Pow(Math.Min(ratio, LargestGrowing), power);

    private static int StepsPerMove(PruneSession session) => Math.Max(1, session.Trainer.StepsPerEpoch / MovesPerEpoch);

    /// <summary>A move: the common threshold goes up until total / (from (ratio / from)^share) weights live.</summary>
    private static float[] Raise(PruneSession session, double from, double ratio, double share)
    {
        // The last in so many words, so that rounding cannot cost a weight of what is asked for.
        int kept = (int)(session.Trainer.Parameters.WeightCount / (share == 1 ? ratio : from * Math.Pow(ratio / from, share)));
        session.Pruner.RateSaliency();
        var moments = session.Pruner.Moments();
        float threshold = GlobalThreshold.Keeping(session.Pruner, Criterion.Saliency, moments.Sum(m => m.Live), kept);
        float[] thresholds = [.. moments.Select(_ => threshold)];
        session.Pruner.Prune(thresholds, Criterion.Saliency);
        return thresholds;
    }
}
