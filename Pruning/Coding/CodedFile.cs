using System.Buffers.Binary;
using Secateurs.Model;

namespace Secateurs.Pruning.Coding;

/// <summary>
/// The coded file (.dcn), format version 3; versions 1 and 2 are read.
///
/// <code>
/// 3 bytes  'D' 'C' 'N'
/// 1 byte   format version (high 4 bits), coder (low 4 bits: 0 Huffman, 1 range)
/// n bytes  one stream of <see cref="BitEncoder"/>: <see cref="Header"/>, then of each layer the codebook (<see cref="FloatLists"/>),
///          weights and positions (<see cref="HuffmanLayer"/> or <see cref="RangeLayers"/>), biases (<see cref="FloatLists"/>).
///          A bit behind the header says whether layers may lack biases, or there are numbers of other layers: then a bit before the
///          biases says whether there are any, and behind the layers come a count and so many lists. Version 1 never has that,
///          version 2 always.
/// 4 bytes  CRC-32 of all bytes before, little endian
/// </code>
///
/// Decoding gives back every bit of codebooks, indices and biases. A file that is damaged, cut or made up gives a
/// <see cref="UserException"/> with <see cref="ErrorKind.BadFile"/>, or, where the checksum was made to fit, possibly another
/// valid network; never anything else, within the limits of <see cref="CodedNetwork.MaxWeights"/>.
/// </summary>
public static class CodedFile
{
    /// <summary>Sees what a file's header says; throws where the reader cannot use such a network.</summary>
    public delegate void CheckLayers(string network, IReadOnlyList<(string Name, int[] Shape)> layers);

    private const int Version = 3, Prefix = 4, Checksum = 4;

    /// <summary>Probability of layers without biases or numbers of other layers, in 1/65536.</summary>
    private const int RarelyOthers = 2048;

    /// <exception cref="UserException">Failed: beyond the limits of <see cref="CodedNetwork"/>, inconsistent or not finite.</exception>
    public static byte[] Encode(CodedNetwork network, Coder coder) => Encode(network, coder, out _);

    /// <summary>As <see cref="Encode(CodedNetwork, Coder)"/>, and says where the bytes went.</summary>
    public static byte[] Encode(CodedNetwork network, Coder coder, out FileSize size)
    {
        ArgumentNullException.ThrowIfNull(network);
        network.Check();
        var encoder = new BitEncoder();
        var sizes = new List<LayerSize>();
        Code(encoder, Version, coder, network, sizes, "");
        byte[] file = [(byte)'D', (byte)'C', (byte)'N', (byte)(Version << 4 | (int)coder), .. encoder.Finish(), 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(^Checksum), Crc32.Of(file.AsSpan(..^Checksum)));
        size = new FileSize(file.Length, 8 * file.Length - sizes.Sum(s => s.Bits), sizes);
        return file;
    }

    /// <param name="nameForErrors">what the message begins with: the file's name</param>
    /// <param name="check">
    /// is given description and layers before these are decoded, and may refuse them: a few bytes can ask for much work
    /// </param>
    /// <exception cref="UserException">BadFile: not a coded file, of another version, damaged, cut, or beyond the limits.</exception>
    public static CodedNetwork Decode(ReadOnlySpan<byte> file, string nameForErrors, CheckLayers? check = null)
    {
        if (file.Length < Prefix + Checksum || !file.StartsWith("DCN"u8))
            throw Bad(nameForErrors, "a coded network (.dcn)", "a file that does not begin as one");
        int version = file[3] >> 4;
        if (version is < 1 or > Version)
            throw Bad(nameForErrors, $"format version 1 to {Version}", $"version {version}");
        if ((file[3] & 15) > (int)Coder.Range)
            throw Bad(nameForErrors, "coder 0 (Huffman) or 1 (range)", $"{file[3] & 15}");
        uint expected = BinaryPrimitives.ReadUInt32LittleEndian(file[^Checksum..]), found = Crc32.Of(file[..^Checksum]);
        if (found != expected)
            throw Bad(nameForErrors, $"CRC-32 {expected:x8}", $"{found:x8}: the file is damaged or cut");
        var decoder = new BitDecoder(file[Prefix..^Checksum], nameForErrors);
        var network = Code(decoder, version, (Coder)(file[3] & 15), new CodedNetwork("", []), [], nameForErrors, check);
        decoder.Finish();
        return network;
    }

    /// <summary>The one way to refuse a file, in one line.</summary>
    internal static UserException Bad(string name, string expected, string found) => BadModel.Of(name, expected, found);

    /// <summary>Both directions: writes the network, or ignores it and reads one.</summary>
    private static CodedNetwork Code(
        BitCoder bits, int version, Coder coder, CodedNetwork network, List<LayerSize> sizes, string nameForErrors,
        CheckLayers? check = null)
    {
        var (text, heads) = Header.Code(bits, version, network.Network, [.. network.Layers.Select(l => (l.Name, l.Shape))], nameForErrors);
        check?.Invoke(text, heads);
        bool others = version == 2 || network.Others.Count > 0 || network.Layers.Any(l => l.Bias.Length == 0);
        if (version >= 3)
            others = bits.Code(others ? 1 : 0, RarelyOthers) != 0;
        var floats = new FloatLists(bits, version, nameForErrors);
        var range = new RangeLayers(bits, version, nameForErrors);
        var flags = new Counters(1);
        var layers = new List<SharedLayer>();
        for (int i = 0, previousRows = 0; i < heads.Length; i++)
        {
            var (name, shape) = heads[i];
            double start = bits.Bits;
            float[] codebook = floats.Codebook(bits.Decoding ? [] : network.Layers[i].Codebook);
            double codebookEnd = bits.Bits, positions = 0;
            int[] indices = bits.Decoding ? new int[Geometry.Weights(shape)!.Value] : network.Layers[i].Indices;
            var geometry = Geometry.Of(shape, previousRows);
            if (coder == Coder.Range)
                positions = range.Code(indices, geometry, codebook);
            else if (codebook.Length > 0)
                positions = HuffmanLayer.Code(bits, indices, codebook.Length, nameForErrors);
            double indexEnd = bits.Bits;
            int columns = geometry.Columns;
            bool[] rowLive = [.. Enumerable.Range(0, shape[0]).Select(r => indices.AsSpan(r * columns, columns).ContainsAnyExcept(0))];
            bool biased = !others || flags.Code(bits, bits.Decoding || network.Layers[i].Bias.Length == 0 ? 0 : 1, 0) != 0;
            float[] bias = biased ? floats.Biases(bits.Decoding ? [] : network.Layers[i].Bias, rowLive) : [];
            var layer = new SharedLayer(name, shape, codebook, indices, bias);
            layers.Add(layer);
            if (!bits.Decoding)
                sizes.Add(new LayerSize(name, indices.Length, layer.Live, codebook.Length,
                    codebookEnd - start, positions, indexEnd - codebookEnd - positions, bits.Bits - indexEnd));
            previousRows = shape[0];
        }
        if (!others)
            return new CodedNetwork(text, layers);
        int count = new Counters(32).CodeNumber(bits, network.Others.Count, 0);
        if (count > CodedNetwork.MaxOthers)
            throw Bad(nameForErrors, $"at most {CodedNetwork.MaxOthers} lists of other layers", $"{count}");
        var lists = new float[count][];
        for (int i = 0; i < count; i++)
            lists[i] = floats.Codebook(bits.Decoding ? [] : network.Others[i]);
        return new CodedNetwork(text, layers) { Others = lists };
    }
}
