using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// How the training of another program prepared its images: (pixel / 255 - Mean) / Deviation, with a number for each channel or one for
/// all.
/// </summary>
public sealed record Preprocessing(IReadOnlyList<double> Mean, IReadOnlyList<double> Deviation)
{
    /// <summary>The same for all channels.</summary>
    public Preprocessing(double mean, double deviation) : this([mean], [deviation])
    {
    }

    /// <summary>What this program does to images like MNIST's: no shift, so that paper stays zero.</summary>
    public static Preprocessing Own { get; } = new(0, Math.Round(1 / (255 * (double)Mnist.Shape.Scale[0]), 6));

    private static readonly Preprocessing Plain = new(0, 1), Centred = new(0.5, 0.5), Bytes = new(0, 0.00392157);

    /// <summary>
    /// What is usual: pixels of 0 to 1, of -1 to 1, of 0 to 255; of grey images PyTorch's example for MNIST and its deviation alone; of
    /// colours what is used for CIFAR-10 and for ImageNet.
    /// </summary>
    public static IReadOnlyList<Preprocessing> Usual(int channels) => channels == 1
        ? [Plain, new(0.1307, 0.3081), Centred, new(0, 0.3081), Bytes]
        : channels != 3 ? [Plain, Centred, Bytes]
        :
        [
            Plain, Centred, Bytes, new([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]),
            new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ];

    /// <summary>Whether both are the same but for digits that nobody types.</summary>
    public bool Is(Preprocessing other)
    {
        ArgumentNullException.ThrowIfNull(other);
        int channels = new[] { Mean.Count, Deviation.Count, other.Mean.Count, other.Deviation.Count }.Max();
        return Enumerable.Range(0, channels).All(c => Of(Mean, c) == Of(other.Mean, c)
            && Math.Abs(Of(Deviation, c) - Of(other.Deviation, c)) <= 1e-5 * Of(Deviation, c));
    }

    /// <summary>Whether there is a number for each channel, or one for all.</summary>
    public bool Fits(int channels) =>
        (Mean.Count == 1 || Mean.Count == channels) && (Deviation.Count == 1 || Deviation.Count == channels);

    /// <summary>Images that a network is given as they were prepared, not as bytes.</summary>
    public static DataShape Prepared(DataShape data)
    {
        ArgumentNullException.ThrowIfNull(data);
        float[] ones = [.. Enumerable.Repeat(1f, data.Channels)];
        return new DataShape(data.Channels, data.Height, data.Width, data.Classes, ones, new float[data.Channels], data.Names);
    }

    /// <summary>The network for bytes that is given for images prepared so: their scale and shift become its own.</summary>
    public Checkpoint Apply(Checkpoint model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var data = model.Network.Data;
        float[] scale = new float[data.Channels], shift = new float[data.Channels];
        for (int c = 0; c < data.Channels; c++)
        {
            double deviation = Of(Deviation, c);
            scale[c] = (float)(data.Scale[c] / (255 * deviation));
            shift[c] = (float)(data.Shift[c] - data.Scale[c] * Of(Mean, c) / deviation);
        }
        if (data.Channels == 1 && data.Scale[0] == 1 && data.Shift[0] == 0 && Is(Own))
            scale[0] = Mnist.Shape.Scale[0];
        var bytes = new DataShape(data.Channels, data.Height, data.Width, data.Classes, scale, shift, data.Names);
        return model with { Network = NetworkDescription.Parse(model.Network.Name, bytes) };
    }

    /// <inheritdoc/>
    public override string ToString() => $"mean {List(Mean)}, deviation {List(Deviation)}";

    /// <summary>Numbers with commas between.</summary>
    public static string List(IReadOnlyList<double> numbers) =>
        string.Join(',', numbers.Select(n => n.ToString(CultureInfo.InvariantCulture)));

    private static double Of(IReadOnlyList<double> numbers, int channel) => numbers[numbers.Count == 1 ? 0 : channel];
}
