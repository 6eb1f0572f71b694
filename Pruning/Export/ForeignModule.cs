using System.Text.RegularExpressions;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// What may become a layer of a <see cref="ForeignNetwork"/>: tensors whose names differ behind the last dot, as PyTorch's modules have
/// them. A weight with its bias, or a batch normalisation with its running averages.
/// </summary>
/// <param name="Name">Without the dot.</param>
/// <param name="Weight">Of a batch normalisation the scale.</param>
/// <param name="Bias">Null where there is none.</param>
/// <param name="Mean">Of a batch normalisation; else null.</param>
/// <param name="Variance">Likewise.</param>
internal sealed partial record ForeignModule(
    string Name, ForeignParameter Weight, ForeignParameter? Bias, ForeignParameter? Mean, ForeignParameter? Variance)
{
    private const string WeightName = "weight", BiasName = "bias", MeanName = "running_mean", VarianceName = "running_var";
    private const string Original = "_orig", Mask = "_mask";

    /// <summary>All parameters, in the order in which layers have them.</summary>
    public IEnumerable<ForeignParameter> Parameters => new[] { Weight, Bias, Mean, Variance }.OfType<ForeignParameter>();

    /// <summary>
    /// All modules of a file. Each float of it must belong to one: what no layer takes would be left out in silence.
    /// </summary>
    /// <param name="file">What is read.</param>
    /// <param name="others">Tensors that hold no floats, as counters.</param>
    /// <exception cref="UserException">BadFile: a float that belongs to none, half a mask, two of a name.</exception>
    public static List<ForeignModule> All(SafeTensors file, out IReadOnlyCollection<SafeTensor> others)
    {
        var tensors = file.Tensors.ToDictionary(t => t.Name);
        var modules = new List<ForeignModule>();
        foreach (var tensor in file.Tensors.Where(t => t.IsFloat))
        {
            string name = tensor.Name.EndsWith(Original, StringComparison.Ordinal) ? tensor.Name[..^Original.Length] : tensor.Name;
            if (name != WeightName && !name.EndsWith($".{WeightName}", StringComparison.Ordinal))
                continue;
            string stem = name[..^WeightName.Length];
            var weight = Take(stem + WeightName) ?? throw BadModel.Of(file.Path, $"a tensor {name}", List(file));
            modules.Add(new ForeignModule(
                stem.Length == 0 ? stem : stem[..^1], weight, Take(stem + BiasName), Take(stem + MeanName), Take(stem + VarianceName)));
        }
        if (modules.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1) is { } same)
            throw BadModel.Of(file.Path, $"one weight of the name '{same.Key}'", List(same.Select(m => m.Weight.Values)));
        others = tensors.Values;
        return !tensors.Values.Any(t => t.IsFloat) ? modules
            : throw BadModel.Of(
                file.Path, "tensors of weights, their biases and batch normalisations only", List(tensors.Values.Where(t => t.IsFloat)));

        ForeignParameter? Take(string name)
        {
            if (tensors.Remove(name, out var values))
                return values.IsFloat ? new(values, null) : throw BadModel.Of(file.Path, $"floats as {name}", List([values]));
            if (!tensors.Remove(name + Original, out values))
                return null;
            if (!tensors.Remove(name + Mask, out var mask) || !mask.IsReadable || !mask.Shape.SequenceEqual(values.Shape))
            {
                throw BadModel.Of(file.Path, $"{name}{Mask} in the shape of {name}{Original}, or what torch.nn.utils.prune.remove leaves",
                    mask is null ? "none" : List([mask]));
            }
            return new(values, mask);
        }
    }

    /// <summary>Whether it has the sizes of a layer.</summary>
    public bool Fits(NetworkLayer layer)
    {
        if (layer.Slice is not { } slice)
            return Mean is not null && Variance is not null && Weight.Values.Shape is [var size] && size == layer.Input.Channels;
        var filter = slice.Filter;
        return Weight.Values.Shape switch
        {
            [var k, var c] => (k, c) == (filter.Filters, filter.FilterSize),
            [var k, var c, var r, var s] => (k, c, r, s) == (filter.Filters, filter.Channels, filter.Rows, filter.Columns)
                || (filter.Rows * filter.Columns == 1 && k == filter.Filters && (long)c * r * s == filter.Channels),
            _ => false,
        };
    }

    /// <summary>
    /// Whether names say that it normalises what a convolution gives: conv1 and bn1 or norm1, or places in a sequence, 3 and 4, behind the
    /// same stem.
    /// </summary>
    public bool Normalizes(ForeignModule convolution)
    {
        ArgumentNullException.ThrowIfNull(convolution);
        var (stem, last) = Parts(Name);
        var (from, source) = Parts(convolution.Name);
        return stem == from && (int.TryParse(source, out int place) ? last == $"{place + 1}"
            : source.Contains("conv", StringComparison.Ordinal) && (string[])["bn", "norm"] is var names
                && names.Any(n => source.Replace("conv", n, StringComparison.Ordinal) == last));

        static (string Stem, string Last) Parts(string name) => (name[..(name.LastIndexOf('.') + 1)], name[(name.LastIndexOf('.') + 1)..]);
    }

    /// <summary>Sorts modules whose names differ in numbers alone; false where they differ in more, or not in these.</summary>
    public static bool InOrder(ForeignModule[] modules)
    {
        const int longest = 20;
        string[] keys = Array.ConvertAll(modules, m => Number().Replace(m.Name, n => n.Value.TrimStart('0').PadLeft(longest, '0')));
        Array.Sort(keys, modules, StringComparer.Ordinal);
        return keys.Distinct().Count() == keys.Length && modules.Select(m => Number().Replace(m.Name, "0")).Distinct().Count() == 1;
    }

    /// <summary>What a file has, for a message.</summary>
    public static string List(SafeTensors file) => $"{file.Tensors.Count} tensors: {List(file.Tensors)}";

    /// <summary>Names, types and sizes, for a message.</summary>
    public static string List(IEnumerable<SafeTensor> tensors) =>
        string.Join(", ", tensors.Take(20).Select(t => $"{t.Name} {t.Type} [{string.Join(", ", t.Shape)}]"));

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}

/// <summary>A parameter: its values, and a mask where it was pruned.</summary>
internal readonly record struct ForeignParameter(SafeTensor Values, SafeTensor? Mask)
{
    /// <summary>Takes finite values, and which of them live.</summary>
    /// <exception cref="UserException">BadFile: other values.</exception>
    public void CopyTo(string path, Span<float> target, Span<float> live)
    {
        TorchFile.Finite(path, Values).CopyTo(target);
        if (Mask is not { } mask)
            return;
        TorchFile.Finite(path, mask).CopyTo(live);
        if (live.ContainsAnyExcept(0f, 1f))
            throw BadModel.Of(path, $"0 or 1 in {mask.Name}", "another number");
        for (int i = 0; i < target.Length; i++)
            target[i] = live[i] == 0 ? 0 : target[i];
    }
}
