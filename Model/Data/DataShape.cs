using System.Globalization;
using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// What the images of a data set look like, how many classes they have, and how bytes become what a network reads: for channel c,
/// x = Scale[c] · byte + Shift[c]. It travels with the data set, and with every network that was trained on it.
/// </summary>
public sealed partial class DataShape : IEquatable<DataShape>
{
    /// <summary>Largest sizes: an image of them fills what a network may hold of one.</summary>
    public const int MostChannels = 4, MostSide = 1024, MostClasses = 1000;

    private readonly float[] _scale, _shift;

    /// <param name="channels">1 for grey images, 3 for colours.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="classes">At least 2; labels are 0 to classes - 1.</param>
    /// <param name="scale">One a channel.</param>
    /// <param name="shift">One a channel.</param>
    public DataShape(int channels, int height, int width, int classes, IReadOnlyList<float> scale, IReadOnlyList<float> shift)
    {
        ArgumentNullException.ThrowIfNull(scale);
        ArgumentNullException.ThrowIfNull(shift);
        Within(channels, 1, MostChannels, nameof(channels));
        Within(height, 1, MostSide, nameof(height));
        Within(width, 1, MostSide, nameof(width));
        Within(classes, 2, MostClasses, nameof(classes));
        if (scale.Count != channels || shift.Count != channels || !scale.Concat(shift).All(float.IsFinite) || scale.Contains(0))
            throw new ArgumentException($"expected a scale that is not 0 and a shift for each of {channels} channels", nameof(scale));
        (Channels, Height, Width, Classes, _scale, _shift) = (channels, height, width, classes, [.. scale], [.. shift]);

        static void Within(int value, int least, int most, string name)
        {
            if (value < least || value > most)
                throw new ArgumentOutOfRangeException(name, value, $"expected {least} to {most}");
        }
    }

    public int Channels { get; }
    public int Height { get; }
    public int Width { get; }
    public int Classes { get; }

    /// <summary>One a channel.</summary>
    public IReadOnlyList<float> Scale => _scale;

    /// <summary>One a channel.</summary>
    public IReadOnlyList<float> Shift => _shift;

    /// <summary>Bytes of an image, C H W.</summary>
    public int BytesPerImage => Channels * Height * Width;

    /// <summary>(C, H, W).</summary>
    public TensorShape Image => new(Channels, Height, Width);

    /// <summary>[C][2], scale and shift.</summary>
    public float[] Normalization => [.. _scale.Zip(_shift).SelectMany(p => new[] { p.First, p.Second })];

    /// <summary>E.g. 3x32x32 in 10 classes.</summary>
    public string Description => $"{Channels}x{Height}x{Width} in {Classes} classes";

    /// <summary>As files say it, e.g. <c>3x32x32:10*0.0159,0.0161,0.015+-1.99,-1.98,-1.71</c>: sizes, classes, scales, shifts.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Channels}x{Height}x{Width}:{Classes}*{string.Join(',', _scale)}+{string.Join(',', _shift)}");

    /// <summary>Reads what <see cref="ToString"/> writes; null where the text is nothing of the kind.</summary>
    public static DataShape? Read(string text)
    {
        var match = Pattern().Match(text);
        if (!match.Success)
            return null;
        int[] sizes = [.. Enumerable.Range(1, 4).Select(i => int.Parse(match.Groups[i].ValueSpan, CultureInfo.InvariantCulture))];
        float[][] lists = [.. Enumerable.Range(5, 2).Select(i => match.Groups[i].Value.Split(',').Select(Number).ToArray())];
        try
        {
            return new DataShape(sizes[0], sizes[1], sizes[2], sizes[3], lists[0], lists[1]);
        }
        catch (ArgumentException)
        {
            return null;
        }

        static float Number(string text) =>
            float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) ? value : float.NaN;
    }

    public bool Equals(DataShape? other) => other is not null && Image == other.Image && Classes == other.Classes
        && _scale.AsSpan().SequenceEqual(other._scale) && _shift.AsSpan().SequenceEqual(other._shift);

    public override bool Equals(object? obj) => Equals(obj as DataShape);

    public override int GetHashCode() => HashCode.Combine(Image, Classes, _scale[0], _shift[0]);

    [GeneratedRegex(@"^([0-9]{1,4})x([0-9]{1,4})x([0-9]{1,4}):([0-9]{1,4})\*([-+.,0-9E]{1,200})\+([-+.,0-9E]{1,200})\z")]
    private static partial Regex Pattern();
}
