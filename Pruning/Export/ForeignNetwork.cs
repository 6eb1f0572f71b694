using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// A network that was trained elsewhere, from a safetensors file with PyTorch's names and shapes: NAME.weight and NAME.bias, of a batch
/// normalisation NAME.running_mean and NAME.running_var too, or NAME.weight_orig and NAME.weight_mask as torch.nn.utils.prune leaves them,
/// whose product is the weight. Which weight is which layer's says the shape. Weights of one shape are told apart by the numbers in their
/// names (0.weight, 2.weight, 10.weight), where nothing else differs between these; a batch normalisation by the name of the convolution
/// before it (<see cref="ForeignModule.Normalizes"/>); anything else would be a guess, and is asked.
/// </summary>
/// <param name="Model">For images as they were prepared when it was trained (<see cref="Preprocessing"/>).</param>
/// <param name="Origins">Of each layer the name in the file.</param>
/// <param name="Skipped">Tensors that hold no floats, as counters, with their types.</param>
public sealed record ForeignNetwork(
    Checkpoint Model, IReadOnlyList<(string Layer, string Name)> Origins, IReadOnlyList<string> Skipped)
{
    private const string Order = "order";

    /// <summary>Reads a network.</summary>
    /// <param name="file">F16, BF16 and F64 are converted.</param>
    /// <param name="network">
    /// What it holds. A fully connected layer over feature maps may stand for a convolution over its whole input, and the other way round.
    /// A bias in front of a batch normalisation goes into its mean.
    /// </param>
    /// <param name="order">Names of the weights, without ".weight", in the network's order; null to find it.</param>
    /// <param name="pruned">Whether a weight of zero counts as pruned.</param>
    /// <exception cref="UserException">
    /// BadFile: another network. Usage: two weights fit one layer, and no order is given; or the order is none.
    /// </exception>
    public static ForeignNetwork Read(SafeTensors file, NetworkDescription network, IReadOnlyList<string>? order, bool pruned)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(network);
        network = NetworkDescription.Parse(network.Name, Preprocessing.Prepared(network.Data));
        NetworkLayer[] layers = [.. network.Layers.Where(l => l.Parameters.Count > 0)];
        var modules = ForeignModule.All(file, out var others);
        if (modules.Count != layers.Length)
        {
            int normalised = layers.Length - network.Slices.Count;
            string expected = $"{network.Slices.Count} weights with their biases"
                + (normalised > 0 ? $" and {normalised} batch normalisations" : "") + $" for {network.Name}";
            string message = BadModel.Of(file.Path, expected, ForeignModule.List(file)).Message;
            throw new UserException(ErrorKind.BadFile, message) { Parameter = nameof(network) };
        }
        var origins = order is null ? Match(file, network, layers, modules) : Ordered(layers, modules, order);
        foreach (var (layer, module) in layers.Zip(origins))
            Check(file.Path, network, layer, module);
        var notes = new Dictionary<string, string> { ["imported"] = BadModel.Cut(Path.GetFileName(file.Path)) };
        var (weights, mask) = Parameters(file.Path, network, [.. layers.Zip(origins)], pruned);
        return new(
            new Checkpoint(network, weights, mask, Seed: 1, Validation: 0, notes), [.. layers.Zip(origins, (l, m) => (l.Name, m.Name))],
            [.. others.Select(t => $"{t.Name} ({t.Type})")]);
    }

    private static (float[] Weights, float[] Mask) Parameters(
        string path, NetworkDescription network, (NetworkLayer Layer, ForeignModule Module)[] pairs, bool pruned)
    {
        float[] weights = new float[network.ParameterLength], mask = [.. Enumerable.Repeat(1f, network.ParameterLength)];
        foreach (var (layer, module) in pairs)
        {
            foreach (var (parameter, values) in layer.Parameters.Zip(module.Parameters))
            {
                bool prunable = parameter.Role == ParameterRole.Weight;
                var live = prunable ? mask.AsSpan(parameter.Offset, parameter.Count) : new float[parameter.Count];
                var target = weights.AsSpan(parameter.Offset, parameter.Count);
                values.CopyTo(path, target, live);
                if (parameter.Role == ParameterRole.Variance && target.ContainsAnyExceptInRange(0f, float.MaxValue))
                    throw BadModel.Of(path, $"numbers from 0 on in {values.Values.Name}", "one below");
                for (int i = 0; prunable && pruned && i < live.Length; i++)
                    live[i] = weights[parameter.Offset + i] == 0 ? 0 : 1;
            }
        }
        // A shift of what a batch normalisation reads is one of its mean.
        foreach (var (layer, module) in pairs.Where(p => p.Layer.Slice is { Biased: false } && p.Module.Bias is not null))
        {
            float[] bias = new float[layer.Output.Channels];
            module.Bias!.Value.CopyTo(path, bias, new float[bias.Length]);
            var mean = network.Readers(layer.Value)[0].Parameters.Single(p => p.Role == ParameterRole.Mean);
            for (int i = 0; i < bias.Length; i++)
                weights[mean.Offset + i] -= bias[i];
        }
        return (weights, mask);
    }

    /// <summary>Layers and modules of one size, in turn: one of each, or as many, in an order that the names say.</summary>
    private static ForeignModule[] Match(
        SafeTensors file, NetworkDescription network, NetworkLayer[] layers, List<ForeignModule> modules)
    {
        var found = new Dictionary<NetworkLayer, ForeignModule>();
        var groups = layers.GroupBy(l => (l.Slice?.Filter.Filters ?? l.Input.Channels, l.Slice?.Filter.FilterSize ?? 0));
        // Weights first: their names say which batch normalisations are theirs.
        foreach (var group in groups.OrderBy(g => g.First().Slice is null))
        {
            NetworkLayer[] same = [.. group];
            ForeignModule[] fits = [.. modules.Where(m => same.Any(m.Fits))];
            if (fits.Length != same.Length)
                throw BadModel.Of(file.Path, string.Join(", ", same.Select(Shape)), $"{fits.Length} such of {ForeignModule.List(file)}");
            ForeignModule?[] behind = [.. same.Select(Behind)];
            if (behind.OfType<ForeignModule>().Distinct().Count() == same.Length)
                fits = [.. behind.OfType<ForeignModule>()];
            else if (fits.Length > 1 && !ForeignModule.InOrder(fits))
            {
                string names = string.Join(", ", fits.Select(m => m.Name)), all = string.Join(",", modules.Select(m => m.Name));
                throw new UserException(ErrorKind.Usage, $"{Order}: expected the order of the layers, since {BadModel.Cut(names)} all fit "
                    + $"{string.Join(", ", same.Select(l => l.Name))}, found none; as they lie in the file: {BadModel.Cut(all)}")
                { Parameter = Order };
            }
            foreach (var (layer, module) in same.Zip(fits))
                found.Add(layer, module);

            ForeignModule? Behind(NetworkLayer layer)
            {
                if (layer.Slice is not null || layer.ReadsImage)
                    return null;
                var source = found.GetValueOrDefault(network.Layers[layer.Inputs[0] - 1]);
                ForeignModule[] named = [.. fits.Where(m => source is not null && m.Normalizes(source))];
                return named.Length == 1 ? named[0] : null;
            }
        }
        return [.. layers.Select(l => found[l])];
    }

    private static ForeignModule[] Ordered(NetworkLayer[] layers, List<ForeignModule> modules, IReadOnlyList<string> order)
    {
        var byName = modules.ToDictionary(m => m.Name);
        if (order.Count != layers.Length || order.Distinct().Count() != order.Count || !order.All(byName.ContainsKey))
        {
            throw new UserException(ErrorKind.Usage, $"{Order}: expected each of {BadModel.Cut(string.Join(",", byName.Keys))} once, "
                + $"found {BadModel.Cut(string.Join(",", order))}")
            { Parameter = Order };
        }
        return [.. order.Select(name => byName[name])];
    }

    private static void Check(string path, NetworkDescription network, NetworkLayer layer, ForeignModule module)
    {
        if (!module.Fits(layer))
            throw BadModel.Of(path, Shape(layer), ForeignModule.List([module.Weight.Values]));
        int count = layer.Output.Channels;
        if (module.Parameters.Skip(1).Any(p => p.Values.Shape is not [var size] || size != count))
        {
            throw BadModel.Of(
                path, $"a bias [{count}] for {layer.Name}", ForeignModule.List(module.Parameters.Skip(1).Select(p => p.Values)));
        }
        bool normalised = network.Readers(layer.Value) is [{ Kind: BatchNormalizationLayer }];
        if (module.Bias is null && layer.Slice is not { Biased: false })
            throw BadModel.Of(path, $"a bias [{count}] for {layer.Name}", "none");
        if (module.Bias is { } bias && layer.Slice is { Biased: false } && !normalised)
            throw BadModel.Of(path, $"no bias for {layer.Name}", ForeignModule.List([bias.Values]));
        if (layer.Slice is not null && (module.Mean ?? module.Variance) is { } statistics)
            throw BadModel.Of(path, $"weights and biases for {layer.Name}", ForeignModule.List([statistics.Values]));
    }

    private static string Shape(NetworkLayer layer) => layer.Slice is { } slice
        ? $"a weight [{string.Join(", ", slice.WeightShape)}] for {slice.Name}"
        : $"a batch normalisation of {layer.Input.Channels} channels for {layer.Name}";
}
