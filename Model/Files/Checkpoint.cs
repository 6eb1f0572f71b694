using System.Globalization;

namespace Secateurs.Model;

/// <summary>
/// A trained network in a file: for each layer NAME.weight, NAME.bias and what else it has (F32, names and shapes as PyTorch writes them),
/// of what is pruned NAME.mask (U8, 1 = kept); as metadata the network's line of text, the scale of pixels, the split of the data, and
/// whatever else the writer knows.
/// </summary>
/// <param name="Network">What the parameters belong to.</param>
/// <param name="Weights">Flat, in the layout of <see cref="Parameters"/>; padding is zero.</param>
/// <param name="Mask">The same layout; 1 also for biases and padding.</param>
/// <param name="Seed">Of training and of the split into training and validation images.</param>
/// <param name="Validation">Images that were set aside for validation.</param>
/// <param name="Notes">Further metadata: how the network was made.</param>
/// <param name="Split">See <see cref="ImageData.Redrawn"/>: which images it has not learned from.</param>
public sealed record Checkpoint(
    NetworkDescription Network, float[] Weights, float[] Mask, ulong Seed, int Validation, IReadOnlyDictionary<string, string> Notes,
    ulong Split = 0)
{
    private const string FormatKey = "format", ForeignFormat = "pt";

    /// <summary>Weights that are kept, biases not counted.</summary>
    public int Kept => Network.Slices.Sum(l => Mask.AsSpan(l.WeightOffset, l.WeightCount).Count(1f));

    /// <summary>All weights, biases not counted.</summary>
    public int Total => Network.Slices.Sum(l => l.WeightCount);

    /// <summary>What a trainer holds now.</summary>
    public static Checkpoint Of(
        Trainer trainer, ParameterState state, ulong seed, int validation, IReadOnlyDictionary<string, string> notes, ulong split = 0)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(state);
        return new Checkpoint(trainer.Network, state.Weight, state.Mask, seed, validation, notes, split);
    }

    /// <summary>Writes the file atomically.</summary>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public void Save(string path, bool replace = true)
    {
        var tensors = new List<SafeTensor>();
        foreach (var layer in Network.Layers)
        {
            tensors.AddRange(layer.Parameters.Select(p => SafeTensor.Of(p.Name, p.Shape, Weights.AsSpan(p.Offset, p.Count))));
            if (layer.Slice is not { } slice)
                continue;
            byte[] mask = Array.ConvertAll(
                Mask[slice.WeightOffset..(slice.WeightOffset + slice.WeightCount)], m => m != 0 ? (byte)1 : (byte)0);
            tensors.Add(SafeTensor.Of($"{slice.Name}.mask", slice.WeightShape, mask));
        }
        SafeTensors.Write(path, tensors, CheckpointTexts.Of(this, FormatKey), replace);
    }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="UserException">BadFile: missing, damaged, foreign, or not a network of this program; one line with the
    /// reason.</exception>
    public static Checkpoint Load(string path)
    {
        using var content = InputFile.Open(path, "a model file");
        return Read(path, content);
    }

    /// <summary>Reads and checks a file's content, from where it begins.</summary>
    /// <exception cref="UserException">BadFile, as <see cref="Load"/>.</exception>
    public static Checkpoint Read(string path, Stream content)
    {
        var file = SafeTensors.Read(path, content);
        var texts = new Dictionary<string, string>(file.Metadata);
        if (texts.GetValueOrDefault(FormatKey, ForeignFormat) == ForeignFormat)
        {
            throw BadModel.Of(path, "a checkpoint of this program",
                "a safetensors file of another one, or exported for one: `import` makes a checkpoint of it");
        }
        file.DemandDigest();
        var model = CheckpointTexts.Take(path, texts, FormatKey);
        int tensors = model.Network.Parameters.Count() + model.Network.Slices.Count;
        if (file.Tensors.Count != tensors)
            throw BadModel.Of(path, $"{tensors} tensors", $"{file.Tensors.Count}");
        foreach (var parameter in model.Network.Parameters)
            ReadParameter(path, file.Get(parameter.Name, TensorType.F32, parameter.Shape), parameter, model.Weights);
        foreach (var layer in model.Network.Slices)
            ReadMask(path, file.Get($"{layer.Name}.mask", TensorType.U8, layer.WeightShape).Data, layer, model.Weights, model.Mask);
        return model;
    }

    /// <summary>Checks and takes a parameter: numbers, of a variance none below zero.</summary>
    /// <exception cref="UserException">BadFile: a value that it cannot have.</exception>
    public static void ReadParameter(string path, SafeTensor tensor, ParameterSlice parameter, float[] weights)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(parameter);
        bool variance = parameter.Role == ParameterRole.Variance;
        float[] values = tensor.ToSingles();
        int bad = Array.FindIndex(values, v => !float.IsFinite(v) || (variance && v < 0));
        if (bad >= 0)
        {
            throw BadModel.Of(path, $"finite numbers{(variance ? " from 0 on" : "")} in {tensor.Name}",
                string.Create(CultureInfo.InvariantCulture, $"{values[bad]} at position {bad}"));
        }
        values.CopyTo(weights, parameter.Offset);
    }

    private static void ReadMask(string path, byte[] live, LayerSlice layer, float[] weights, float[] mask)
    {
        for (int i = 0; i < live.Length; i++)
        {
            float weight = weights[layer.WeightOffset + i];
            if (live[i] > 1)
                throw BadModel.Of(path, $"0 or 1 in {layer.Name}.mask", $"{live[i]} at position {i}");
            if (live[i] == 0 && weight != 0)
                throw BadModel.Of(path, $"zero in {layer.Name}.weight where the mask is 0", $"{weight} at position {i}");
            mask[layer.WeightOffset + i] = live[i];
        }
    }
}
