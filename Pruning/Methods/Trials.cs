using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>A network that was judged.</summary>
/// <param name="Ratio">Total / kept that it was pruned to.</param>
/// <param name="Annealed">Epochs that it was annealed for; 0 for a probe or a look on the way down.</param>
/// <param name="Iteration">Its number in the log.</param>
/// <param name="Kept">Live weights.</param>
/// <param name="Tries">Networks judged so far, this one included.</param>
/// <param name="Epochs">Epochs of pruning so far.</param>
/// <param name="Seconds">The same in time.</param>
/// <param name="Validation">On the validation images.</param>
/// <param name="Within">The budgets that it is within.</param>
/// <param name="Judgement">By the largest budget.</param>
/// <param name="State">The network.</param>
/// <param name="OnTheWay">Of a look, the state of the way down there, from which others go on; else null.</param>
public sealed record Trial(
    double Ratio, double Annealed, int Iteration, int Kept, int Tries, double Epochs, double Seconds, Score Validation,
    IReadOnlyList<double> Within, Judgement Judgement, TrainerState State, TrainerState? OnTheWay);

/// <summary>The last steps of training before a network is judged.</summary>
/// <param name="Phase">Of the log.</param>
/// <param name="Rate">See <see cref="IterationRow"/>.</param>
/// <param name="Train">Their score.</param>
/// <param name="Thresholds">One a layer.</param>
internal readonly record struct LastSteps(string Phase, double Rate, Score Train, float[] Thresholds);

/// <summary>The networks that a search has judged on the validation images, each against the dense one and by every budget.</summary>
internal sealed class Trials(PruneSession session)
{
    private readonly Certification? _certification = session.Options.Confidence > 0 ? new Certification(session) : null;
    private readonly double _start = session.Epoch, _startSeconds = session.Elapsed;
    private readonly List<Trial> _all = [];
    private readonly HashSet<double> _settled = [];

    /// <summary>What the search starts from.</summary>
    public TrainerState Dense { get; } = session.Trainer.Save();

    /// <summary>The smallest first.</summary>
    public IReadOnlyList<double> Budgets { get; } = session.Options.MaxDrop.Values;

    /// <summary>Those on the way down, in its order.</summary>
    public IEnumerable<Trial> Looks => _all.Where(t => t.OnTheWay is not null);

    /// <summary>Those that were annealed, in the order of their judging.</summary>
    public IEnumerable<Trial> Annealed => _all.Where(t => t.Annealed > 0);

    /// <summary>Loss against ratio, by all looks and all that was annealed.</summary>
    public LossCurve Curve => new([.. Looks.Select(Lost)], [.. Annealed.Select(Lost)], session.Dense.Score.Images);

    /// <summary>Those within a budget, in the order of their judging.</summary>
    public IEnumerable<Trial> Within(double budget) => _all.Where(t => t.Within.Contains(budget));

    /// <summary>The lightest within a budget, of equals the most accurate, of these the one annealed longest; null where none is.</summary>
    public Trial? Lightest(double budget) => Within(budget).MinBy(t => (t.Kept, -t.Validation.Correct, -t.Annealed));

    /// <summary>Whether every budget has a network that is light enough.</summary>
    public bool AreEnough => Budgets.All(IsEnough);

    /// <summary>Whether a network within the budget is as light as the options call enough.</summary>
    public bool IsEnough(double budget) => session.Options.Enough > 0 && Lightest(budget)?.Ratio >= session.Options.Enough;

    /// <summary>
    /// The ratio to try next for a budget, half way (geometrically) between the lightest network within it and the next lighter one; null
    /// where these are as close as the options ask for, or a weight apart, or the network is enough.
    /// </summary>
    /// <param name="budget">One of <see cref="Budgets"/>.</param>
    public double? Between(double budget)
    {
        int total = session.Trainer.Parameters.WeightCount;
        double good = Lightest(budget)?.Ratio ?? 1;
        double bad = _all.Where(t => t.Ratio > good).Select(t => t.Ratio).DefaultIfEmpty(4 * good).Min();
        bool closed = bad / good <= session.Options.Resolution || (int)(total / good) - (int)(total / bad) <= 1;
        return closed || IsEnough(budget) ? null : Math.Sqrt(good * bad);
    }

    /// <summary>
    /// The ratio to anneal a network at next for a budget: where the curve points, at last that of the lightest one within it if that was
    /// only looked at on the way down; null where that is settled.
    /// </summary>
    public double? Next(double budget)
    {
        double total = session.Trainer.Parameters.WeightCount, good = Lightest(budget)?.Ratio ?? 1;
        double bad = Annealed.Where(t => t.Ratio > good && !t.Within.Contains(budget)).Select(t => t.Ratio).DefaultIfEmpty(total).Min();
        double aim = Math.Min(total, Curve.Ratio(Judgement.Allowance(budget, session.Dense.Score.Images)));
        return Next(good, bad, aim, Annealed.Any(t => t.Within.Contains(budget)), total, session.Options.Resolution) ?? Bare(budget);
    }

