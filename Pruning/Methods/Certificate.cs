using System.Globalization;
using MathNet.Numerics.Distributions;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// What images that nothing was decided by say of a network's loss on new ones. Of n such images the dense network alone has L right and
/// the pruned one alone G; with confidence c the loss on m new images is at most
///   d + z √(v (1/n + 1/m)),  d = (L − G) / n,  v = (L + G + 1) / n − d²,
/// where z is the normal quantile of c and v the variance of one image's contribution (McNemar 1947, with one image more that differs, so
/// that none differing does not count as certainty). Both samples err, the one that was looked at and the new one: hence both terms. A
/// simulation in the tests finds the loss of new images within the bound in a share of at least c.
/// </summary>
/// <param name="Budget">Points that the loss may have.</param>
/// <param name="Confidence">c, above 0.5.</param>
/// <param name="Iteration">Of the network that was tested.</param>
/// <param name="Kept">Its live weights.</param>
/// <param name="Images">n.</param>
/// <param name="NewImages">m: as many as there are test images.</param>
/// <param name="Lost">L.</param>
/// <param name="Gained">G.</param>
public sealed record Certificate(
    double Budget, double Confidence, int Iteration, int Kept, int Images, int NewImages, int Lost, int Gained)
{
    /// <summary>Points that new images lose at most.</summary>
    public double Bound
    {
        get
        {
            double lost = (double)(Lost - Gained) / Images;
            return 100 * (lost + Margin(Confidence, (Lost + Gained + 1.0) / Images - lost * lost, Images, NewImages));
        }
    }

    /// <summary>Whether the bound is within the budget.</summary>
    public bool Holds => Bound <= Budget;

    /// <summary>z √(v (1/n + 1/m)), as a share of images.</summary>
    /// <param name="confidence">c.</param>
    /// <param name="variance">v.</param>
    /// <param name="images">n.</param>
    /// <param name="newImages">m.</param>
    internal static double Margin(double confidence, double variance, int images, int newImages) =>
        Normal.InvCDF(0, 1, confidence) * Math.Sqrt(variance * (1.0 / images + 1.0 / newImages));

    /// <summary>From the outcomes of both networks on the same images.</summary>
    internal static Certificate Of(
        double budget, double confidence, int iteration, int kept, Outcomes dense, Outcomes pruned, int newImages)
    {
        var (_, lost, gained, _, _) = Judgement.Of(dense, pruned, budget);
        return new(budget, confidence, iteration, kept, dense.Correct.Length, newImages, lost, gained);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"lost {Lost}, gained {Gained} of {Images} images that nothing was decided by: {NewImages} new ones lose at most "
        + $"{Bound:F2} points with confidence {Confidence}: {(Holds ? "certified" : "not certified")} for budget {Budget}");
}
