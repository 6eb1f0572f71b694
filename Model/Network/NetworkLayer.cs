using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>A layer where it stands in a network.</summary>
/// <param name="Index">From 0.</param>
/// <param name="Name">conv1, conv2, ... fc1, fc2, ... bn1, ...; of a layer without parameters its kind and place, pool2.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Inputs">Values that it reads: 0 is the image, i what layer i - 1 gives.</param>
/// <param name="Input">(C, H, W) of the first of them.</param>
/// <param name="Output">(C, H, W) of what it gives.</param>
/// <param name="Slice">Where its weights and biases lie; null where it has none.</param>
/// <param name="Parameters">All that it has, as files name them.</param>
public sealed record NetworkLayer(
    int Index, string Name, LayerDescription Kind, IReadOnlyList<int> Inputs, TensorShape Input, TensorShape Output, LayerSlice? Slice,
    IReadOnlyList<ParameterSlice> Parameters)
{
    private const int Alignment = 16;

    /// <summary>The number of the value that it gives.</summary>
    public int Value => Index + 1;

    /// <summary>Whether a batch is fetched for it; others that read the image find it where it lies.</summary>
    public bool IsFirst => Index == 0;

    /// <summary>Whether it reads the image, which has no gradient.</summary>
    public bool ReadsImage => Inputs[0] == 0;

    /// <summary>Whether max(0, x) follows.</summary>
    public bool Relu => Kind.Relu;

    /// <summary>Whether its filters cover the whole input: it is computed as a product of matrices.</summary>
    public bool IsFullyConnected => Slice is not null && Input.Padding == 0 && Output is { Height: 1, Width: 1, Padding: 0 }
        && Slice.Filter.FilterSize == Input.Features;

    /// <summary>Products of its formula for one image.</summary>
    public long Products => Slice is null ? 0 : (long)Slice.Filter.FilterSize * Output.Features;

    /// <summary>All layers of a network, each after those that it reads.</summary>
    /// <param name="kinds">In their order.</param>
    /// <param name="inputs">Values that each reads.</param>
    /// <param name="values">Shapes of the image and of what each layer gives.</param>
    /// <param name="length">Of a flat buffer of all parameters.</param>
    internal static IReadOnlyList<NetworkLayer> All(
        IReadOnlyList<LayerDescription> kinds, IReadOnlyList<IReadOnlyList<int>> inputs, IReadOnlyList<TensorShape> values, out int length)
    {
        var layers = new List<NetworkLayer>();
        var counts = new Dictionary<string, int>();
        length = 0;
        for (int i = 0; i < kinds.Count; i++)
        {
            var kind = kinds[i];
            var input = values[inputs[i][0]];
            var parameters = new List<ParameterSlice>();
            string name = $"{kind.Prefix}{i + 1}";
            foreach (var (suffix, role, shape) in kind.Parameters(input))
            {
                if (parameters.Count == 0)
                    name = $"{kind.Prefix}{counts[kind.Prefix] = counts.GetValueOrDefault(kind.Prefix) + 1}";
                parameters.Add(new ParameterSlice($"{name}.{suffix}", role, shape, length));
                length = Align(length + parameters[^1].Count);
            }
            var slice = kind.Filter(input) is not { } filter ? null : new LayerSlice(
                name, filter, kind.Convolutional, parameters[0].Offset, parameters.ElementAtOrDefault(1)?.Offset ?? length, kind.Biased);
            layers.Add(new NetworkLayer(i, name, kind, inputs[i], input, values[i + 1], slice, parameters));
        }
        return layers;
    }

    private static int Align(int offset) => (offset + Alignment - 1) / Alignment * Alignment;
}
