using System.Globalization;

namespace Model;

/// <summary>
/// A trained network in a file: for each layer NAME.weight and NAME.bias (F32, shapes as frameworks write them) and NAME.mask (U8, 1 = kept);
/// as metadata the network's line of text, the scale of pixels, the split of the data, and whatever else the writer knows.
/// </summary>
/// <param name="Network">What the parameters belong to.</param>
/// <param name="Weights">Flat, in the layout of <see cref="Parameters"/>; padding is zero.</param>
/// <param name="Mask">The same layout; 1 also for biases and padding.</param>
/// <param name="Seed">Of training and of the split into training and validation images.</param>
/// <param name="Validation">Images that were set aside for validation.</param>
/// <param name="Notes">Further metadata: how the network was made.</param>
public sealed record Checkpoint(
    NetworkDescription Network, float[] Weights, float[] Mask, ulong Seed, int Validation, IReadOnlyDictionary<string, string> Notes)
{
    private const string Format = "pruned network, version 1";

    /// <summary>Weights that are kept, biases not counted.</summary>
    public int Kept => Parameters.Slices(Network, out _).Sum(l => Mask.AsSpan(l.WeightOffset, l.WeightCount).Count(1f));

    /// <summary>All weights, biases not counted.</summary>
    public int Total => Parameters.Slices(Network, out _).Sum(l => l.WeightCount);

    /// <summary>What a trainer holds now.</summary>
    public static Checkpoint Of(
        Trainer trainer, ParameterState state, ulong seed, int validation, IReadOnlyDictionary<string, string> notes)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(state);
        return new Checkpoint(trainer.Network, state.Weight, state.Mask, seed, validation, notes);
    }

    /// <summary>Writes the file atomically.</summary>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public void Save(string path)
    {
        var tensors = new List<SafeTensor>();
        foreach (var layer in Parameters.Slices(Network, out _))
        {
            tensors.Add(SafeTensor.Of($"{layer.Name}.weight", layer.WeightShape, Weights.AsSpan(layer.WeightOffset, layer.WeightCount)));
            tensors.Add(SafeTensor.Of($"{layer.Name}.bias", [layer.BiasCount], Weights.AsSpan(layer.BiasOffset, layer.BiasCount)));
            byte[] mask = Array.ConvertAll(Mask[layer.WeightOffset..(layer.WeightOffset + layer.WeightCount)], m => m != 0 ? (byte)1 : (byte)0);
            tensors.Add(SafeTensor.Of($"{layer.Name}.mask", layer.WeightShape, mask));
        }
        SafeTensors.Write(path, tensors, new Dictionary<string, string>(Notes)
        {
            ["format"] = Format,
            ["network"] = Network.Name,
            ["layers"] = NetworkDescription.Known.GetValueOrDefault(Network.Name, Network.Name),
            ["pixel_scale"] = Trainer.PixelScale.ToString("R", CultureInfo.InvariantCulture),
            ["seed"] = Seed.ToString(CultureInfo.InvariantCulture),
            ["validation"] = Validation.ToString(CultureInfo.InvariantCulture),
        });
    }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="UserException">BadFile: missing, damaged, foreign, or not a network of this program; one line with the reason.</exception>
    public static Checkpoint Load(string path)
    {
        var file = SafeTensors.Read(path);
        var texts = new Dictionary<string, string>(file.Metadata);
        string format = Take(path, texts, "format");
        if (format != Format)
            throw Bad(path, $"format '{Format}'", $"'{format}'");
        string name = Take(path, texts, "network"), layers = Take(path, texts, "layers");
        var network = ParseNetwork(path, name, layers);
        string scale = Take(path, texts, "pixel_scale");
        if (!float.TryParse(scale, CultureInfo.InvariantCulture, out float pixelScale) || pixelScale != Trainer.PixelScale)
            throw Bad(path, $"a pixel scale of {Trainer.PixelScale.ToString("R", CultureInfo.InvariantCulture)}", scale);
        string seed = Take(path, texts, "seed"), validation = Take(path, texts, "validation");
        if (!ulong.TryParse(seed, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seedNumber))
            throw Bad(path, "a seed", $"'{seed}'");
        if (!int.TryParse(validation, NumberStyles.None, CultureInfo.InvariantCulture, out int validationCount))
            throw Bad(path, "a number of validation images", $"'{validation}'");

        var slices = Parameters.Slices(network, out int length);
        if (file.Tensors.Count != 3 * slices.Count)
            throw Bad(path, $"{3 * slices.Count} tensors", $"{file.Tensors.Count}");
        var weights = new float[length];
        var mask = new float[length];
        Array.Fill(mask, 1f);
        foreach (var layer in slices)
            ReadLayer(path, file, layer, weights, mask);
        return new Checkpoint(network, weights, mask, seedNumber, validationCount, texts);
    }

    private static void ReadLayer(string path, SafeTensors file, LayerSlice layer, float[] weights, float[] mask)
    {
        float[] weight = file.Get($"{layer.Name}.weight", TensorType.F32, layer.WeightShape).ToSingles();
        float[] bias = file.Get($"{layer.Name}.bias", TensorType.F32, layer.BiasCount).ToSingles();
        byte[] live = file.Get($"{layer.Name}.mask", TensorType.U8, layer.WeightShape).Data;
        for (int i = 0; i < weight.Length; i++)
        {
            if (!float.IsFinite(weight[i]))
                throw Bad(path, $"finite numbers in {layer.Name}.weight", $"{weight[i]} at position {i}");
            if (live[i] > 1)
                throw Bad(path, $"0 or 1 in {layer.Name}.mask", $"{live[i]} at position {i}");
            if (live[i] == 0 && weight[i] != 0)
                throw Bad(path, $"zero in {layer.Name}.weight where the mask is 0", $"{weight[i]} at position {i}");
            mask[layer.WeightOffset + i] = live[i];
        }
        int bad = Array.FindIndex(bias, b => !float.IsFinite(b));
        if (bad >= 0)
            throw Bad(path, $"finite numbers in {layer.Name}.bias", $"{bias[bad]} at position {bad}");
        weight.CopyTo(weights, layer.WeightOffset);
        bias.CopyTo(weights, layer.BiasOffset);
    }

    /// <summary>The layers' line decides; the name must not contradict it.</summary>
    private static NetworkDescription ParseNetwork(string path, string name, string layers)
    {
        if (NetworkDescription.Known.GetValueOrDefault(name, name) != layers)
            throw Bad(path, $"the layers of {name}", $"'{layers}'");
        try
        {
            return NetworkDescription.Parse(name);
        }
        catch (UserException e)
        {
            throw new UserException(ExitCode.BadFile, $"{path}: expected a network of this program, found {e.Message}", e);
        }
    }

    private static string Take(string path, Dictionary<string, string> texts, string key) =>
        texts.Remove(key, out string? text) ? text : throw Bad(path, $"a network of this program with the metadata '{key}'", "none");

    private static UserException Bad(string path, string expected, string found) =>
        new(ExitCode.BadFile, string.Create(CultureInfo.InvariantCulture, $"{path}: expected {expected}, found {found}"));
}
