using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>How the training of another program prepared its images: (pixel / 255 - Mean) / Deviation.</summary>
public sealed record Preprocessing(double Mean, double Deviation)
{
    /// <summary>What this program does: no shift, so that paper stays zero.</summary>
    public static Preprocessing Own { get; } = new(0, Math.Round(1 / (255 * (double)Mnist.Shape.Scale[0]), 6));

    /// <summary>
    /// What is usual: pixels of 0 to 1, PyTorch's example for MNIST, pixels of -1 to 1, the deviation alone, pixels of 0 to 255.
    /// </summary>
    public static IReadOnlyList<Preprocessing> Usual { get; } =
    [
        new(0, 1), new(0.1307, 0.3081), new(0.5, 0.5), new(0, 0.3081), new(0, 0.00392157),
    ];

    /// <summary>Whether both are the same but for digits that nobody types.</summary>
    public bool Is(Preprocessing other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Mean == other.Mean && Math.Abs(Deviation - other.Deviation) <= 1e-5 * Deviation;
    }

    /// <summary>Whether a network allows it: a padded first layer has a border of zeros, which cannot stand for shifted paper.</summary>
    public bool Fits(NetworkDescription network) =>
        Mean == 0 || network.Layers.First(l => l.Slice is not null).Input.Padding == 0;

    /// <summary>
    /// The network that gives for this program's pixels what the given one gives for those prepared so: its first layer takes scale and
    /// shift.
    /// </summary>
    public Checkpoint Apply(Checkpoint model)
    {
        ArgumentNullException.ThrowIfNull(model);
        float[] weights = [.. model.Weights];
        var first = model.Network.Slices[0];
        int inputs = first.Filter.FilterSize;
        // Where there is no bias, the running mean of the normalisation behind the layer moves the other way.
        var (shifts, sign) = first.Biased ? (first.BiasOffset, 1)
            : (model.Network.Layers.First(l => l.Kind is BatchNormalizationLayer).Parameters[2].Offset, -1);
        for (int k = 0; k < first.Filter.Filters; k++)
        {
            double sum = 0;
            foreach (ref float w in weights.AsSpan(first.WeightOffset + k * inputs, inputs))
            {
                sum += w;
                w = (float)(w / (255 * Deviation * model.Network.Data.Scale[0]));
            }
            weights[shifts + k] -= sign * (float)(sum * Mean / Deviation);
        }
        return model with { Weights = weights };
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"mean {Mean}, deviation {Deviation}");
}
