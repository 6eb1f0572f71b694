using System.Text;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// What comes before the layers: network description, then name and shape of each layer, as one sequence of bytes (strings as
/// length and UTF-8, numbers as 7 bits a byte, the lowest first, the highest bit saying that more follow).
///
/// The bytes are coded with four contexts (the last one, two, three and five bytes), mixed, by a model that has read the headers of the
/// three known networks beforehand: their header costs about 4 bytes, and any other text is as legal.
/// </summary>
internal sealed class Header
{
    private const int Slots = 1 << 12;
    private static readonly int[] Orders = [1, 2, 3, 5];
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly Header Primed = Prime();

    private readonly Counters[] _counters;
    private readonly Mixer _mixer;
    private ulong _last;

    private Header()
    {
        _counters = [.. Orders.Select(_ => new Counters(Slots))];
        _mixer = new Mixer(Orders.Length, 1, 26000, 600);
    }

    private Header(Header source)
    {
        _counters = Array.ConvertAll(source._counters, c => new Counters(c));
        _mixer = new Mixer(source._mixer);
    }

    /// <summary>Bytes of a string in UTF-8, or -1 if it holds half a surrogate pair.</summary>
    public static int Utf8Length(string text)
    {
        try
        {
            return Utf8.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            return -1;
        }
    }

    /// <summary>Codes the description and the layers' names and shapes; the argument counts only when encoding.</summary>
    public static (string Network, (string Name, int[] Shape)[] Layers) Code(
        BitCoder coder, string network, (string Name, int[] Shape)[] layers, string nameForErrors) =>
        new Header(Primed).CodeAll(coder, network, layers, nameForErrors);

    private (string, (string, int[])[]) CodeAll(BitCoder coder, string network, (string Name, int[] Shape)[] layers, string nameForErrors)
    {
        network = Text(network, CodedNetwork.MaxNetworkBytes);
        int count = Byte(coder, layers.Length);
        if (coder.Decoding)
            layers = new (string, int[])[count];
        long total = 0;
        for (int i = 0; i < count; i++)
        {
            var (name, shape) = coder.Decoding ? ("", []) : layers[i];
            name = Text(name, CodedNetwork.MaxNameBytes);
            int sizes = Byte(coder, shape.Length);
            if (coder.Decoding)
                shape = new int[sizes];
            for (int s = 0; s < sizes; s++)
                shape[s] = Number(shape[s]);
            if (Geometry.Weights(shape) is not { } weights || (total += weights) > CodedNetwork.MaxWeights)
            {
                throw CodedFile.Bad(nameForErrors, $"layer {i + 1} to have 2 or 4 sizes and all at most {CodedNetwork.MaxWeights} weights",
                    $"({string.Join(", ", shape.Take(5))})");
            }
            layers[i] = (name, shape);
        }
        return (network, layers);

        int Number(int value)
        {
            int result = 0;
            for (int shift = 0; shift <= 21; shift += 7)
            {
                int b = Byte(coder, value >> shift & 127 | (value >> shift > 127 ? 128 : 0));
                result |= (b & 127) << shift;
                if (b < 128)
                    return result;
            }
            throw CodedFile.Bad(nameForErrors, "numbers below 2^28 in the header", "a larger one");
        }

        string Text(string text, int limit)
        {
            byte[] bytes = coder.Decoding ? [] : Utf8.GetBytes(text);
            int length = Number(bytes.Length);
            if (length > limit)
                throw CodedFile.Bad(nameForErrors, $"at most {limit} bytes of text", $"{length}");
            if (coder.Decoding)
                bytes = new byte[length];
            for (int i = 0; i < length; i++)
                bytes[i] = (byte)Byte(coder, bytes[i]);
            try
            {
                return Utf8.GetString(bytes);
            }
            catch (DecoderFallbackException)
            {
                throw CodedFile.Bad(nameForErrors, "text in UTF-8", "other bytes");
            }
        }
    }

    private int Byte(BitCoder coder, int value)
    {
        uint node = 1;
        for (int bit = 7; bit >= 0; bit--)
        {
            for (int i = 0; i < Orders.Length; i++)
                _mixer.Add(_counters[i], (int)(((_last << 64 - 8 * Orders[i]) + node) * 0x9E3779B97F4A7C15 >> 52));
            node = node << 1 | (uint)_mixer.Code(coder, value >> bit & 1, 0, 0);
        }
        _last = _last << 8 | node & 255;
        return (int)(node & 255);
    }

    private static Header Prime()
    {
        var header = new Header();
        (string Network, string Layers)[] known =
        [
            ("fc300r fc100r fc10", "fc1 300x784 fc2 100x300 fc3 10x100"),
            ("lenet-5", "conv1 6x1x5x5 conv2 16x6x5x5 conv3 120x16x5x5 fc1 84x120 fc2 10x84"),
            ("lenet-300-100", "fc1 300x784 fc2 100x300 fc3 10x100"),
            ("lenet-5-caffe", "conv1 20x1x5x5 conv2 50x20x5x5 fc1 500x800 fc2 10x500"),
        ];
        foreach (var (network, layers) in known)
        {
            var shapes = layers.Split(' ').Chunk(2).Select(l => (l[0], l[1].Split('x').Select(int.Parse).ToArray()));
            header._last = 0;
            header.CodeAll(new BitEncoder(), network, [.. shapes], "");
        }
        header._last = 0;
        return header;
    }
}
