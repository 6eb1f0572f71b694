using System.Globalization;
using Kernels;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// Thresholds moved by measured accuracy (after Lee and Park 2021), as a trunk with branches. On the trunk the network trains at a high
/// learning rate while its thresholds rise, and its state is saved every step down. A branch starts from a saved state, lets the learning
/// rate fall to zero while the thresholds rise a last time, and is judged on the validation images against the dense network. While branches
/// stay within the budget each has half the weights of the one before; after one that is damaged for certain, or two in a row in doubt
/// (<see cref="Judgement"/>), ratios between the lightest good and the heaviest bad one are tried until the two are close. Where no branch is
/// good, the first is annealed anew, up to 8 times longer, and heavier ones after it. The lightest good branch is the result.
/// </summary>
/// <remarks>
/// Only annealed networks are judged: at a high learning rate one epoch's accuracy dips by more than the budget, and a controller would
/// take noise for damage. And nothing is pruned from an annealed network: the trunk keeps its plasticity, a branch costs nothing but itself.
/// Several budgets share one search: the largest decides how far down it goes, every branch is judged against each, and then
/// each in turn, the smallest first, has its own gap between good and bad narrowed, with all branches there are by then.
/// </remarks>
public sealed class DynamicPruning : IPruningMethod
{
    /// <summary>Doubtful branches, one after the other, that end the way down.</summary>
    private const int Patience = 2;

    /// <summary>How many times longer than usual a branch is annealed at most, where none is within a budget.</summary>
    private const int MostLonger = 8;

    public string Name => "dynamic";

    /// <summary>A state of the trunk: total / kept, and everything to go on from.</summary>
    private readonly record struct Node(double Ratio, TrainerState State);

    /// <summary>A branch that was judged.</summary>
    /// <param name="Ratio">Total / kept that it was pruned to.</param>
    /// <param name="Longer">How many times longer than usual it was annealed.</param>
    /// <param name="Iteration">Its number in the log.</param>
    /// <param name="Kept">Live weights.</param>
    /// <param name="Tries">Branches judged so far, this one included.</param>
    /// <param name="Epochs">Epochs of pruning so far.</param>
    /// <param name="Seconds">The same in time.</param>
    /// <param name="Validation">On the validation images.</param>
    /// <param name="Within">The budgets that it is within.</param>
    /// <param name="State">The network; null where it is within none.</param>
    public sealed record Leaf(
        double Ratio, int Longer, int Iteration, int Kept, int Tries, double Epochs, double Seconds, Score Validation, IReadOnlyList<double> Within,
        TrainerState? State);

    private readonly List<Leaf> _leaves = [];

    /// <summary>Branches within a budget in the order of their finding.</summary>
    public IEnumerable<Leaf> Leaves(double budget) => _leaves.Where(l => l.Within.Contains(budget));

    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var options = session.Options;
        var budgets = options.MaxDrop.Values;
        double start = session.Epoch, startSeconds = session.Elapsed;
        int total = session.Trainer.Parameters.WeightCount;
        var trunk = new List<Node> { new(1, session.Trainer.Save()) };
        var settled = new HashSet<double>();
        _leaves.Clear();
        Trunk.Teach(session, views: 1);

        double ratio = Math.Min(options.FirstRatio, total);
        for (int misses = 0; misses < Patience && ratio <= total; ratio *= 2)
        {
            misses = Judge(ratio) switch { Verdict.Within => 0, Verdict.Doubtful => misses + 1, _ => Patience };
            // The first network comes soon and needs less teaching.
            if (_leaves.Count == 1)
                Widen();
        }
        PruneOutcome[] outcomes = [.. budgets.Select(Narrow)];
        session.Trainer.DismissTeacher();
        session.Trainer.Restore(outcomes[0].State);
        return outcomes;

        void Widen()
        {
            session.Trainer.Restore(trunk[0].State);
            Trunk.Teach(session, Gather.Views);
        }

