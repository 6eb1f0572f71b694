using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// Certifies networks of a search on the images that were kept from it. They are tested from heavy to light, in an order that is settled
/// before, and the first that fails ends it (split fixed-sequence testing: Angelopoulos et al. 2021, Learn then Test, arXiv 2110.01052): so
/// each may be tested at the full confidence, though several are. What would be in a lighter one's way is left out: a network that
/// validation images find worse than a lighter one, and looks at a high learning rate where there are annealed networks.
/// </summary>
internal sealed class Certification(PruneSession session)
{
    private readonly Outcomes _dense = session.Trainer.EvaluateEach(Part.Certification);
    private readonly Dictionary<int, Outcomes> _tested = [];

    /// <summary>New images that a promise is made for: as many as will be looked at, of whose content nothing is known here.</summary>
    private int NewImages => Math.Max(1, session.Trainer.Images(Part.Test));

    /// <summary>
    /// Validation images by which a network's loss is to be below a budget, so that a certificate may be hoped for.
    /// </summary>
    /// <param name="different">Validation images on which it and the dense one differ.</param>
    public double Margin(int different)
    {
        int images = session.Dense.Score.Images;
        return images * Certificate.Margin(
            session.Options.Confidence, (different + 1.0) / images, _dense.Correct.Length, NewImages);
    }

    /// <summary>The lightest network that is certified for a budget, and all that were tested.</summary>
    /// <param name="budget">Points of accuracy.</param>
    /// <param name="within">Networks that validation images find within it.</param>
    public (Trial? Best, IReadOnlyList<Certificate> Tested) Of(double budget, IEnumerable<Trial> within)
    {
        var tested = new List<Certificate>();
        Trial? best = null;
        var stands = session.Trainer.Save();
        foreach (var trial in InOrder([.. within]))
        {
            var certificate = Certificate.Of(
                budget, session.Options.Confidence, trial.Iteration, trial.Kept, _dense, Outcomes(trial), NewImages);
            tested.Add(certificate);
            session.Say(string.Create(
                CultureInfo.InvariantCulture, $"iteration {trial.Iteration}, 1/{trial.Ratio:F1} of the weights: {certificate}"));
            if (!certificate.Holds)
                break;
            best = trial;
        }
        session.Trainer.Restore(stands);
        return (best, tested);
    }

    /// <summary>Of those that were annealed, or where none was of all, each that loses less than all lighter ones.</summary>
    private static Stack<Trial> InOrder(Trial[] trials)
    {
        Trial[] annealed = [.. trials.Where(t => t.Annealed > 0)];
        var order = new Stack<Trial>();
        foreach (var trial in (annealed.Length > 0 ? annealed : trials).OrderBy(t => t.Kept).ThenBy(Loss))
            if (order.Count == 0 || Loss(trial) < Loss(order.Peek()))
                order.Push(trial);
        return order;

        static double Loss(Trial trial) => trial.Judgement.Lost - trial.Judgement.Gained + trial.Judgement.Margin;
    }

    private Outcomes Outcomes(Trial trial)
    {
        if (!_tested.TryGetValue(trial.Iteration, out var outcomes))
        {
            session.Trainer.Restore(trial.State);
            _tested[trial.Iteration] = outcomes = session.Trainer.EvaluateEach(Part.Certification);
        }
        return outcomes;
    }
}
