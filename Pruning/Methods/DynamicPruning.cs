using System.Globalization;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// Thresholds moved by measured accuracy (after Lee and Park 2021), as a chain of cycles (<see cref="Cycle"/>). Each prunes and anneals a
/// network, which is judged on the validation images against the dense one; the next goes on from the middle of the one before. While networks
/// stay within the budget each has half the weights of the one before; after one that is damaged for certain, or two in a row in doubt
/// (<see cref="Judgement"/>), ratios between the lightest good and the heaviest bad one are tried, each from the lightest network that has more
/// weights, until the two are close. Where no network is good, the first is annealed anew, up to 8 times longer, and others after it as
/// long. The lightest good network is the result.
/// </summary>
/// <remarks>
/// Only annealed networks are judged: at a high learning rate one epoch's accuracy dips by more than the budget, and a controller would
/// take noise for damage. Several budgets share one search: the largest decides how far down it goes, every network is judged against
/// each, and then each in turn, the smallest first, has its own gap between good and bad narrowed, with all networks there are by then.
/// </remarks>
public sealed class DynamicPruning : IPruningMethod
{
    /// <summary>From one network to the next on the way down.</summary>
    public const double Step = 2;

    /// <summary>Doubtful networks, one after the other, that end the way down.</summary>
    private const int Patience = 2;

    /// <summary>How many times longer than usual a network is annealed at most, where none is within a budget.</summary>
    private const int MostLonger = 8;

    /// <summary>
    /// Networks that labels alone teach: they come soon, and to collect the dense network's answers takes as long as two to four epochs. Where
    /// they are not within a budget that ends nothing and bounds nothing: taught ones may be.
    /// </summary>
    private const int Untaught = 2;

    public string Name => "dynamic";

    /// <summary>A network that was judged.</summary>
    /// <param name="Ratio">Total / kept that it was pruned to.</param>
    /// <param name="Longer">How many times longer than usual it was annealed.</param>
    /// <param name="Iteration">Its number in the log.</param>
    /// <param name="Kept">Live weights.</param>
    /// <param name="Tries">Networks judged so far, this one included.</param>
    /// <param name="Epochs">Epochs of pruning so far.</param>
    /// <param name="Seconds">The same in time.</param>
    /// <param name="Validation">On the validation images.</param>
    /// <param name="Within">The budgets that it is within.</param>
    /// <param name="State">The network.</param>
    /// <param name="Middle">The state in the middle of its cycle, from which others go on.</param>
    public sealed record Judged(
        double Ratio, int Longer, int Iteration, int Kept, int Tries, double Epochs, double Seconds, Score Validation, IReadOnlyList<double> Within,
        TrainerState State, TrainerState Middle);

    private readonly List<Judged> _judged = [];

    /// <summary>Networks within a budget in the order of their finding.</summary>
    public IEnumerable<Judged> Within(double budget) => _judged.Where(n => n.Within.Contains(budget));

    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var options = session.Options;
        var budgets = options.MaxDrop.Values;
        double start = session.Epoch, startSeconds = session.Elapsed;
        int total = session.Trainer.Parameters.WeightCount;
        double first = Math.Min(options.FirstRatio, total);
        var dense = session.Trainer.Save();
        var settled = new HashSet<double>();
        _judged.Clear();

        double ratio = first;
        for (int misses = 0; misses < Patience && ratio <= total; ratio *= Step)
        {
            var verdict = Judge(ratio);
            if (_judged.Count > Untaught)
                misses = verdict switch { Verdict.Within => 0, Verdict.Doubtful => misses + 1, _ => Patience };
        }
        PruneOutcome[] outcomes = [.. budgets.Select(Narrow)];
        session.Trainer.DismissTeacher();
        session.Trainer.Restore(outcomes[0].State);
        return outcomes;

        // Halves the gap between the lightest good and the next lighter one, which is bad. Where nothing is good, perhaps because the dense network
        // was lucky on these images, the first is annealed anew for longer, and so are those that come after it: shorter ones do not count then.
        PruneOutcome Narrow(double budget)
        {
            int longer = Within(budget).Select(n => n.Longer).DefaultIfEmpty(_judged.Max(n => n.Longer)).Min();
            while (longer < MostLonger && !Within(budget).Any())
                Judge(first, longer *= 2);
            while (true)
            {
                var best = Within(budget).MinBy(n => (n.Kept, -n.Validation.Correct));
                double good = best?.Ratio ?? 1;
                double bad = _judged.Where(n => n.Ratio > good && n.Longer >= longer && n.Tries > Untaught)
                    .Select(n => n.Ratio).DefaultIfEmpty(4 * good).Min();
                if (bad / good <= options.Resolution || (int)(total / good) - (int)(total / bad) <= 1)
                {
                    settled.Add(budget);
                    return new PruneOutcome(
                        budget, best?.Iteration ?? 0, _judged.Count, session.Epoch - start, session.Elapsed - startSeconds, best is not null,
                        best?.State ?? dense);
                }
                Judge(Math.Sqrt(good * bad), longer);
            }
        }

        // A cycle down to a ratio, from the lightest network that has more weights, and the verdict on the largest budget.
        Verdict Judge(double ratio, int longer = 1)
        {
            if (_judged.Count == Untaught)
            {
                session.Trainer.Restore(dense);
                Cycle.Teach(session);
            }
            var last = _judged.Where(n => n.Ratio < ratio).MaxBy(n => (n.Ratio, n.Iteration));
            session.Trainer.Restore(last?.Middle ?? dense);
            var cycle = new Cycle(session, last?.Ratio ?? 1, ratio, longer);
            var (_, thresholds) = cycle.Rise();
            var middle = session.Trainer.Save();
            var train = cycle.Anneal();
            var outcomes = session.Trainer.EvaluateEach(Part.Validation);
            Judgement[] judgements = [.. budgets.Select(b => Judgement.Of(session.Dense, outcomes, b))];
            int kept = session.Pruner.Moments().Sum(m => m.Live);
            // A budget that is settled stays with its result, whatever networks of larger ones turn out to be.
            double[] within = [.. budgets.Where((b, i) => judgements[i].Verdict == Verdict.Within && kept > 0 && !settled.Contains(b))];
            string judged = judgements.Length == 1 ? $"{judgements[0]}"
                : string.Join("; ", budgets.Zip(judgements).Where(p => !settled.Contains(p.First))
                    .Select(p => string.Create(CultureInfo.InvariantCulture, $"budget {p.First}: {p.Second}")));
            string origin = last is null ? "from the dense network" : string.Create(CultureInfo.InvariantCulture, $"from 1/{last.Ratio:F1}");
            string patience = longer > 1 ? string.Create(CultureInfo.InvariantCulture, $", annealed {longer} times longer") : "";
            string reason = string.Create(CultureInfo.InvariantCulture, $"1/{ratio:F1} of the weights{patience}, {origin}: {judged}");
            int iteration = session.Log(
                Cycle.Phase, 0, train, outcomes.Score, within.Length > 0 ? Decision.Raise : Decision.Rollback, reason, thresholds);
            session.Say(reason);
            _judged.Add(new Judged(
                ratio, longer, iteration, kept, _judged.Count + 1, session.Epoch - start, session.Elapsed - startSeconds, outcomes.Score, within,
                session.Trainer.Save(), middle));
            if (within.Contains(budgets[0]))
                session.KeepBest(iteration);
            return kept == 0 ? Verdict.Damaged : judgements[^1].Verdict;
        }
    }
}
