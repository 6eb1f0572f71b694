using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// What the images of a data set look like, how many classes they have, and how bytes become what a network reads: for channel c,
/// x = Scale[c] · byte + Shift[c]. Classes may have names. It travels with the data set, and with every network that was trained on it.
/// </summary>
public sealed partial class DataShape : IEquatable<DataShape>
{
    /// <summary>Largest sizes.</summary>
    public const int MostChannels = 4, MostSide = 1024, MostClasses = 1000;

    /// <summary>Characters of a class's name at most.</summary>
    public const int LongestName = 255;

    private readonly float[] _scale, _shift;
    private readonly string[] _names;

    /// <param name="channels">1 for grey images, 3 for colours.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="classes">At least 2; labels are 0 to classes - 1.</param>
    /// <param name="scale">One a channel.</param>
    /// <param name="shift">One a channel.</param>
    /// <param name="names">Of the classes, in their order, each another; none where they have no names.</param>
    public DataShape(
        int channels, int height, int width, int classes, IReadOnlyList<float> scale, IReadOnlyList<float> shift,
        IReadOnlyList<string>? names = null)
    {
        ArgumentNullException.ThrowIfNull(scale);
        ArgumentNullException.ThrowIfNull(shift);
        Within(channels, 1, MostChannels, nameof(channels));
        Within(height, 1, MostSide, nameof(height));
        Within(width, 1, MostSide, nameof(width));
        Within(classes, 2, MostClasses, nameof(classes));
        if (scale.Count != channels || shift.Count != channels || !scale.Concat(shift).All(float.IsFinite) || scale.Contains(0))
            throw new ArgumentException($"expected a scale that is not 0 and a shift for each of {channels} channels", nameof(scale));
        _names = [.. names ?? []];
        bool sound = _names.Length == classes && _names.Distinct().Count() == classes
            && _names.All(n => n.Length is > 0 and <= LongestName);
        if (_names.Length > 0 && !sound)
            throw new ArgumentException($"expected a name of 1 to {LongestName} characters for each of {classes} classes", nameof(names));
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

    /// <summary>Of the classes, in their order; empty where they have none.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>A class's name, or its number.</summary>
    public string NameOf(int label) => _names.Length > 0 ? _names[label] : label.ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// Images as these, normalized by what they are: each channel, of all images together, gets mean 0 and deviation 1.
    /// </summary>
    /// <param name="image">(C, H, W).</param>
    /// <param name="classes">How many.</param>
    /// <param name="names">Of them, or none.</param>
    /// <param name="images">(N, C, H, W): those that are learned from.</param>
    public static DataShape Normalized(TensorShape image, int classes, IReadOnlyList<string>? names, ReadOnlySpan<byte> images)
    {
        int pixels = image.Height * image.Width;
        float[] scale = new float[image.Channels], shift = new float[image.Channels];
        for (int c = 0; c < image.Channels; c++)
        {
            // Counts are exact, so that the order of images says nothing.
            long[] counts = new long[256];
            for (int at = c * pixels; at < images.Length; at += image.Channels * pixels)
                foreach (byte value in images.Slice(at, pixels))
                    counts[value]++;
            double count = 0, sum = 0, squares = 0;
            for (int v = 0; v < counts.Length; v++)
                (count, sum, squares) = (count + counts[v], sum + (double)v * counts[v], squares + (double)v * v * counts[v]);
            double mean = sum / Math.Max(count, 1), variance = squares / Math.Max(count, 1) - mean * mean;
            double deviation = variance > 0 ? Math.Sqrt(variance) : 255;
            (scale[c], shift[c]) = ((float)(1 / deviation), (float)(-mean / deviation));
        }
        return new DataShape(image.Channels, image.Height, image.Width, classes, scale, shift, names);
    }

    /// <summary>Bytes of an image, C H W.</summary>
    public int BytesPerImage => Channels * Height * Width;

    /// <summary>(C, H, W).</summary>
    public TensorShape Image => new(Channels, Height, Width);

    /// <summary>[C][2], scale and shift.</summary>
    public float[] Normalization => [.. _scale.Zip(_shift).SelectMany(p => new[] { p.First, p.Second })];

    /// <summary>E.g. 3x32x32 in 10 classes.</summary>
    public string Description => $"{Channels}x{Height}x{Width} in {Classes} classes";

    /// <summary>
    /// Whether a network for these images takes those of another shape: of the same size, with the same classes. How bytes become numbers
    /// is the network's own affair.
    /// </summary>
    public bool Fits(DataShape other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Image == other.Image && Classes == other.Classes
            && (_names.Length == 0 || other._names.Length == 0 || _names.AsSpan().SequenceEqual(other._names));
    }

    /// <summary>
    /// As files say it, e.g. <c>3x32x32:2*0.0159,0.0161,0.015+-1.99,-1.98,-1.71=cat,dog</c>: sizes, classes, scales, shifts, and names if
    /// there are any; what would end a name stands as a web address has it, a space as %20.
    /// </summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Channels}x{Height}x{Width}:{Classes}*{string.Join(',', _scale)}+{string.Join(',', _shift)}")
        + (_names.Length > 0 ? $"={string.Join(',', _names.Select(Escaped))}" : "");

    private static string Escaped(string name) => string.Concat(name.EnumerateRunes().Select(
        r => Rune.IsControl(r) || Rune.IsWhiteSpace(r) || r.Value is ',' or '%' ? Uri.EscapeDataString($"{r}") : $"{r}"));

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
            string[] names = match.Groups[7].Success ? [.. match.Groups[7].Value.Split(',').Select(Uri.UnescapeDataString)] : [];
            return new DataShape(sizes[0], sizes[1], sizes[2], sizes[3], lists[0], lists[1], names);
        }
        catch (ArgumentException)
        {
            return null;
        }

        static float Number(string text) =>
            float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) ? value : float.NaN;
    }

    public bool Equals(DataShape? other) => other is not null && Image == other.Image && Classes == other.Classes
        && _scale.AsSpan().SequenceEqual(other._scale) && _shift.AsSpan().SequenceEqual(other._shift)
        && _names.AsSpan().SequenceEqual(other._names);

    public override bool Equals(object? obj) => Equals(obj as DataShape);

    public override int GetHashCode() => HashCode.Combine(Image, Classes, _scale[0], _shift[0]);

    [GeneratedRegex(
        @"^([0-9]{1,4})x([0-9]{1,4})x([0-9]{1,4}):([0-9]{1,4})\*([-+.,0-9E]{1,200})\+([-+.,0-9E]{1,200})(?:=(\S{1,1000000}))?\z")]
    private static partial Regex Pattern();
}
