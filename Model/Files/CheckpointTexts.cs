using System.Globalization;

namespace Secateurs.Model;

/// <summary>
/// What a file says of a network in words, as metadata: its name and line of layers, the images that it is for and how their bytes go in,
/// the seed, the images that were set aside, and notes. Checkpoints and the files that are exported for PyTorch say the same.
/// </summary>
public static class CheckpointTexts
{
    private const string Format = "pruned network, version 1";

    /// <summary>How pixels go in, as version 1 said it when all images were like MNIST's; it still does of those.</summary>
    private const string ScaleKey = "pixel_scale", DataKey = "data";

    /// <summary>Not there where the data set's own division was used.</summary>
    private const string SplitKey = "split";

    private static readonly string Scale = Mnist.Shape.Scale[0].ToString("R", CultureInfo.InvariantCulture);

    /// <summary>The texts of a network, its notes first.</summary>
    /// <param name="model">The network.</param>
    /// <param name="formatKey">Where the format's name stands: of a checkpoint that is "format".</param>
    public static Dictionary<string, string> Of(Checkpoint model, string formatKey)
    {
        ArgumentNullException.ThrowIfNull(model);
        bool usual = model.Network.Data.Equals(Mnist.Shape);
        var texts = new Dictionary<string, string>(model.Notes)
        {
            [formatKey] = Format,
            ["network"] = model.Network.Name,
            ["layers"] = NetworkDescription.LineOf(model.Network.Name, model.Network.Data),
            [usual ? ScaleKey : DataKey] = usual ? Scale : $"{model.Network.Data}",
            ["seed"] = model.Seed.ToString(CultureInfo.InvariantCulture),
            ["validation"] = model.Validation.ToString(CultureInfo.InvariantCulture),
        };
        if (model.Split != 0)
            texts[SplitKey] = model.Split.ToString(CultureInfo.InvariantCulture);
        return texts;
    }

    /// <summary>
    /// A network with all that the texts say and no parameters yet: weights are 0, and all are kept. What is left of the texts are its
    /// notes.
    /// </summary>
    /// <exception cref="UserException">BadFile: a text is missing, wrong, or contradicts another.</exception>
    public static Checkpoint Take(string path, Dictionary<string, string> texts, string formatKey)
    {
        ArgumentNullException.ThrowIfNull(texts);
        string format = TakeText(path, texts, formatKey);
        if (format != Format)
            throw BadModel.Of(path, $"a network of this program with the metadata {formatKey} '{Format}'", $"'{format}'");
        string name = TakeText(path, texts, "network"), layers = TakeText(path, texts, "layers");
        var network = ParseNetwork(path, name, layers, TakeData(path, texts));
        string seed = TakeText(path, texts, "seed"), validation = TakeText(path, texts, "validation");
        if (!ulong.TryParse(seed, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seedNumber))
            throw BadModel.Of(path, "a seed", $"'{seed}'");
        if (!int.TryParse(validation, NumberStyles.None, CultureInfo.InvariantCulture, out int validationCount))
            throw BadModel.Of(path, "a number of validation images", $"'{validation}'");
        ulong splitNumber = 0;
        if (texts.Remove(SplitKey, out string? split)
            && !ulong.TryParse(split, NumberStyles.None, CultureInfo.InvariantCulture, out splitNumber))
            throw BadModel.Of(path, "the seed of a split", $"'{split}'");
        int length = network.ParameterLength;
        var mask = new float[length];
        Array.Fill(mask, 1f);
        return new Checkpoint(network, new float[length], mask, seedNumber, validationCount, texts, splitNumber);
    }

    private static string TakeText(string path, Dictionary<string, string> texts, string key) =>
        texts.Remove(key, out string? text)
            ? text
            : throw BadModel.Of(path, $"a network of this program with the metadata '{key}'", "none");

    private static DataShape TakeData(string path, Dictionary<string, string> texts)
    {
        if (texts.Remove(DataKey, out string? text))
            return DataShape.Read(text) ?? throw BadModel.Of(path, "images such as 3x32x32:10*0.0159,0.0161,0.015+-2,-2,-1.7", $"'{text}'");
        string scale = TakeText(path, texts, ScaleKey);
        return float.TryParse(scale, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && value == Mnist.Shape.Scale[0]
            ? Mnist.Shape : throw BadModel.Of(path, $"a pixel scale of {Scale}", scale);
    }

    /// <summary>The layers' line decides; the name must not contradict it.</summary>
    private static NetworkDescription ParseNetwork(string path, string name, string layers, DataShape data)
    {
        if (NetworkDescription.LineOf(name, data) != layers)
            throw BadModel.Of(path, $"the layers of {name}", $"'{layers}'");
        return NetworkDescription.OfFile(path, name, data);
    }
}
