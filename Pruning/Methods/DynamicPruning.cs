using System.Globalization;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// Thresholds moved by measured accuracy (after Lee and Park 2021): first as far as the dense network bears without training
/// (<see cref="Probe"/>), then by a chain of cycles (<see cref="Cycle"/>). Each prunes and anneals a network, which is judged on the
/// validation images against the dense one; the next goes on from the middle of the one before. The first has half the weights that the
/// dense network can do with, by the largest budget, and each next half of the one before, as long as they stay within that budget. After
/// one that is damaged for certain, or two in a row in doubt (<see cref="Judgement"/>), ratios between the lightest good and the heaviest
/// bad one are tried, each from the lightest network that has more weights, until the two are close. Where no cycle ends within a budget,
/// the first two are gone through anew, up to 8 times as long and as gently, and others after them likewise. The lightest good network is
/// the result.
/// </summary>
/// <remarks>
/// Of what was retrained only annealed networks are judged: at a high learning rate one epoch's accuracy dips by more than the budget, and
/// a controller would take noise for damage. Several budgets share one search: the largest decides how far down it goes, every network is
/// judged against each, and then each in turn, the smallest first, has its own gap between good and bad narrowed, with all networks there
/// are by then.
/// </remarks>
public sealed class DynamicPruning : IPruningMethod
{
    /// <summary>From one network to the next on the way down.</summary>
    public const double Step = 2;

    /// <summary>Doubtful networks, one after the other, that end the way down.</summary>
    private const int Patience = 2;

    /// <summary>Length of the first cycle, in units of a usual one: half the effort, so that a retrained network comes soon.</summary>
    private const double Hasty = 0.5;

    /// <summary>Length of a cycle at most, where none is within a budget.</summary>
    private const double Longest = 8;

    private Trials? _trials;

    /// <inheritdoc/>
    public string Name => "dynamic";

    /// <summary>Networks within a budget in the order of their finding.</summary>
    public IEnumerable<Trial> Within(double budget) => _trials?.Within(budget) ?? [];

    /// <inheritdoc/>
    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        int total = session.Trainer.Parameters.WeightCount;
        var trials = _trials = new Trials(session);
        Probe.Run(session, trials);
        double given = session.Options.FirstRatio, borne = trials.Lightest(trials.Budgets[^1])?.Ratio ?? 1;
        double first = Math.Min(given > 0 ? given : Step * borne, total);

        // Labels alone teach the first network, since to collect the dense network's answers takes as long as two to four epochs. If it is
        // not within a budget that ends nothing and bounds nothing: one that is taught and takes its time may be.
        if (!trials.AreEnough)
            Try(first, Hasty);
        if (!trials.AreEnough)
        {
            session.Trainer.Restore(trials.Dense);
            Cycle.Teach(session);
        }
        double ratio = first * Step;
        for (int misses = 0; misses < Patience && ratio <= total && !trials.AreEnough; ratio *= Step)
            misses = Try(ratio).Verdict switch { Verdict.Within => 0, Verdict.Doubtful => misses + 1, _ => Patience };
        PruneOutcome[] outcomes = [.. trials.Budgets.Select(Narrow)];
        session.Trainer.DismissTeacher();
        session.Trainer.Restore(outcomes[0].State);
        return outcomes;

        // Where no cycle is good, perhaps because the dense network was lucky on these images, the first two are gone through anew, longer
        // and more gently, and so are those that come after them: shorter ones do not count then.
        PruneOutcome Narrow(double budget)
        {
            if (trials.IsEnough(budget))
                return trials.Settle(budget);
            var good = trials.Within(budget).Where(t => t.Length > 0);
            double length = Math.Max(1, good.Select(t => t.Length).DefaultIfEmpty(trials.Retrained.Max(t => t.Length)).Min());
            while (length < Longest && !good.Any())
            {
                Try(first, length *= 2);
                if (!good.Any() && first * Step <= total)
                    Try(first * Step, length);
            }
            while (trials.Between(budget, t => t.Length >= length) is { } next)
                Try(next, length);
            return trials.Settle(budget);
        }

        // A cycle down to a ratio, from the lightest network that has more weights.
        Trial Try(double ratio, double length = 1)
        {
            var last = trials.Retrained.Where(t => t.Ratio < ratio).MaxBy(t => (t.Ratio, t.Iteration));
            session.Trainer.Restore(last?.Middle ?? trials.Dense);
            var cycle = new Cycle(session, last?.Ratio ?? 1, ratio, length);
            var (_, thresholds) = cycle.Rise();
            var middle = session.Trainer.Save();
            var train = cycle.Anneal();
            string origin = last is null
                ? "from the dense network"
                : string.Create(CultureInfo.InvariantCulture, $"from 1/{last.Ratio:F1}");
            string effort = length == 1
                ? ""
                : string.Create(CultureInfo.InvariantCulture, $"{length} times as long {(length > 1 ? "and as gently " : "")}as usual, ");
            return trials.Judge(Cycle.Phase, ratio, length, last, cycle.Rate, effort + origin, train, thresholds, middle);
        }
    }
}