    /// <summary>The ratio of the lightest within a budget, if that was only looked at on the way down; else null.</summary>
    public double? Bare(double budget) =>
        Lightest(budget) is { OnTheWay: not null } look && Annealed.All(t => t.Ratio != look.Ratio) ? look.Ratio : null;

    /// <summary>
    /// Where the curve says that a budget ends, if that lies between the lightest network within it and the next lighter one that was
    /// annealed and is not; half way (geometrically) between these, if the curve points beyond, or nothing that was annealed is within it.
    /// Null where they are too close to be told apart, or the curve points at what is there.
    /// </summary>
    /// <param name="good">Ratio of the lightest network within the budget; 1 for the dense one.</param>
    /// <param name="bad">That of the next lighter one that was annealed and is outside; of a single weight where there is none.</param>
    /// <param name="aim">Where the curve says that the budget ends.</param>
    /// <param name="found">Whether a network that was annealed is within the budget.</param>
    /// <param name="total">The ratio of a single weight.</param>
    /// <param name="apart">Ratios within this factor are not told apart.</param>
    internal static double? Next(double good, double bad, double aim, bool found, double total, double apart)
    {
        bool lies = aim > good * apart && (aim < bad / apart || bad == total);
        if (lies || bad < good * apart * apart)
            return lies ? aim : null;
        return aim > good * apart || !found ? Math.Sqrt(good * bad) : null;
    }

    /// <summary>Judges the network that stands in the trainer and writes it to the log.</summary>
    /// <param name="ratio">Total / kept that it was pruned to.</param>
    /// <param name="annealed">See <see cref="Trial"/>.</param>
    /// <param name="origin">What it goes on from; null for the dense network.</param>
    /// <param name="how">What was done to it.</param>
    /// <param name="last">The last of that.</param>
    /// <param name="onTheWay">See <see cref="Trial"/>.</param>
    public Trial Judge(double ratio, double annealed, Trial? origin, string how, LastSteps last, TrainerState? onTheWay = null)
    {
        var (score, judgements, kept) = session.Recall(Judged);
        // A budget that is settled stays with its result, whatever networks of larger ones turn out to be.
        double[] within = [.. Budgets.Where((b, i) => judgements[i].Verdict == Verdict.Within && kept > 0 && !_settled.Contains(b))];
        string judged = judgements.Length == 1 ? $"{judgements[0]}"
            : string.Join("; ", Budgets.Zip(judgements).Where(p => !_settled.Contains(p.First))
                .Select(p => string.Create(CultureInfo.InvariantCulture, $"budget {p.First}: {p.Second}")));
        string reason = string.Create(CultureInfo.InvariantCulture, $"1/{ratio:F1} of the weights, {how}: {judged}");
        // The way down goes on whatever a look says.
        var decision = within.Length > 0 ? Decision.Raise : onTheWay is null ? Decision.Rollback : Decision.Hold;
        var network = new JudgedNetwork(ratio, annealed, origin?.Iteration ?? 0, judgements[^1]);
        int iteration = session.Log(last.Phase, last.Rate, last.Train, score, decision, reason, last.Thresholds, network);
        var trial = new Trial(
            ratio, annealed, iteration, kept, _all.Count + 1, session.Epoch - _start, session.Elapsed - _startSeconds, score, within,
            judgements[^1], session.Trainer.Save(), onTheWay);
        _all.Add(trial);
        if (Lightest(Budgets[0]) == trial)
            session.KeepBest(iteration);
        return trial;

        (Score, Judgement[], int) Judged()
        {
            var outcomes = session.Trainer.EvaluateEach(Part.Validation);
            Func<int, double>? margin = _certification is null ? null : _certification.Margin;
            return (
                outcomes.Score, [.. Budgets.Select(b => Judgement.Of(session.Dense, outcomes, b, margin))],
                session.Pruner.Moments().Sum(m => m.Live));
        }
    }

    /// <summary>With what is kept free for a certificate.</summary>
    private static (double Ratio, double Lost) Lost(Trial trial) =>
        (trial.Ratio, trial.Judgement.Lost - trial.Judgement.Gained + trial.Judgement.Margin);

    /// <summary>
    /// Ends the search for a budget: the lightest within it, where a certificate is asked for the lightest that has one, or the dense
    /// network.
    /// </summary>
    public PruneOutcome Settle(double budget)
    {
        _settled.Add(budget);
        var best = Lightest(budget);
        IReadOnlyList<Certificate>? certificates = null;
        int uncertified = 0;
        if (_certification is { } certification)
        {
            (best, certificates) = certification.Of(budget, Within(budget));
            int allowed = Judgement.Allowance(budget, session.Dense.Score.Images), total = session.Trainer.Parameters.WeightCount;
            uncertified = _all.Where(t => t.Kept > 0 && t.Judgement.Lost - t.Judgement.Gained <= allowed)
                .Select(t => t.Kept).DefaultIfEmpty(total).Min();
        }
        return new PruneOutcome(
            budget, best?.Iteration ?? 0, _all.Count, session.Epoch - _start, session.Elapsed - _startSeconds, best is not null,
            best?.State ?? Dense, certificates, uncertified);
    }
}
