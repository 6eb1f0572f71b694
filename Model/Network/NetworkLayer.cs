using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>A layer where it stands in a network.</summary>
/// <param name="Index">From 0.</param>
/// <param name="Name">conv1, conv2, ... fc1, fc2, ...; of a layer without parameters its kind and place, pool2.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Inputs">Values that it reads: 0 is the image, i what layer i - 1 gives.</param>
/// <param name="Input">(C, H, W) of the first of them.</param>
/// <param name="Output">(C, H, W) of what it gives.</param>
/// <param name="Slice">Where its parameters lie; null where it has none.</param>
public sealed record NetworkLayer(
    int Index, string Name, LayerDescription Kind, IReadOnlyList<int> Inputs, TensorShape Input, TensorShape Output, LayerSlice? Slice)
{
    private const int Alignment = 16;

    /// <summary>The number of the value that it gives.</summary>
    public int Value => Index + 1;

    /// <summary>Whether it reads the image.</summary>
    public bool IsFirst => Index == 0;

    /// <summary>Whether max(0, x) follows.</summary>
    public bool Relu => Kind.Relu;

    /// <summary>Whether its filters cover the whole input: it is computed as a product of matrices.</summary>
    public bool IsFullyConnected => Slice is not null && Input.Padding == 0 && Output is { Height: 1, Width: 1, Padding: 0 };

    /// <summary>Products of its formula for one image.</summary>
    public long Products => Slice is null ? 0 : (long)Slice.Filter.FilterSize * Output.Features;

    /// <summary>Layers that each read the one before.</summary>
    /// <param name="kinds">In their order.</param>
    /// <param name="values">Shapes of the image and of what each layer gives.</param>
    /// <param name="length">Of a flat buffer of all parameters.</param>
    internal static IReadOnlyList<NetworkLayer> Chain(
        IReadOnlyList<LayerDescription> kinds, IReadOnlyList<TensorShape> values, out int length)
    {
        var layers = new List<NetworkLayer>();
        var counts = new Dictionary<string, int>();
        length = 0;
        for (int i = 0; i < kinds.Count; i++)
        {
            var kind = kinds[i];
            LayerSlice? slice = null;
            string name = $"{kind.Prefix}{i + 1}";
            if (kind.Filter(values[i]) is { } filter)
            {
                name = $"{kind.Prefix}{counts[kind.Prefix] = counts.GetValueOrDefault(kind.Prefix) + 1}";
                int bias = Align(length + filter.Count);
                slice = new LayerSlice(name, filter, kind.Convolutional, length, bias);
                length = Align(bias + filter.Filters);
            }
            layers.Add(new NetworkLayer(i, name, kind, [i], values[i], values[i + 1], slice));
        }
        return layers;
    }

    private static int Align(int offset) => (offset + Alignment - 1) / Alignment * Alignment;
}
