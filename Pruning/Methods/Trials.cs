using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>A network that was judged.</summary>
/// <param name="Ratio">Total / kept that it was pruned to.</param>
/// <param name="Length">Of the cycle that it was retrained by, in units of a usual one; 0 where nothing was retrained.</param>
/// <param name="Iteration">Its number in the log.</param>
/// <param name="Kept">Live weights.</param>
/// <param name="Tries">Networks judged so far, this one included.</param>
/// <param name="Epochs">Epochs of pruning so far.</param>
/// <param name="Seconds">The same in time.</param>
/// <param name="Validation">On the validation images.</param>
/// <param name="Within">The budgets that it is within.</param>
/// <param name="Verdict">On the largest budget.</param>
/// <param name="State">The network.</param>
/// <param name="Middle">The state in the middle of its cycle, from which others go on; null where nothing was retrained.</param>
public sealed record Trial(
    double Ratio, double Length, int Iteration, int Kept, int Tries, double Epochs, double Seconds, Score Validation,
    IReadOnlyList<double> Within, Verdict Verdict, TrainerState State, TrainerState? Middle);

/// <summary>The networks that a search has judged on the validation images, each against the dense one and by every budget.</summary>
internal sealed class Trials(PruneSession session)
{
    private readonly double _start = session.Epoch, _startSeconds = session.Elapsed;
    private readonly List<Trial> _all = [];
    private readonly HashSet<double> _settled = [];

    /// <summary>What the search starts from.</summary>
    public TrainerState Dense { get; } = session.Trainer.Save();

    /// <summary>The smallest first.</summary>
    public IReadOnlyList<double> Budgets { get; } = session.Options.MaxDrop.Values;

    /// <summary>Those that were retrained, in the order of their judging.</summary>
    public IEnumerable<Trial> Retrained => _all.Where(t => t.Length > 0);

    /// <summary>Those within a budget, in the order of their judging.</summary>
    public IEnumerable<Trial> Within(double budget) => _all.Where(t => t.Within.Contains(budget));

    /// <summary>The lightest within a budget, of equals the most accurate; null where none is.</summary>
    public Trial? Lightest(double budget) => Within(budget).MinBy(t => (t.Kept, -t.Validation.Correct));

    /// <summary>Whether every budget has a network that is light enough.</summary>
    public bool AreEnough => Budgets.All(IsEnough);

    /// <summary>Whether a network within the budget is as light as the options call enough.</summary>
    public bool IsEnough(double budget) => session.Options.Enough > 0 && Lightest(budget)?.Ratio >= session.Options.Enough;

    /// <summary>
    /// The ratio to try next for a budget, half way (geometrically) between the lightest network within it and the next lighter one; null
    /// where these are as close as the options ask for, or a weight apart, or the network is enough.
    /// </summary>
    /// <param name="budget">One of <see cref="Budgets"/>.</param>
    /// <param name="bounds">Which of the lighter networks count.</param>
    public double? Between(double budget, Func<Trial, bool> bounds)
    {
        int total = session.Trainer.Parameters.WeightCount;
        double good = Lightest(budget)?.Ratio ?? 1;
        double bad = _all.Where(t => t.Ratio > good && bounds(t)).Select(t => t.Ratio).DefaultIfEmpty(4 * good).Min();
        bool closed = bad / good <= session.Options.Resolution || (int)(total / good) - (int)(total / bad) <= 1;
        return closed || IsEnough(budget) ? null : Math.Sqrt(good * bad);
    }

    /// <summary>Judges the network that stands in the trainer and writes it to the log.</summary>
    /// <param name="phase">Of the log.</param>
    /// <param name="ratio">Total / kept that it was pruned to.</param>
    /// <param name="length">See <see cref="Trial"/>.</param>
    /// <param name="origin">What it goes on from; null for the dense network.</param>
    /// <param name="rate">See <see cref="IterationRow"/>.</param>
    /// <param name="how">What was done to it.</param>
    /// <param name="train">Score of the last steps.</param>
    /// <param name="thresholds">One a layer.</param>
    /// <param name="middle">See <see cref="Trial"/>.</param>
    public Trial Judge(
        string phase, double ratio, double length, Trial? origin, double rate, string how, Score train, float[] thresholds,
        TrainerState? middle = null)
    {
        var outcomes = session.Trainer.EvaluateEach(Part.Validation);
        Judgement[] judgements = [.. Budgets.Select(b => Judgement.Of(session.Dense, outcomes, b))];
        int kept = session.Pruner.Moments().Sum(m => m.Live);
        // A budget that is settled stays with its result, whatever networks of larger ones turn out to be.
        double[] within = [.. Budgets.Where((b, i) => judgements[i].Verdict == Verdict.Within && kept > 0 && !_settled.Contains(b))];
        string judged = judgements.Length == 1 ? $"{judgements[0]}"
            : string.Join("; ", Budgets.Zip(judgements).Where(p => !_settled.Contains(p.First))
                .Select(p => string.Create(CultureInfo.InvariantCulture, $"budget {p.First}: {p.Second}")));
        string reason = string.Create(CultureInfo.InvariantCulture, $"1/{ratio:F1} of the weights, {how}: {judged}");
        var decision = within.Length > 0 ? Decision.Raise : Decision.Rollback;
        var network = new JudgedNetwork(ratio, length, origin?.Iteration ?? 0, judgements[^1]);
        int iteration = session.Log(phase, rate, train, outcomes.Score, decision, reason, thresholds, network);
        var trial = new Trial(
            ratio, length, iteration, kept, _all.Count + 1, session.Epoch - _start, session.Elapsed - _startSeconds, outcomes.Score, within,
            kept == 0 ? Verdict.Damaged : judgements[^1].Verdict, session.Trainer.Save(), middle);
        _all.Add(trial);
        if (Lightest(Budgets[0]) == trial)
            session.KeepBest(iteration);
        return trial;
    }

    /// <summary>Ends the search for a budget: the lightest within it, or the dense network.</summary>
    public PruneOutcome Settle(double budget)
    {
        _settled.Add(budget);
        var best = Lightest(budget);
        return new PruneOutcome(
            budget, best?.Iteration ?? 0, _all.Count, session.Epoch - _start, session.Elapsed - _startSeconds, best is not null,
            best?.State ?? Dense);
    }
}
