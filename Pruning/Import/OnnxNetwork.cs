using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>
/// A network that was trained elsewhere, from an ONNX file (onnx.ai; operator sets 9 to 21): convolutions, fully connected layers, batch
/// normalisation, ReLU, pooling, sums of branches and dropout become layers of this program, whatever names and shapes the exporter gave
/// them; how the graph computes with sizes is followed. A softmax at the end is left out: networks here give logits.
/// </summary>
/// <param name="Model">
/// For images as the file's input takes them (<see cref="Export.Preprocessing"/>): where <paramref name="TakesBytes"/>, for bytes.
/// </param>
/// <param name="Origins">Of each layer with weights the node in the file.</param>
/// <param name="TakesBytes">Whether the file says that its input takes pixels of 0 to 255: this program wrote it.</param>
public sealed record OnnxNetwork(Checkpoint Model, IReadOnlyList<(string Layer, string Name)> Origins, bool TakesBytes)
{
    private const string Expected = "an ONNX model";

    /// <summary>Whether a file is to be read as ONNX: it begins so, or is called so and is nothing else that is known.</summary>
    public static bool IsOne(string path, ReadOnlySpan<byte> start) => ForeignFile.IsOnnx(start)
        || (ForeignFile.Describe(start) is null && Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads a network.</summary>
    /// <param name="path">Of the file, for messages and for weights that lie in a file beside it (external data).</param>
    /// <param name="content">Of the file, from where it begins.</param>
    /// <param name="pruned">Whether a weight of zero counts as pruned.</param>
    /// <exception cref="UserException">BadFile: damaged, or a network without a counterpart here; the line says what and where.</exception>
    public static OnnxNetwork Read(string path, Stream content, bool pruned)
    {
        ArgumentNullException.ThrowIfNull(content);
        try
        {
            byte[] bytes = new byte[content.Length - content.Position];
            content.ReadExactly(bytes);
            var model = OnnxReader.Read(bytes, new OnnxData(Path.GetDirectoryName(Path.GetFullPath(path))!));
            var (pieces, answer) = OnnxTranslator.Translate(path, model);
            bool takesBytes = model.Texts.TryGetValue("pixel_scale", out string? scale) && scale == "1";
            var network = Build(path, Fusion.Fuse(path, pieces, answer), pruned);
            return !takesBytes ? network : network with { Model = Scaled(network.Model), TakesBytes = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw BadModel.Of(path, Expected, e.Message, e);
        }
    }

    /// <summary>
    /// Grey images whose scale the export multiplied into the first layer get it back: to learn, a network wants numbers around 1.
    /// </summary>
    private static Checkpoint Scaled(Checkpoint model)
    {
        var data = model.Network.Data;
        if (data.Channels > 1 || data.Scale[0] != 1 || data.Shift[0] != 0)
            return model;
        float scale = Mnist.Shape.Scale[0];
        var bytes = new DataShape(1, data.Height, data.Width, data.Classes, [scale], [0], data.Names);
        float[] weights = [.. model.Weights];
        var first = model.Network.Slices[0];
        foreach (ref float w in weights.AsSpan(first.WeightOffset, first.WeightCount))
            w /= scale;
        return model with { Network = NetworkDescription.Parse(model.Network.Name, bytes), Weights = weights };
    }

    private static OnnxNetwork Build(string path, IReadOnlyList<Piece> pieces, bool pruned)
    {
        var (text, order) = BranchedLine.Of(path, pieces);
        var images = pieces[0];
        int classes = order[^1].Channels;
        if (classes is < 2 or > DataShape.MostClasses)
            throw BadModel.Of(path, $"2 to {DataShape.MostClasses} classes", $"{classes}");
        var data = new DataShape(
            images.Shape.Channels, images.Shape.Height, images.Shape.Width, classes, images.Values[0], images.Values[1]);
        var network = NetworkDescription.OfFile(path, text, data);
        var weights = new float[network.ParameterLength];
        float[] mask = [.. Enumerable.Repeat(1f, weights.Length)];
        var origins = new List<(string, string)>();
        foreach (var (piece, layer) in order.Zip(network.Layers))
        {
            foreach (var (values, parameter) in piece.Values.Zip(layer.Parameters))
                values.CopyTo(weights, parameter.Offset);
            if (layer.Slice is not { } slice)
                continue;
            origins.Add((layer.Name, piece.Node!.Name));
            for (int i = slice.WeightOffset; pruned && i < slice.WeightOffset + slice.WeightCount; i++)
                mask[i] = weights[i] == 0 ? 0 : 1;
        }
        var notes = new Dictionary<string, string> { ["imported"] = BadModel.Cut(Path.GetFileName(path)) };
        return new(new Checkpoint(network, weights, mask, Seed: 1, Validation: 0, notes), origins, TakesBytes: false);
    }
}