        // Halves the gap between the lightest good and the next lighter one, which is bad. Where nothing is good, perhaps because the dense network
        // was lucky on these images, the first branch is annealed anew for longer, and so are those that come after it: hasty ones do not count then.
        PruneOutcome Narrow(double budget)
        {
            int longer = Leaves(budget).Select(l => l.Longer).DefaultIfEmpty(_leaves.Max(l => l.Longer)).Min();
            while (longer < MostLonger && !Leaves(budget).Any())
                Judge(Math.Min(options.FirstRatio, total), longer *= 2);
            while (true)
            {
                var best = Leaves(budget).MaxBy(l => l.Ratio);
                double good = best?.Ratio ?? 1;
                double bad = _leaves.Where(l => l.Ratio > good && l.Longer >= longer).Select(l => l.Ratio).DefaultIfEmpty(4 * good).Min();
                if (bad / good <= options.Resolution || (int)(total / good) - (int)(total / bad) <= 1)
                {
                    settled.Add(budget);
                    return new PruneOutcome(
                        budget, best?.Iteration ?? 0, _leaves.Count, session.Epoch - start, session.Elapsed - startSeconds, best is not null,
                        best?.State ?? trunk[0].State);
                }
                Judge(Math.Sqrt(good * bad), longer);
            }
        }

        // Anneals down to a ratio and judges; the verdict is the one on the largest budget.
        Verdict Judge(double ratio, int longer = 1)
        {
            var node = Reach(ratio / Trunk.Step);
            session.Trainer.Restore(node.State);
            var (train, thresholds) = Trunk.Anneal(session, node.Ratio, ratio, longer);
            var outcomes = session.Trainer.EvaluateEach(Part.Validation);
            Judgement[] judgements = [.. budgets.Select(b => Judgement.Of(session.Dense, outcomes, b))];
            int kept = session.Pruner.Moments().Sum(m => m.Live);
            // A budget that is settled stays with its result, whatever branches of larger ones turn out to be.
            double[] within = [.. budgets.Where((b, i) => judgements[i].Verdict == Verdict.Within && kept > 0 && !settled.Contains(b))];
            string judged = judgements.Length == 1 ? $"{judgements[0]}"
                : string.Join("; ", budgets.Zip(judgements).Where(p => !settled.Contains(p.First))
                    .Select(p => string.Create(CultureInfo.InvariantCulture, $"budget {p.First}: {p.Second}")));
            string patience = longer > 1 ? string.Create(CultureInfo.InvariantCulture, $", annealed {longer} times longer") : "";
            string reason = string.Create(CultureInfo.InvariantCulture, $"1/{ratio:F1} of the weights{patience}: {judged}");
            int iteration = session.Log(
                Trunk.BranchPhase, 0, train, outcomes.Score, within.Length > 0 ? Decision.Raise : Decision.Rollback, reason, thresholds);
            session.Say(reason);
            _leaves.Add(new Leaf(
                ratio, longer, iteration, kept, _leaves.Count + 1, session.Epoch - start, session.Elapsed - startSeconds, outcomes.Score, within,
                within.Length > 0 ? session.Trainer.Save() : null));
            if (within.Contains(budgets[0]))
                session.KeepBest(iteration);
            return kept == 0 ? Verdict.Damaged : judgements[^1].Verdict;
        }

        // The trunk's last state before a ratio; the trunk grows as far as that needs.
        Node Reach(double ratio)
        {
            session.Trainer.Restore(trunk[^1].State);
            while (trunk[^1].Ratio * Trunk.Step <= ratio)
            {
                double next = trunk[^1].Ratio * Trunk.Step;
                Trunk.Descend(session, trunk[^1].Ratio, next);
                trunk.Add(new Node(next, session.Trainer.Save()));
            }
            return trunk.FindLast(n => n.Ratio <= Math.Max(1, ratio));
        }
    }
}
