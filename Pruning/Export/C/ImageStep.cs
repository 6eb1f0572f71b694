using System.Globalization;
using System.Numerics;

namespace Secateurs.Pruning.Export.C;

/// <summary>Copies the image to where windows, which may have a border, are read from it.</summary>
internal sealed class ImageStep<T>(Placed<T> output) : Step<T>(output) where T : unmanaged, INumber<T>
{
    public override IReadOnlyList<int> Inputs => [0];

    public override void Run(Values<T> values)
    {
        ReadOnlySpan<T> x = values[0];
        var y = values.Of(Output, Place);
        FillBorder(y);
        int from = 0;
        foreach (int to in Place.Inside())
            Copy(x, from++, y, to);
    }

    public override void Write(Source<T> source, params string[] addresses)
    {
        source.Border("image", addresses[1], Place, Border);
        source.Function("load", """
            /* Copies the planes of an image to pixels whose channels lie side by side. */
            static void load(const uint8_t *image, value *y, unsigned channels, unsigned height, unsigned width, unsigned down)
            {
                for (unsigned c = 0; c < channels; c++)
                    for (unsigned h = 0; h < height; h++) {
                        value *to = y + h * down + c;
                        for (unsigned w = width; w > 0; w--, to += channels)
                            *to = *image++;
                    }
            }

            """);
        source.Call(string.Create(CultureInfo.InvariantCulture,
            $"load({addresses[0]}, {addresses[1]} + {Place.Offset(0, 0, 0)}, {Place.Channels}, {Place.Height}, {Place.Width}, "
            + $"{Place.Down});"));
    }
}
