using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// Thresholds moved by measured accuracy (after Lee and Park 2021). In cycles: thresholds rise while the network trains on, then the
/// learning rate falls to zero, then the network is judged on the validation images against the dense one. Within the budget, the next
/// cycle aims at a lighter network; outside it, the thresholds go back to the last good state and the next cycle aims between the two.
/// </summary>
/// <remarks>
/// Only annealed networks are judged, because at a high learning rate one epoch's accuracy dips by more than the budget and a controller
/// would take noise for damage. No threshold is given: a cycle's aim is a number of live weights, and the common threshold that keeps them
/// is found by counting (<see cref="GlobalThreshold"/>), several times an epoch, since weights move.
/// </remarks>
public sealed class DynamicPruning : IPruningMethod
{
    /// <summary>Threshold moves per epoch.</summary>
    private const int MovesPerEpoch = 4;

    public string Name => "dynamic";

    public PruneOutcome Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var options = session.Options;
        var trainer = session.Trainer;
        int total = trainer.Parameters.WeightCount;
        double start = session.Epoch, good = 1, bad = double.PositiveInfinity, ratio = options.FirstRatio;
        int best = session.LastIteration, tries = 0;
        var state = trainer.Save();
        while (session.Epoch - start + options.CycleEpochs <= options.Epochs && bad / good > options.Resolution)
        {
            trainer.ResetOptimizer();
            tries++;
            int kept = (int)(total / ratio);
            var score = Cycle(session, kept, $"aim {kept}");
            var validation = trainer.Evaluate(Part.Validation);
            bool within = validation.Accuracy >= session.Floor;
            string reason = $"validation {validation.Accuracy:F2} against {session.Floor:F2}: aim of 1/{ratio:F1} {(within ? "reached" : "missed")}";
            int iteration = session.Log("judge", 0, score, validation, within ? Decision.Raise : Decision.Rollback, reason);
            session.Say($"1/{ratio:F1} of the weights: validation {validation.Accuracy:F2} % (floor {session.Floor:F2} %), {(within ? "kept" : "rolled back")}");
            if (within)
            {
                (good, best, state) = (ratio, iteration, trainer.Save());
                ratio = double.IsPositiveInfinity(bad) ? ratio * options.RatioStep : Math.Sqrt(good * bad);
            }
            else
            {
                bad = ratio;
                trainer.Restore(state);
                ratio = Math.Sqrt(good * bad);
            }
        }
        trainer.Restore(state);
        return new PruneOutcome(best, tries, session.Epoch - start, good > 1);
    }

    /// <summary>Thresholds rise geometrically to the aim over the first part of the cycle at the peak rate; then a cosine down to zero.</summary>
    private static Score Cycle(PruneSession session, int kept, string aim)
    {
        var options = session.Options;
        int perMove = session.Trainer.StepsPerEpoch / MovesPerEpoch;
        int moves = (int)(options.CycleEpochs * MovesPerEpoch), rising = (int)Math.Round(moves * options.RisingPart);
        int live = session.Pruner.Moments().Sum(m => m.Live);
        Score score = default;
        for (int move = 0; move < moves; move++)
        {
            float[]? thresholds = null;
            if (move < rising)
            {
                var moments = session.Pruner.Moments();
                int now = (int)(live * Math.Pow((double)kept / live, (move + 1.0) / rising));
                thresholds = GlobalThreshold.Keeping(session.Pruner, [.. moments.Select(_ => 1.0)], [.. moments.Select(m => m.Live)], now);
                session.Pruner.Prune(thresholds);
            }
            int done = move * perMove, falling = moves * perMove - rising * perMove;
            StepRates Rates(int i)
            {
                int past = done + i - rising * perMove;
                double rate = past < 0 ? options.PruneRate : 0.5 * options.PruneRate * (1 + Math.Cos(Math.PI * past / falling));
                return new StepRates(rate, options.Decay);
            }
            score = session.Train("prune", perMove, Rates, (double)move / MovesPerEpoch, options.CycleEpochs);
            if (move % MovesPerEpoch == MovesPerEpoch - 1 && move + 1 < moves)
                session.Log(
                    "prune", Rates(perMove - 1).Rate, score, session.Trainer.Evaluate(Part.Validation),
                    move < rising ? Decision.Raise : Decision.Hold, aim, thresholds);
        }
        return score;
    }
}
