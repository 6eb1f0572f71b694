using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// A network as PyTorch takes it, in a safetensors file: NAME.weight (K, C, R, S) or (K, C) and NAME.bias (K), of batch normalisations also
/// NAME.running_mean and NAME.running_var (<see cref="ParameterSlice.Name"/>), pruned weights as zeros.
/// There are no tensors of masks, which load_state_dict would refuse; the metadata hold them (<see cref="MaskText"/>), and all that a
/// checkpoint says besides (<see cref="CheckpointTexts"/>), so that the file becomes the same checkpoint again. An input is pixel_scale
/// times a pixel of 0 to 255, plus pixel_shift.
/// </summary>
public static class TorchFile
{
    private const string FormatKey = "checkpoint", ShiftKey = "pixel_shift", NoShift = "0";

    /// <summary>Writes the file.</summary>
    /// <exception cref="UserException">Failed: the file cannot be written.</exception>
    public static void Write(string path, Checkpoint model, bool replace = true)
    {
        var texts = CheckpointTexts.Of(model, FormatKey);
        texts["format"] = "pt";
        texts[ShiftKey] = NoShift;
        foreach (var (key, text) in MaskText.Of(model))
            texts[key] = text;
        var tensors = model.Network.Parameters.Select(p => SafeTensor.Of(p.Name, p.Shape, model.Weights.AsSpan(p.Offset, p.Count)));
        SafeTensors.Write(path, [.. tensors], texts, replace);
    }

    /// <summary>Whether <see cref="Write"/> made the file, so that nothing needs to be asked.</summary>
    public static bool IsOne(SafeTensors file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return file.Metadata.ContainsKey(FormatKey);
    }

    /// <summary>The checkpoint that was written, bit by bit.</summary>
    /// <exception cref="UserException">BadFile: damaged, altered, or of another version.</exception>
    public static Checkpoint Read(SafeTensors file)
    {
        ArgumentNullException.ThrowIfNull(file);
        file.DemandDigest();
        var texts = new Dictionary<string, string>(file.Metadata);
        texts.Remove("format");
        if (!texts.Remove(ShiftKey, out string? shift) || shift != NoShift)
            throw BadModel.Of(file.Path, $"a pixel shift of {NoShift}", shift ?? "none");
        var model = CheckpointTexts.Take(file.Path, texts, FormatKey);
        int count = model.Network.Parameters.Count();
        if (file.Tensors.Count != count)
            throw BadModel.Of(file.Path, $"{count} tensors", $"{file.Tensors.Count}");
        foreach (var parameter in model.Network.Parameters)
            Checkpoint.ReadParameter(file.Path, file.Get(parameter.Name, TensorType.F32, parameter.Shape), parameter, model.Weights);
        foreach (var layer in model.Network.Slices)
        {
            var mask = model.Mask.AsSpan(layer.WeightOffset, layer.WeightCount);
            MaskText.Take(file.Path, texts, layer, mask);
            for (int i = 0; i < mask.Length; i++)
            {
                if (mask[i] == 0 && model.Weights[layer.WeightOffset + i] != 0)
                    throw BadModel.Of(file.Path, $"zero in {layer.Name}.weight where its mask is 0", $"another weight at position {i}");
            }
        }
        return model;
    }

    /// <summary>A tensor's elements.</summary>
    /// <exception cref="UserException">BadFile: one of them is no number.</exception>
    internal static float[] Finite(string path, SafeTensor tensor)
    {
        float[] values = tensor.ToSingles();
        int bad = Array.FindIndex(values, v => !float.IsFinite(v));
        return bad < 0 ? values : throw BadModel.Of(path, $"finite numbers in {tensor.Name}",
            string.Create(CultureInfo.InvariantCulture, $"{values[bad]} at position {bad}"));
    }
}
