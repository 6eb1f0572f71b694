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
/// Several budgets share one search: the largest decides how far down the trunk goes, every branch is judged against each, and then
/// each in turn, the smallest first, has its own gap between good and bad narrowed, with all branches there are by then.
/// </remarks>
public sealed class DynamicPruning : IPruningMethod
{
    /// <summary>Doubtful branches, one after the other, that end the way down.</summary>
    private const int Patience = 2;

    public string Name => "dynamic";

    /// <summary>A state of the trunk: total / kept, everything to go on from, and what became of its branch.</summary>
    private sealed record Node(double Ratio, TrainerState State)
    {
        /// <summary>Null until its branch is judged.</summary>
        public Leaf? Branch { get; set; }
    }

    /// <summary>A branch that was judged.</summary>
    /// <param name="Iteration">Its number in the log.</param>
    /// <param name="Kept">Live weights.</param>
    /// <param name="Tries">Branches judged so far, this one included.</param>
    /// <param name="Epochs">Epochs of pruning so far.</param>
    /// <param name="Seconds">The same in time.</param>
    /// <param name="Validation">On the validation images.</param>
    /// <param name="Within">The budgets that it is within.</param>
    /// <param name="State">The network; null where it is within none.</param>
    public sealed record Leaf(
        int Iteration, int Kept, int Tries, double Epochs, double Seconds, Score Validation, IReadOnlyList<double> Within, TrainerState? State);

    private readonly List<Leaf> _leaves = [];

    /// <summary>Branches within a budget in the order of their finding.</summary>
    public IEnumerable<Leaf> Leaves(double budget) => _leaves.Where(l => l.Within.Contains(budget));

    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var options = session.Options;
        var budgets = options.MaxDrop.Values;
        double start = session.Epoch;
        var trunk = new List<Node> { new(1, session.Trainer.Save()) };
        double startSeconds = session.Elapsed;
        _leaves.Clear();
        int branches = 0;
        var settled = new HashSet<double>();
        Trunk.Begin(session);

        // Down the trunk, a branch every halving from the first ratio on, until one is damaged for certain or two in a row are in doubt.
        for (int misses = 0; misses < Patience;)
        {
            double ratio = trunk[^1].Ratio * Trunk.Step;
            Trunk.Descend(session, trunk[^1].Ratio, ratio);
            trunk.Add(new Node(ratio, session.Trainer.Save()));
            if ((trunk.Count - 1) % Trunk.StatesPerHalving != 0 || ratio < options.FirstRatio - 0.5)
                continue;
            misses = Judge(trunk[^1]) switch { Verdict.Within => 0, Verdict.Doubtful => misses + 1, _ => Patience };
        }
        PruneOutcome[] outcomes = [.. budgets.Select(Narrow)];
        session.Trainer.DismissTeacher();
        session.Trainer.Restore(outcomes[0].State);
        return outcomes;

        // Between the lightest good and the heaviest bad: saved states first, then new ones, half way down from the good one.
        PruneOutcome Narrow(double budget)
        {
            while (true)
            {
                int good = Math.Max(0, trunk.FindLastIndex(n => n.Branch?.Within.Contains(budget) == true));
                int bad = trunk.FindIndex(good + 1, n => n.Branch is not null);
                if (trunk[bad].Ratio / trunk[good].Ratio <= options.Resolution)
                {
                    var best = trunk[good].Branch;
                    settled.Add(budget);
                    return new PruneOutcome(
                        budget, best?.Iteration ?? 0, branches, session.Epoch - start, session.Elapsed - startSeconds, best is not null,
                        best?.State ?? trunk[0].State);
                }
                if (bad - good == 1)
                {
                    double ratio = Math.Sqrt(trunk[good].Ratio * trunk[bad].Ratio);
                    session.Trainer.Restore(trunk[good].State);
                    Trunk.Descend(session, trunk[good].Ratio, ratio);
                    trunk.Insert(bad++, new Node(ratio, session.Trainer.Save()));
                }
                Judge(trunk[(good + bad) / 2]);
            }
        }

        // Anneals and judges; the verdict is the one on the largest budget.
        Verdict Judge(Node node)
        {
            session.Trainer.Restore(node.State);
            var train = Trunk.Anneal(session, node.Ratio);
            var outcomes = session.Trainer.EvaluateEach(Part.Validation);
            Judgement[] judgements = [.. budgets.Select(b => Judgement.Of(session.Dense, outcomes, b))];
            int kept = session.Pruner.Moments().Sum(m => m.Live);
            // A budget that is settled stays with its result, whatever branches of larger ones turn out to be.
            double[] within = [.. budgets.Where((b, i) => judgements[i].Verdict == Verdict.Within && kept > 0 && !settled.Contains(b))];
            string judged = judgements.Length == 1 ? $"{judgements[0]}"
                : string.Join("; ", budgets.Zip(judgements).Where(p => !settled.Contains(p.First))
                    .Select(p => string.Create(CultureInfo.InvariantCulture, $"budget {p.First}: {p.Second}")));
            string reason = string.Create(CultureInfo.InvariantCulture, $"1/{node.Ratio:F1} of the weights: {judged}");
            int iteration = session.Log(
                Trunk.BranchPhase, 0, train, outcomes.Score, within.Length > 0 ? Decision.Raise : Decision.Rollback, reason);
            session.Say(reason);
            branches++;
            node.Branch = new Leaf(
                iteration, kept, branches, session.Epoch - start, session.Elapsed - startSeconds, outcomes.Score, within,
                within.Length > 0 ? session.Trainer.Save() : null);
            if (within.Length > 0)
                _leaves.Add(node.Branch);
            if (within.Contains(budgets[0]))
                session.KeepBest(iteration);
            session.Trainer.Restore(trunk[^1].State);
            var verdict = judgements[^1].Verdict;
            return verdict == Verdict.Within && kept == 0 ? Verdict.Damaged : verdict;
        }
    }
}
