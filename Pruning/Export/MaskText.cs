using Secateurs.Model;

namespace Secateurs.Pruning.Export;

/// <summary>
/// A layer's mask as a text, for files whose tensors are weights and biases only: base64 of a bit for each weight, row-major, the highest
/// bit of a byte first, 1 = kept; <c>np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))</c> reads it.
/// </summary>
internal static class MaskText
{
    /// <summary>The texts of the layers that have pruned weights, as NAME.mask.</summary>
    public static IEnumerable<(string Key, string Text)> Of(Checkpoint model) =>
        model.Network.Slices.Select(l => (l, Mask: model.Mask.AsSpan(l.WeightOffset, l.WeightCount).ToArray()))
            .Where(x => x.Mask.AsSpan().Contains(0f)).Select(x => (Key(x.l), Of(x.Mask)));

    /// <summary>Takes a layer's text out of a file's, if it is there, and sets the mask, which is all ones.</summary>
    /// <exception cref="UserException">BadFile: no base64 or another number of bits.</exception>
    public static void Take(string path, Dictionary<string, string> texts, LayerSlice layer, Span<float> mask)
    {
        if (!texts.Remove(Key(layer), out string? text))
            return;
        byte[] bits = new byte[(mask.Length + 7) / 8];
        // One buffer of the right length: a text that is longer than the mask fails instead of being unpacked.
        if (!Convert.TryFromBase64String(text, bits, out int length) || length != bits.Length)
            throw BadModel.Of(path, $"base64 of {bits.Length} bytes as the metadata '{Key(layer)}'", $"{text.Length} letters that are not");
        for (int i = 0; i < mask.Length; i++)
            mask[i] = bits[i / 8] >> 7 - i % 8 & 1;
    }

    private static string Key(LayerSlice layer) => $"{layer.Name}.mask";

    private static string Of(float[] mask)
    {
        byte[] bits = new byte[(mask.Length + 7) / 8];
        for (int i = 0; i < mask.Length; i++)
        {
            if (mask[i] != 0)
                bits[i / 8] |= (byte)(0x80 >> i % 8);
        }
        return Convert.ToBase64String(bits);
    }
}
