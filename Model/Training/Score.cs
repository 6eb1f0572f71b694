namespace Secateurs.Model;

/// <summary>Mean loss in nats, correct answers and images.</summary>
public readonly record struct Score(double Loss, int Correct, int Images)
{
    /// <summary>Percent correct.</summary>
    public double Accuracy => Images == 0 ? 0 : 100.0 * Correct / Images;
}

/// <summary>Per image: the loss in nats and whether the answer was right; the material of paired tests.</summary>
public sealed record Outcomes(float[] Loss, bool[] Correct)
{
    public Score Score => new(Loss.Length == 0 ? 0 : Loss.Average(x => (double)x), Correct.Count(c => c), Loss.Length);
}
