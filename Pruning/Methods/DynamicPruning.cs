using System.Globalization;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// Thresholds moved by measured accuracy (after Lee and Park 2021), as a trunk with branches. On the trunk the network trains at a high
/// learning rate while its thresholds rise, and its state is saved every step down. A branch starts from a saved state, leaves the mask
/// as it is, lets the learning rate fall to zero, and is judged on the validation images against the dense network. While branches
/// stay within the budget the trunk goes on; after one that is damaged for certain, or two in a row in doubt (<see cref="Judgement"/>), states between the lightest good and the heaviest bad one are
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

    /// <summary>Doubtful branches, one after the other, that end the way down.</summary>
    private const int Patience = 2;

    private const string TrunkPhase = "prune", BranchPhase = "anneal";

    public string Name => "dynamic";

    /// <summary>A state of the trunk: total / kept, and everything to go on from.</summary>
    private sealed record Node(double Ratio, TrainerState State);

    /// <summary>A branch within the budget.</summary>
    /// <param name="Iteration">Its number in the log.</param>
    /// <param name="Kept">Live weights.</param>
    /// <param name="Tries">Branches judged so far, this one included.</param>
    /// <param name="Epochs">Epochs of pruning so far.</param>
    /// <param name="Seconds">The same in time.</param>
    /// <param name="Validation">On the validation images.</param>
    /// <param name="State">The network.</param>
    public sealed record Leaf(int Iteration, int Kept, int Tries, double Epochs, double Seconds, Score Validation, TrainerState State);

    private readonly List<Leaf> _leaves = [];

    /// <summary>Branches within the budget in the order of their finding; the last is the lightest.</summary>
    public IReadOnlyList<Leaf> Leaves => _leaves;

    public PruneOutcome Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var options = session.Options;
        double start = session.Epoch;
        var trunk = new List<Node> { new(1, session.Trainer.Save()) };
        double startSeconds = session.Elapsed;
        _leaves.Clear();
        int good = 0, bad, branches = 0;
        session.Trainer.ResetOptimizer();
        if (options.TeacherShare > 0)
            session.Trainer.Teach(options.TeacherShare, options.Temperature);

        // Down the trunk, a branch every halving from the first ratio on, until one is damaged for certain or two in a row are in doubt.
        bad = -1;
        for (int misses = 0; misses < Patience;)
        {
            Descend(session, trunk, trunk[^1].Ratio * Math.Pow(2, 1.0 / StatesPerHalving));
            int last = trunk.Count - 1;
            if (last % StatesPerHalving != 0 || trunk[last].Ratio < options.FirstRatio - 0.5)
                continue;
            var verdict = Branch(last);
            if (verdict == Verdict.Within)
                (good, bad, misses) = (last, -1, 0);
            else
                (bad, misses) = (misses == 0 ? last : bad, verdict == Verdict.Damaged ? Patience : misses + 1);
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
            if (Branch(middle) == Verdict.Within)
                good = middle;
            else
                bad = middle;
        }
        session.Trainer.DismissTeacher();
        session.Trainer.Restore(_leaves.Count > 0 ? _leaves[^1].State : trunk[0].State);
        return new PruneOutcome(_leaves.Count > 0 ? _leaves[^1].Iteration : 0, branches, session.Epoch - start, _leaves.Count > 0);

        Verdict Branch(int index)
        {
            var node = trunk[index];
            session.Trainer.Restore(node.State);
            var train = Anneal(session, node.Ratio);
            var outcomes = session.Trainer.EvaluateEach(Part.Validation);
            var judgement = Judgement.Of(session.Dense, outcomes, options.MaxDrop);
            int kept = session.Pruner.Moments().Sum(m => m.Live);
            bool within = judgement.Verdict == Verdict.Within && kept > 0;
            string reason = string.Create(CultureInfo.InvariantCulture, $"1/{node.Ratio:F1} of the weights: {judgement}");
            int iteration = session.Log(BranchPhase, 0, train, outcomes.Score, within ? Decision.Raise : Decision.Rollback, reason);
            session.Say(reason);
            branches++;
            if (within)
            {
                _leaves.Add(new Leaf(
                    iteration, kept, branches, session.Epoch - start, session.Elapsed - startSeconds, outcomes.Score, session.Trainer.Save()));
                session.KeepBest(iteration);
            }
            session.Trainer.Restore(trunk[^1].State);
            return within ? Verdict.Within : judgement.Verdict == Verdict.Within ? Verdict.Damaged : judgement.Verdict;
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
