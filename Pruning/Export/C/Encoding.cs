namespace Secateurs.Pruning.Export.C;

/// <summary>What the numbers of a value stand for: Scale[c] (number - Zero[c]) in channel c.</summary>
internal sealed record Encoding(double[] Scale, double[] Zero)
{
    /// <summary>The same for all channels.</summary>
    public static Encoding Of(int channels, double scale, double zero) =>
        new([.. Enumerable.Repeat(scale, channels)], [.. Enumerable.Repeat(zero, channels)]);

    /// <summary>The bytes of images.</summary>
    public static Encoding Of(Model.DataShape data) =>
        new([.. data.Scale.Select(s => (double)s)], [.. data.Scale.Zip(data.Shift, (scale, shift) => -(double)shift / scale)]);

    /// <summary>Whether the channels differ in nothing.</summary>
    public bool IsUniform => Scale.All(s => s == Scale[0]) && Zero.All(z => z == Zero[0]);
}
