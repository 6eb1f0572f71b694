using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Runs;

/// <summary>One line of a self test: what was done, what it showed, and whether that is as it must be.</summary>
internal sealed record TrialResult(string Name, bool Ok, string Detail)
{
    public static TrialResult Of(string name, double found, double bound, string what) => new(
        name, found <= bound, string.Create(CultureInfo.InvariantCulture, $"{what} differ by {found:0.0E+0} at most, bound {bound:0E+0}"));
}

/// <summary>
/// A short training and pruning run on a device and, with the same seed and the same batches, on the CPU accelerator. Both train; then the
/// device gets the CPU's state, bit for bit, and both measure, prune and train on under the mask.
/// </summary>
/// <remarks>
/// Bounds. A loss is a chain of sums of at most 800 products; each rounds by 2^-24 of its magnitude, in another order or with fused
/// multiply-adds on another device, and exp and log err by some units. Where errors average out that leaves 1e-7 to 1e-6 of a loss near
/// 2. Training on adds little: where a gradient is rounding noise, so is its sign, and Adam moves that weight a whole learning rate either
/// way, but the loss hardly depends on such a weight. Measured on PoCL, all networks: 5e-7 at most; the bound is 20 times that. A learning
/// rate that is off by one percent exceeds it (the tests show it).
/// Thresholds, counts and masks are made from equal weights by comparisons alone, so they must be equal exactly.
/// </remarks>
internal static class DeviceTrial
{
    /// <summary>Nats by which the mean loss of a step, or of some in one go, may differ.</summary>
    public const double LossBound = 1e-5;

    private const int Images = 200, Validation = 100, Batch = 40;

    /// <summary>
    /// Steps that are taken in one go: two epochs of 5, the first 8 steps one by one, and a whole one, in which a GPU fetches the images of
    /// a step during the one before.
    /// </summary>
    private static readonly int[] Runs = [1, 1, 1, 1, 1, 1, 1, 1, 2, 5];

    private static readonly int Steps = Runs.Sum();

    private const ulong Seed = 5;
    private const double Rate = 1e-3;

    /// <summary>
    /// The part of each layer that is pruned: below the break-even, so that the CPU accelerator visits live weights only.
    /// </summary>
    private const double Pruned = 0.9;

    /// <summary>Runs on one network.</summary>
    /// <param name="device">What is tried.</param>
    /// <param name="reference">The CPU accelerator.</param>
    /// <param name="network">A name of <see cref="NetworkDescription.Known"/> or layers.</param>
    /// <param name="rate">Learning rate on the device: another than the reference's must be noticed.</param>
    /// <param name="cancellation">Ends it between two steps.</param>
    public static IEnumerable<TrialResult> Run(
        ComputeDevice device, ComputeDevice reference, string network, double rate = Rate, CancellationToken cancellation = default)
    {
        var description = NetworkDescription.Parse(network);
        using Trainer tried = Open(device, description), right = Open(reference, description);
        yield return TrialResult.Of(
            $"{network}: {Steps} training steps", LargestDifference(tried, right, rate, cancellation), LossBound, "losses");

        tried.Restore(right.Save());
        LayerPruner triedPruner = new(tried), rightPruner = new(right);
        var (triedMoments, rightMoments) = (triedPruner.Moments(), rightPruner.Moments());
        double deviation = triedMoments.Zip(rightMoments, (a, b) => Math.Abs(a.Deviation / b.Deviation - 1)).Max();
        yield return TrialResult.Of($"{network}: moments of the layers", deviation, 1e-6, "deviations");

        int[] Counts(LayerPruner pruner) => [.. pruner.Histograms(Criterion.Magnitude, 20, 0).SelectMany(c => c)];
        yield return Equal($"{network}: histograms of the layers' magnitudes", Counts(triedPruner), Counts(rightPruner), "counts");

        float[] Thresholds(LayerPruner pruner) =>
            [.. pruner.Layers.Select((l, i) => pruner.Magnitude(i, (int)(Pruned * l.WeightCount)))];
        float[] thresholds = Thresholds(rightPruner);
        yield return Equal($"{network}: thresholds that prune {Pruned:P0}", Thresholds(triedPruner), thresholds, "thresholds");

        triedPruner.Prune(thresholds);
        rightPruner.Prune(thresholds);
        yield return Equal($"{network}: pruned", tried.Parameters.GetMask(), right.Parameters.GetMask(), "masks");

        yield return TrialResult.Of(
            $"{network}: {Steps} training steps under the mask", LargestDifference(tried, right, rate, cancellation), LossBound, "losses");
        float[] mask = tried.Parameters.GetMask();
        int revived = tried.Parameters.GetWeights().Where((w, i) => mask[i] == 0 && w != 0).Count();
        yield return new TrialResult(
            $"{network}: pruned weights stay zero", revived == 0, $"{revived} of {mask.Count(m => m == 0)} are not");

        tried.Restore(right.Save());
        double worst = tried.EvaluateEach(Part.Validation).Loss
            .Zip(right.EvaluateEach(Part.Validation).Loss, (a, b) => (double)Math.Abs(a - b)).Max();
        yield return TrialResult.Of($"{network}: validation, image by image", worst, LossBound, "losses");
    }

    private static Trainer Open(ComputeDevice device, NetworkDescription network)
    {
        var (training, validation) = Data().Split(Validation, Seed);
        return new Trainer(device, network, new TrainerOptions(Batch, Seed: Seed), training, validation, DataSet.Empty(Mnist.Shape));
    }

    /// <summary>NaN where a loss is, which no bound lets pass.</summary>
    private static double LargestDifference(Trainer tried, Trainer right, double rate, CancellationToken cancellation)
    {
        double largest = 0;
        foreach (int run in Runs)
            largest = Math.Max(largest, Math.Abs(Loss(tried, run, rate) - Loss(right, run, Rate)));
        return largest;

        double Loss(Trainer trainer, int steps, double rate) => trainer.Train(steps, _ => new StepRates(rate), cancellation).Loss;
    }

    private static TrialResult Equal<T>(string name, T[] found, T[] expected, string what) where T : struct, IEquatable<T>
    {
        int different = found.Zip(expected).Count(p => !p.First.Equals(p.Second));
        return new TrialResult(name, different == 0, $"{found.Length - different} of {found.Length} {what} are equal");
    }

    /// <summary>Ten patterns of strokes under noise: nothing has to be on the disk.</summary>
    private static DataSet Data()
    {
        var random = new Random((int)Seed);
        var labels = new int[Images + Validation];
        int size = Mnist.Shape.BytesPerImage;
        var pixels = new byte[labels.Length * size];
        var ink = new bool[Mnist.Shape.Classes * size];
        for (int i = 0; i < ink.Length; i++)
            ink[i] = i % 3 == 0 ? random.Next(4) == 0 : i > 0 && ink[i - 1];
        for (int n = 0; n < labels.Length; n++)
        {
            labels[n] = random.Next(Mnist.Shape.Classes);
            for (int i = 0; i < size; i++)
            {
                pixels[n * size + i] = (byte)(
                    ink[labels[n] * size + i] ? random.Next(96, 256)
                    : random.Next(8) == 0 ? random.Next(128) : 0);
            }
        }
        return new DataSet(Mnist.Shape, pixels, labels);
    }
}
