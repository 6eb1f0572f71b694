using System.Globalization;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// Thresholds moved by measured accuracy (after Lee and Park 2021), as a trunk with branches. On the trunk the network trains at a high
/// learning rate while its thresholds rise, and its state is saved every step down. A branch starts from a saved state, leaves the mask
/// as it is, lets the learning rate fall to zero, and is judged on the validation images against the dense network. While branches
/// stay within the budget the trunk goes on; after the first that does not, states between the lightest good and the heaviest bad one are
/// tried until the two are close. The lightest good branch is the result.
/// </summary>
/// <remarks>
/// Only annealed networks are judged: at a high learning rate one epoch's accuracy dips by more than the budget, and a controller would
/// take noise for damage. And nothing is pruned from an annealed network: the trunk keeps its plasticity, a branch costs nothing but itself.
/// No threshold is given anywhere. A step down is a number of live weights; the common threshold that keeps them is found by counting
/// (<see cref="GlobalThreshold"/>), four times an epoch, since weights move. Epochs get longer in number as they get cheaper: d^-0.4 times as
/// many at density d, on the trunk as in branches.
/// </remarks>
public sealed class DynamicPruning : IPruningMethod
{
    /// <summary>Threshold moves per epoch.</summary>
    private const int MovesPerEpoch = 4;

    /// <summary>Saved states per halving of the weights.</summary>
    private const int StatesPerHalving = 2;

    private const string TrunkPhase = "prune", BranchPhase = "anneal";

    public string Name => "dynamic";

    /// <summary>A state of the trunk: total / kept, and everything to go on from.</summary>
    private sealed record Node(double Ratio, TrainerState State);

    /// <summary>A finished branch.</summary>
    private sealed record Leaf(double Ratio, int Iteration, TrainerState State);

    public PruneOutcome Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var options = session.Options;
        double start = session.Epoch;
        var trunk = new List<Node> { new(1, session.Trainer.Save()) };
        Leaf? best = null;
        int good = 0, bad, branches = 0;
        session.Trainer.ResetOptimizer();
        if (options.TeacherShare > 0)
            session.Trainer.Teach(options.TeacherShare, options.Temperature);

        // Down the trunk, a branch every halving from the first ratio on, until one breaks the budget.
        for (bad = -1; bad < 0;)
        {
            Descend(session, trunk, trunk[^1].Ratio * Math.Pow(2, 1.0 / StatesPerHalving));
            int last = trunk.Count - 1;
            if (last % StatesPerHalving != 0 || trunk[last].Ratio < options.FirstRatio - 0.5)
                continue;
            if (Branch(last))
                good = last;
            else
                bad = last;
        }
        // Between the two: saved states first, then new ones, half way down from the good one.
        while (trunk[bad].Ratio / trunk[good].Ratio > options.Resolution)
        {
            if (bad - good == 1)
            {
                session.Trainer.Restore(trunk[good].State);
                var between = new List<Node> { trunk[good] };
                Descend(session, between, Math.Sqrt(trunk[good].Ratio * trunk[bad].Ratio));
                trunk.Insert(bad++, between[1]);
            }
            int middle = (good + bad) / 2;
            if (Branch(middle))
                good = middle;
            else
                bad = middle;
        }
        session.Trainer.DismissTeacher();
        session.Trainer.Restore(best?.State ?? trunk[0].State);
        return new PruneOutcome(best?.Iteration ?? 0, branches, session.Epoch - start, best is not null);

        bool Branch(int index)
        {
            var node = trunk[index];
            session.Trainer.Restore(node.State);
            var train = Anneal(session, node.Ratio);
            var validation = session.Trainer.Evaluate(Part.Validation);
            bool within = session.WithinBudget(validation) && session.Pruner.Moments().Sum(m => m.Live) > 0;
            string reason = string.Create(
                CultureInfo.InvariantCulture,
                $"validation {validation.Accuracy:F2} against {session.Floor:F2} at 1/{node.Ratio:F1}: {(within ? "within" : "outside")} the budget");
            int iteration = session.Log(BranchPhase, 0, train, validation, within ? Decision.Raise : Decision.Rollback, reason);
            session.Say(reason);
            branches++;
            if (within)
            {
                best = new Leaf(node.Ratio, iteration, session.Trainer.Save());
                session.KeepBest(iteration);
            }
            session.Trainer.Restore(trunk[^1].State);
            return within;
        }
    }

    /// <summary>Epochs that <paramref name="epochs"/> at full density correspond to.</summary>
    private static double Stretched(double epochs, double ratio) => epochs * Math.Pow(ratio, 0.4);

    /// <summary>Raises the thresholds until 1 / <paramref name="ratio"/> of the weights lives, and adds the state to the trunk.</summary>
    private static void Descend(PruneSession session, List<Node> trunk, double ratio)
    {
        var options = session.Options;
        int total = session.Trainer.Parameters.WeightCount, perMove = Math.Max(1, session.Trainer.StepsPerEpoch / MovesPerEpoch);
        double from = trunk[^1].Ratio, halvings = Math.Log2(ratio / from);
        int moves = Math.Max(1, (int)Math.Round(MovesPerEpoch * Stretched(options.Epochs * options.TrunkShare * halvings, from)));
        Score score = default;
        var thresholds = Array.Empty<float>();
        for (int move = 1; move <= moves; move++)
        {
            var moments = session.Pruner.Moments();
            int kept = (int)(total / (from * Math.Pow(ratio / from, (double)move / moves)));
            thresholds = GlobalThreshold.Keeping(session.Pruner, [.. moments.Select(_ => 1.0)], [.. moments.Select(m => m.Live)], kept);
            session.Pruner.Prune(thresholds);
            score = session.Train(TrunkPhase, perMove, _ => new StepRates(options.PruneRate, options.Decay), (double)move / MovesPerEpoch, (double)moves / MovesPerEpoch);
        }
        string aim = string.Create(CultureInfo.InvariantCulture, $"trunk down to 1/{ratio:F1}");
        session.Log(TrunkPhase, options.PruneRate, score, session.Trainer.Evaluate(Part.Validation), Decision.Raise, aim, thresholds);
        trunk.Add(new Node(ratio, session.Trainer.Save()));
    }

    /// <summary>The learning rate falls to zero along a cosine; the mask stays.</summary>
    private static Score Anneal(PruneSession session, double ratio)
    {
        var options = session.Options;
        int steps = session.Trainer.StepsPerEpoch, epochs = Math.Max(1, (int)Math.Round(Stretched(options.Epochs * options.BranchShare, ratio)));
        Score score = default;
        for (int epoch = 0; epoch < epochs; epoch++)
            score = session.Train(BranchPhase, steps, PruneSession.Cosine(options.PruneRate, options.Decay, epoch * steps, epochs * steps), epoch + 1, epochs);
        return score;
    }
}
