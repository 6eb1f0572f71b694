namespace Secateurs.Program.Runs;

/// <summary>The row of summary.csv.</summary>
internal sealed record SummaryRow(
    string Network, string Method, string Device, ulong Seed, double DenseEpochs, double PruneEpochs, double DenseSeconds,
    double PruneSeconds, double DenseValidationAccuracy, double DenseTestAccuracy, double ValidationAccuracy, double TestAccuracy, int Kept,
    int Total)
{
    /// <summary>total / kept.</summary>
    public double Ratio => (double)Total / Math.Max(1, Kept);
}
