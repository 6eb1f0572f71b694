using System.Text.RegularExpressions;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// A network that was trained elsewhere, from a safetensors file with PyTorch's names and shapes: NAME.weight and NAME.bias, or
/// NAME.weight_orig and NAME.weight_mask as torch.nn.utils.prune leaves them, whose product is the weight. Which weight is which layer's
/// says the shape. Weights of one shape are told apart by the numbers in their names (0.weight, 2.weight, 10.weight), where nothing else
/// differs between these; anything else would be a guess, and is asked.
/// </summary>
/// <param name="Model">For images as they were prepared when it was trained (<see cref="Preprocessing"/>).</param>
/// <param name="Origins">Of each layer the name in the file.</param>
/// <param name="Skipped">Tensors that hold no floats, as counters, with their types.</param>
public sealed partial record ForeignNetwork(
    Checkpoint Model, IReadOnlyList<(string Layer, string Name)> Origins, IReadOnlyList<string> Skipped)
{
    private const string Weight = "weight", Bias = "bias", Original = "_orig", Mask = "_mask", Order = "order";

    /// <summary>A parameter: its values, and a mask where it was pruned.</summary>
    private readonly record struct Parameter(SafeTensor Values, SafeTensor? Mask);

    /// <summary>What may become a layer.</summary>
    private sealed record Module(string Name, Parameter Weight, Parameter Bias);

    /// <summary>Reads a network.</summary>
    /// <param name="file">F16, BF16 and F64 are converted.</param>
    /// <param name="network">
    /// What it holds. A fully connected layer over feature maps may stand for a convolution over its whole input, and the other way round.
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
        var (slices, length) = (network.Slices, network.ParameterLength);
        var modules = Modules(file, out var others);
        if (modules.Count != slices.Count)
        {
            string message = BadModel.Of(file.Path, $"{slices.Count} weights with their biases for {network.Name}", List(file)).Message;
            throw new UserException(ErrorKind.BadFile, message) { Parameter = nameof(network) };
        }
        var layers = order is null ? Match(file, slices, modules) : Ordered(file, slices, modules, order);
        float[] weights = new float[length], mask = [.. Enumerable.Repeat(1f, length)];
        foreach (var (slice, module) in slices.Zip(layers))
        {
            var live = mask.AsSpan(slice.WeightOffset, slice.WeightCount);
            Copy(file.Path, module.Weight, weights.AsSpan(slice.WeightOffset, slice.WeightCount), live);
            Copy(file.Path, module.Bias, weights.AsSpan(slice.BiasOffset, slice.BiasCount), new float[slice.BiasCount]);
            for (int i = 0; pruned && i < live.Length; i++)
                live[i] = weights[slice.WeightOffset + i] == 0 ? 0 : 1;
        }
        var notes = new Dictionary<string, string> { ["imported"] = BadModel.Cut(System.IO.Path.GetFileName(file.Path)) };
        return new(
            new Checkpoint(network, weights, mask, Seed: 1, Validation: 0, notes), [.. slices.Zip(layers, (s, m) => (s.Name, m.Name))],
            [.. others.Select(t => $"{t.Name} ({t.Type})")]);
    }

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();

    /// <summary>
    /// Every weight with its bias. Each float of the file must belong to one: what no layer takes would be left out in silence.
    /// </summary>
    private static List<Module> Modules(SafeTensors file, out IReadOnlyCollection<SafeTensor> others)
    {
        var tensors = file.Tensors.ToDictionary(t => t.Name);
        var modules = new List<Module>();
        foreach (var tensor in file.Tensors.Where(t => t.IsFloat))
        {
            string name = tensor.Name.EndsWith(Original, StringComparison.Ordinal) ? tensor.Name[..^Original.Length] : tensor.Name;
            if (name != Weight && !name.EndsWith($".{Weight}", StringComparison.Ordinal))
                continue;
            string stem = name[..^Weight.Length];
            var weight = Take(stem + Weight);
            modules.Add(new Module(stem.Length == 0 ? stem : stem[..^1], weight, Take(stem + Bias)));
        }
        if (modules.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1) is { } same)
            throw BadModel.Of(file.Path, $"one weight of the name '{same.Key}'", List(same.Select(m => m.Weight.Values)));
        others = tensors.Values;
        return !tensors.Values.Any(t => t.IsFloat) ? modules
            : throw BadModel.Of(file.Path, "tensors of weights and biases only", List(tensors.Values.Where(t => t.IsFloat)));

        Parameter Take(string name)
        {
            if (tensors.Remove(name, out var values))
                return values.IsFloat ? new(values, null) : throw BadModel.Of(file.Path, $"floats as {name}", List([values]));
            if (!tensors.Remove(name + Original, out values))
                throw BadModel.Of(file.Path, $"a tensor {name}", List(file));
            if (!tensors.Remove(name + Mask, out var mask) || !mask.IsReadable || !mask.Shape.SequenceEqual(values.Shape))
            {
                throw BadModel.Of(file.Path, $"{name}{Mask} in the shape of {name}{Original}, or what torch.nn.utils.prune.remove leaves",
                    mask is null ? "none" : List([mask]));
            }
            return new(values, mask);
        }
    }

    /// <summary>Layers and weights of one size, in turn: one of each, or as many, in an order that the names say.</summary>
    private static Module[] Match(SafeTensors file, IReadOnlyList<LayerSlice> slices, List<Module> modules)
    {
        var layers = new Dictionary<LayerSlice, Module>();
        foreach (var group in slices.GroupBy(s => (s.Filter.Filters, s.Filter.FilterSize)))
        {
            LayerSlice[] same = [.. group];
            Module[] fits = [.. modules.Where(m => same.Any(s => Fits(m, s.Filter)))];
            if (fits.Length != same.Length)
                throw BadModel.Of(file.Path, $"{Shapes(same)}", $"{fits.Length} such of {List(file)}");
            if (fits.Length > 1 && !InOrder(fits))
            {
                string names = string.Join(", ", fits.Select(m => m.Name)), all = string.Join(",", modules.Select(m => m.Name));
                throw new UserException(ErrorKind.Usage, $"{Order}: expected the order of the layers, since {BadModel.Cut(names)} all fit "
                    + $"{string.Join(", ", same.Select(s => s.Name))}, found none; as they lie in the file: {BadModel.Cut(all)}")
                { Parameter = Order };
            }
            foreach (var (slice, module) in same.Zip(fits))
                layers.Add(slice, module);
        }
        return Checked(file, slices, [.. slices.Select(s => layers[s])]);
    }

    /// <summary>Sorts modules whose names differ in numbers alone; false where they differ in more, or not in these.</summary>
    private static bool InOrder(Module[] modules)
    {
        const int longest = 20;
        string[] keys = Array.ConvertAll(modules, m => Number().Replace(m.Name, n => n.Value.TrimStart('0').PadLeft(longest, '0')));
        Array.Sort(keys, modules, StringComparer.Ordinal);
        return keys.Distinct().Count() == keys.Length && modules.Select(m => Number().Replace(m.Name, "0")).Distinct().Count() == 1;
    }

    private static Module[] Ordered(SafeTensors file, IReadOnlyList<LayerSlice> slices, List<Module> modules, IReadOnlyList<string> order)
    {
        var byName = modules.ToDictionary(m => m.Name);
        if (order.Count != slices.Count || order.Distinct().Count() != order.Count || !order.All(byName.ContainsKey))
        {
            throw new UserException(ErrorKind.Usage, $"{Order}: expected each of {BadModel.Cut(string.Join(",", byName.Keys))} once, "
                + $"found {BadModel.Cut(string.Join(",", order))}")
            { Parameter = Order };
        }
        return Checked(file, slices, [.. order.Select(name => byName[name])]);
    }

    private static Module[] Checked(SafeTensors file, IReadOnlyList<LayerSlice> slices, Module[] layers)
    {
        foreach (var (slice, module) in slices.Zip(layers))
        {
            if (!Fits(module, slice.Filter))
                throw BadModel.Of(file.Path, Shapes([slice]), List([module.Weight.Values]));
            if (module.Bias.Values.Shape is not [var count] || count != slice.BiasCount)
                throw BadModel.Of(file.Path, $"a bias [{slice.BiasCount}] for {slice.Name}", List([module.Bias.Values]));
        }
        return layers;
    }

    private static bool Fits(Module module, FilterShape filter) => module.Weight.Values.Shape switch
    {
        [var k, var c] => (k, c) == (filter.Filters, filter.FilterSize),
        [var k, var c, var r, var s] => (k, c, r, s) == (filter.Filters, filter.Channels, filter.Rows, filter.Columns)
            || (filter.Rows * filter.Columns == 1 && k == filter.Filters && (long)c * r * s == filter.Channels),
        _ => false,
    };

    private static void Copy(string path, Parameter parameter, Span<float> target, Span<float> live)
    {
        TorchFile.Finite(path, parameter.Values).CopyTo(target);
        if (parameter.Mask is not { } mask)
            return;
        TorchFile.Finite(path, mask).CopyTo(live);
        if (live.ContainsAnyExcept(0f, 1f))
            throw BadModel.Of(path, $"0 or 1 in {mask.Name}", "another number");
        for (int i = 0; i < target.Length; i++)
            target[i] = live[i] == 0 ? 0 : target[i];
    }

    private static string Shapes(IEnumerable<LayerSlice> slices) =>
        string.Join(", ", slices.Select(s => $"a weight [{string.Join(", ", s.WeightShape)}] for {s.Name}"));

    private static string List(SafeTensors file) => $"{file.Tensors.Count} tensors: {List(file.Tensors)}";

    private static string List(IEnumerable<SafeTensor> tensors) =>
        string.Join(", ", tensors.Take(20).Select(t => $"{t.Name} {t.Type} [{string.Join(", ", t.Shape)}]"));
}
