using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>What a comparison with the dense network on the same validation images says.</summary>
public enum Verdict
{
    /// <summary>The measured drop is within the budget.</summary>
    Within,

    /// <summary>It is outside by no more than twice its standard error: perhaps noise.</summary>
    Doubtful,

    /// <summary>It is outside by more: damage.</summary>
    Damaged,
}

/// <summary>
/// A paired comparison: the difference of two networks' correct answers on the same images is (lost - gained), and only images on which
/// they differ carry noise, so its standard error is √(lost + gained) (McNemar 1947). Two accuracies compared as if independent would be
/// three times as noisy.
/// </summary>
/// <param name="Verdict">The result.</param>
/// <param name="Lost">Images that the dense network had right and this one has wrong.</param>
/// <param name="Gained">The reverse.</param>
/// <param name="Allowed">Images that the budget allows to lose on balance.</param>
/// <param name="Margin">Images by which it is to be below that, so that it can be certified (<see cref="Certificate"/>); else 0.</param>
public readonly record struct Judgement(Verdict Verdict, int Lost, int Gained, int Allowed, double Margin = 0)
{
    /// <summary>Standard errors beyond the budget at which a drop counts as damage.</summary>
    private const double Certainty = 2;

    /// <param name="dense">The dense network's outcomes.</param>
    /// <param name="now">Those of the network to judge, on the same images.</param>
    /// <param name="maxDrop">The budget in points of accuracy.</param>
    /// <param name="margin">From images on which they differ to images by which the loss is to be below the budget; null for none.</param>
    public static Judgement Of(Outcomes dense, Outcomes now, double maxDrop, Func<int, double>? margin = null)
    {
        ArgumentNullException.ThrowIfNull(dense);
        ArgumentNullException.ThrowIfNull(now);
        int lost = 0, gained = 0;
        for (int i = 0; i < dense.Correct.Length; i++)
        {
            lost += dense.Correct[i] && !now.Correct[i] ? 1 : 0;
            gained += !dense.Correct[i] && now.Correct[i] ? 1 : 0;
        }
        int allowed = Allowance(maxDrop, dense.Correct.Length);
        double below = margin?.Invoke(lost + gained) ?? 0, excess = lost - gained + below - allowed;
        var verdict = excess <= 0 ? Verdict.Within : excess <= Certainty * Math.Sqrt(lost + gained) ? Verdict.Doubtful : Verdict.Damaged;
        return new Judgement(verdict, lost, gained, allowed, below);
    }

    /// <summary>Whether it would be damage for certain even if so many images were gained back.</summary>
    public bool IsDamageBeyond(double images) => Lost - Gained + Margin - Allowed - images > Certainty * Math.Sqrt(Lost + Gained);

    /// <summary>Images that a budget allows to lose: whole ones, so that no rounding decides.</summary>
    public static int Allowance(double maxDrop, int images) => (int)Math.Floor(maxDrop * images / 100 + 1e-9);

    /// <inheritdoc/>
    public override string ToString()
    {
        string margin = Margin > 0
            ? string.Create(CultureInfo.InvariantCulture, $", {Margin:F0} of them kept free for a certificate") : "";
        string verdict = Verdict switch
        {
            Verdict.Within => "within the budget",
            Verdict.Doubtful => "outside the budget, perhaps by noise",
            _ => "outside the budget",
        };
        return string.Create(
            CultureInfo.InvariantCulture,
            $"lost {Lost}, gained {Gained} of the validation images, {Allowed} allowed on balance{margin}: {verdict}");
    }
}
