using System.Globalization;
using System.Text;
using Secateurs.Model;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// What comes before the layers: network description, a bit that says whether it implies the layers, and if not, name and shape of each.
/// That is one sequence of bytes: strings as UTF-8 with 255 behind them, numbers as 7 bits a byte, the lowest first, the highest bit
/// saying that more follow. In versions 1 and 2 strings have their length in front, and layers are never implied.
///
/// The bytes are coded with four contexts (the last one, two, three and five bytes), mixed, by a model that has read the three known
/// networks beforehand, in many widths: such a one costs up to 14 bytes, and any other text is as legal.
/// </summary>
internal sealed class Header
{
    private const int Slots = 1 << 12, End = 255;

    /// <summary>Probability that layers are implied, in 1/65536.</summary>
    private const int UsuallyImplied = 65536 - 4096;

    /// <summary>Of how many parts of their widths the known networks are read.</summary>
    private const int Parts = 16;

    private static readonly int[] Orders = [1, 2, 3, 5];
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly Header Primed = Prime(version: 3), PrimedBefore3 = Prime(version: 1);

    private readonly int _version;
    private readonly Counters[] _counters;
    private readonly Mixer _mixer;
    private ulong _last;

    private Header(int version)
    {
        _version = version;
        _counters = [.. Orders.Select(_ => new Counters(Slots))];
        _mixer = new Mixer(Orders.Length, 1, 26000, 600);
    }

    private Header(Header source)
    {
        _version = source._version;
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
        BitCoder coder, int version, string network, (string Name, int[] Shape)[] layers, string nameForErrors) =>
        new Header(version < 3 ? PrimedBefore3 : Primed).CodeAll(coder, network, layers, nameForErrors);

    private (string, (string, int[])[]) CodeAll(BitCoder coder, string network, (string Name, int[] Shape)[] layers, string nameForErrors)
    {
        network = Text(coder, network, CodedNetwork.MaxNetworkBytes, nameForErrors);
        bool implied = _version >= 3
            && coder.Code(!coder.Decoding && Implied(network) is { } own && Same(own, layers) ? 1 : 0, UsuallyImplied) != 0;
        if (!implied)
            return (network, Layers(coder, layers, nameForErrors));
        if (coder.Decoding)
            layers = Implied(network) ?? throw CodedFile.Bad(nameForErrors, "a network of this program", "other text");
        long total = 0;
        for (int i = 0; i < layers.Length; i++)
            total = Add(total, i, layers[i].Shape, nameForErrors);
        return (network, layers);
    }

    private (string, int[])[] Layers(BitCoder coder, (string Name, int[] Shape)[] layers, string nameForErrors)
    {
        var result = new (string, int[])[Byte(coder, layers.Length)];
        long total = 0;
        for (int i = 0; i < result.Length; i++)
        {
            var (name, shape) = coder.Decoding ? ("", []) : layers[i];
            name = Text(coder, name, CodedNetwork.MaxNameBytes, nameForErrors);
            int sizes = Byte(coder, shape.Length);
            if (coder.Decoding)
                shape = new int[sizes];
            shape = Array.ConvertAll(shape, size => Number(coder, size, nameForErrors));
            total = Add(total, i, shape, nameForErrors);
            result[i] = (name, shape);
        }
        return result;
    }

    /// <summary>Weights of the layers up to this one; refuses more than a file may have.</summary>
    private static long Add(long total, int layer, int[] shape, string nameForErrors) =>
        Geometry.Weights(shape) is { } weights && total + weights <= CodedNetwork.MaxWeights ? total + weights : throw CodedFile.Bad(
            nameForErrors, $"layer {layer + 1} to have 2 or 4 sizes and all at most {CodedNetwork.MaxWeights} weights",
            $"({string.Join(", ", shape.Take(5))})");

    private string Text(BitCoder coder, string text, int limit, string nameForErrors)
    {
        byte[] bytes = coder.Decoding ? [] : Utf8.GetBytes(text);
        int length = _version < 3 ? Number(coder, bytes.Length, nameForErrors) : int.MaxValue;
        var read = new List<byte>();
        while (read.Count < length)
        {
            int next = Byte(coder, read.Count < bytes.Length ? bytes[read.Count] : End);
            if (_version >= 3 && next == End)
                break;
            read.Add((byte)next);
            if (read.Count > limit)
                throw CodedFile.Bad(nameForErrors, $"at most {limit} bytes of text", "more");
        }
        try
        {
            return Utf8.GetString([.. read]);
        }
        catch (DecoderFallbackException)
        {
            throw CodedFile.Bad(nameForErrors, "text in UTF-8", "other bytes");
        }
    }

    private int Number(BitCoder coder, int value, string nameForErrors)
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

    /// <summary>The layers of a network of this program; null of other text.</summary>
    private static (string Name, int[] Shape)[]? Implied(string network)
    {
        try
        {
            return [.. NetworkDescription.Parse(network).Slices.Select(s => (s.Name, s.WeightShape))];
        }
        catch (UserException)
        {
            return null;
        }
    }

    private static bool Same((string Name, int[] Shape)[] a, (string Name, int[] Shape)[] b) =>
        a.Length == b.Length && a.Zip(b).All(p => p.First.Name == p.Second.Name && p.First.Shape.SequenceEqual(p.Second.Shape));

    private static Header Prime(int version)
    {
        var header = new Header(version);
        var encoder = new BitEncoder();
        (string Line, int[] Widths)[] narrower =
        [
            ("conv{0}@5p2r pool2 conv{1}@5r pool2 conv{2}@5r fc{3}r fc10", [6, 16, 120, 84]),
            ("fc{0}r fc{1}r fc10", [300, 100]),
            ("conv{0}@5 pool2 conv{1}@5 pool2 fc{2}r fc10", [20, 50, 500]),
        ];
        for (int part = version < 3 ? 0 : Parts - 1; part > 0; part--)
        {
            foreach (var (line, widths) in narrower)
            {
                object[] left = [.. widths.Select(w => (object)((w * part + Parts - 1) / Parts))];
                header._last = 0;
                header.Text(encoder, string.Format(CultureInfo.InvariantCulture, line, left), int.MaxValue, "");
            }
        }
        (string Network, string Layers)[] known =
        [
            ("fc300r fc100r fc10", "fc1 300x784 fc2 100x300 fc3 10x100"),
            ("lenet-5", "conv1 6x1x5x5 conv2 16x6x5x5 conv3 120x16x5x5 fc1 84x120 fc2 10x84"),
            ("lenet-300-100", "fc1 300x784 fc2 100x300 fc3 10x100"),
            ("lenet-5-caffe", "conv1 20x1x5x5 conv2 50x20x5x5 fc1 500x800 fc2 10x500"),
        ];
        foreach (var (network, layers) in known)
        {
            header._last = 0;
            header.Text(encoder, network, int.MaxValue, "");
            header.Layers(
                encoder, [.. layers.Split(' ').Chunk(2).Select(l => (l[0], l[1].Split('x').Select(int.Parse).ToArray()))], "");
        }
        header._last = 0;
        return header;
    }
}
