namespace Secateurs.Program.Runs;

/// <summary>The row of summary.csv.</summary>
/// <param name="Confidence">Of the certificate that was asked for; 0 where none was.</param>
/// <param name="CertifiedLoss">Points that new images lose at most by it; NaN where there is none.</param>
internal sealed record SummaryRow(
    string Network, string Method, string Device, ulong Seed, double DenseEpochs, double PruneEpochs, double DenseSeconds,
    double PruneSeconds, double DenseValidationAccuracy, double DenseTestAccuracy, double ValidationAccuracy, double TestAccuracy, int Kept,
    int Total, double Confidence = 0, double CertifiedLoss = double.NaN)
{
    /// <summary>total / kept.</summary>
    public double Ratio => (double)Total / Math.Max(1, Kept);
}
