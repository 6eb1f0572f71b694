using System.Globalization;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// Thresholds moved by measured accuracy (after Lee and Park 2021): first as far as the dense network bears without training
/// (<see cref="Probe"/>), then down one way (<see cref="PruningPath"/>). Each time a third of the weights has gone a look is taken: the
/// mean of the last weights is judged on the validation images against the dense network. Early on, one network is annealed, which tells
/// what annealing gains. Where a look is damaged by the largest budget (<see cref="Judgement"/>), more than annealing would mend, or a
/// layer has no weights left, the way ends. From all that was judged a curve of loss against ratio is drawn (<see cref="LossCurve"/>). For
/// each budget, the smallest first, the network at the ratio that the curve allows is made from the last state before it, annealed and
/// judged, which corrects the curve, until it points where one was annealed already and a look is not what is lightest
/// (<see cref="Trials.Next(double)"/>). The lightest within the budget is the result, or the lightest that <see cref="Certification"/>
/// finds sure to be, if <see cref="PruneOptions.Confidence"/> asks.
/// </summary>
/// <remarks>
/// Several budgets share one search: the largest decides how far down it goes, every network is judged against each.
/// </remarks>
public sealed class DynamicPruning : IPruningMethod
{
    /// <summary>From one look to the next.</summary>
    private const double Step = 1.41421356;

    /// <summary>
    /// Moves before the first look, two epochs, and before one is annealed and others may end the way, six: the learning rate shakes a
    /// dense network at first.
    /// </summary>
    private const int FirstLook = 8, FirstDamage = 24;

    /// <summary>Networks that are annealed for a budget; what would be the result is annealed beyond that.</summary>
    private const int MostTries = 4;

    /// <summary>How much longer one is annealed as long as none that was annealed is within the budget.</summary>
    private const double LongAnneal = 3;

    private Trials? _trials;

    /// <inheritdoc/>
    public string Name => "dynamic";

    /// <summary>Networks within a budget in the order of their finding.</summary>
    public IEnumerable<Trial> Within(double budget) => _trials?.Within(budget) ?? [];

    /// <inheritdoc/>
    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var trials = _trials = new Trials(session);
        Probe.Run(session, trials);
        double borne = trials.Lightest(trials.Budgets[^1])?.Ratio ?? 1, given = session.Options.FirstRatio;
        double start = Math.Min(given > 0 ? given : Math.Max(1, borne / 2), session.Trainer.Parameters.WeightCount);
        if (!trials.AreEnough)
        {
            PruningPath.Teach(session);
            GoDown(session, trials, start);
        }
        PruneOutcome[] outcomes = [.. trials.Budgets.Select(b => Narrow(session, trials, start, b))];
        session.Trainer.DismissTeacher();
        session.Trainer.Restore(outcomes[0].State);
        return outcomes;
    }

    /// <summary>The way down, with its looks.</summary>
    private static void GoDown(PruneSession session, Trials trials, double start)
    {
        int total = session.Trainer.Parameters.WeightCount;
        var path = new PruningPath(session, start);
        Trial? last = null;
        double next = start;
        while (path.Ratio < total && !trials.AreEnough)
        {
            path.GoBeyond(next, FirstLook, total);
            if (path.Moves < FirstLook)
                break;
            next = path.Ratio * Step;
            var onTheWay = session.Trainer.Save();
            path.Averaged();
            last = trials.Judge(path.Ratio, 0, last, "on the way down", path.Last, onTheWay);
            session.Trainer.Restore(onTheWay);
            // A look that seems to be damaged may be so by the high learning rate alone: what annealing gains is to be known first.
            if (path.Moves >= FirstDamage && !trials.Annealed.Any())
                Anneal(last);
            else if (path.Moves >= FirstDamage && last.Judgement.IsDamageBeyond(trials.Curve.Gain(path.Ratio)))
                break;
            if (session.Pruner.Layers.Zip(session.Pruner.Moments()).FirstOrDefault(l => l.Second.Live == 0).First is { } empty)
            {
                session.Say(string.Create(
                    CultureInfo.InvariantCulture, $"{empty.Name} has no weights left at 1/{path.Ratio:F1}: the way down ends"));
                break;
            }
        }

        void Anneal(Trial look)
        {
            double epochs = path.Anneal();
            trials.Judge(look.Ratio, epochs, look, "annealed, to see what annealing gains", path.Last);
            session.Trainer.Restore(look.OnTheWay!);
        }
    }

    /// <summary>Anneals networks where the curve says that the budget ends.</summary>
    private static PruneOutcome Narrow(PruneSession session, Trials trials, double start, double budget)
    {
        for (int tries = 0; trials.Looks.Any() && !trials.IsEnough(budget); tries++)
        {
            if ((tries < MostTries ? trials.Next(budget) : trials.Bare(budget)) is not { } ratio)
                break;
            bool hard = trials.Annealed.Any() && !trials.Annealed.Any(t => t.Within.Contains(budget));
            Try(ratio, trials.Curve.Gain(ratio), hard ? LongAnneal : 1);
        }
        // The lightest may fail where it is to be certified: surer ones stand behind it.
        double lightest = trials.Lightest(budget)?.Ratio ?? 1;
        for (double ratio = lightest / (Step * Step); session.Options.Confidence > 0 && ratio > start && ratio < lightest; ratio *= Step)
            Try(ratio, trials.Curve.Gain(ratio), 1);
        return trials.Settle(budget);

        void Try(double ratio, double gain, double length)
        {
            var from = trials.Looks.Where(t => t.Ratio <= ratio).MaxBy(t => t.Ratio);
            session.Trainer.Restore(from?.OnTheWay ?? trials.Dense);
            var path = from is null ? new PruningPath(session, Math.Min(start, ratio)) : new PruningPath(session, from.Ratio, moves: 1);
            path.GoTo(ratio);
            double epochs = path.Anneal(length);
            string how = string.Create(
                CultureInfo.InvariantCulture, $"where the curve ends for budget {budget} if annealing gains {gain:F0} images, annealed");
            trials.Judge(ratio, epochs, from, how, path.Last);
        }
    }
}
