using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>A constant of an ONNX model (TensorProto), whose elements stay in the file until they are asked for.</summary>
internal sealed class OnnxTensor
{
    public const int Float = 1, Int32 = 6, Int64 = 7, Bool = 9, Half = 10, Double = 11, BFloat = 16;

    private const int MostDimensions = 8, MostElements = NetworkDescription.MostWeights;

    /// <summary>Integers describe shapes: more of them describe none.</summary>
    public const int MostIntegers = 64;

    private readonly ReadOnlyMemory<byte> _message;
    private readonly Array? _values;
    private readonly OnnxPlace? _place;

    private OnnxTensor(string name, int type, int[] shape, ReadOnlyMemory<byte> message, Array? values, OnnxPlace? place = null)
    {
        (Name, Type, Shape, _message, _values, _place) = (name, type, shape, message, values, place);
        long count = 1;
        foreach (int extent in shape)
            count = Math.Min(count * extent, int.MaxValue);
        Count = (int)count;
    }

    public string Name { get; }

    /// <summary>TensorProto.DataType.</summary>
    public int Type { get; }

    public int[] Shape { get; }

    public int Count { get; }

    /// <summary>E.g. conv1.weight [8, 1, 3, 3].</summary>
    public string Description => $"{OnnxNode.Cut(Name)} [{string.Join(", ", Shape)}]";

    public bool IsInteger => Type is Int32 or Int64 or Bool;

    public static OnnxTensor Of(long[] values, bool scalar = false) => new("", Int64, scalar ? [] : [values.Length], default, values);

    public static OnnxTensor Of(int[] shape, float[] values) => new("", Float, shape, default, values);

    /// <summary>Reads all but the elements.</summary>
    /// <exception cref="InvalidDataException">No tensor, or one whose elements lie in no file beside the model.</exception>
    public static OnnxTensor Read(ReadOnlyMemory<byte> message, OnnxBudget budget, OnnxData data)
    {
        string name = "";
        int type = 0;
        var shape = new List<int>();
        bool external = false;
        var place = new List<(string, string)>();
        foreach (var field in ProtobufField.Of(message))
        {
            if (field.Number == 1)
                foreach (long extent in field.Numbers())
                {
                    if (extent is < 0 or > int.MaxValue || shape.Count == MostDimensions)
                        throw new InvalidDataException($"a tensor with the extent {extent} as the {shape.Count + 1}th");
                    shape.Add((int)extent);
                }
            else if (field.Number == 2)
                type = (int)Math.Min(field.Value, int.MaxValue);
            else if (field.Number == 8)
                name = budget.Text(field);
            else if (field.Number == 13)
                place.Add(OnnxReader.Pair(field.Bytes, budget));
            else if (field.Number == 14)
                external = field.Value != 0;
        }
        return new OnnxTensor(name, type, [.. shape], message, null, external ? data.Find(name, place) : null);
    }

    /// <summary>The elements as single precision; double is rounded.</summary>
    /// <exception cref="InvalidDataException">Another type, another number of elements, or one that is not finite.</exception>
    public float[] Singles()
    {
        float[] values = _values as float[] ?? Type switch
        {
            Float => Fixed(4, sizeof(float), BinaryPrimitives.ReadSingleLittleEndian),
            Double => Fixed(10, sizeof(double), b => (float)BinaryPrimitives.ReadDoubleLittleEndian(b)),
            Half => Numbers(
                sizeof(ushort), b => (float)BinaryPrimitives.ReadHalfLittleEndian(b), v => (float)BitConverter.Int16BitsToHalf((short)v)),
            BFloat => Numbers(
                sizeof(ushort), b => Wide(BinaryPrimitives.ReadUInt16LittleEndian(b)), v => Wide((ushort)v)),
            _ => throw new InvalidDataException($"{Description} of the type {Type}, which are no floats"),
        };
        int bad = Array.FindIndex(values, v => !float.IsFinite(v));
        return bad < 0 ? values : throw new InvalidDataException($"{values[bad]} at position {bad} of {Description}");

        static float Wide(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }

    /// <summary>The elements as integers.</summary>
    /// <exception cref="InvalidDataException">Another type, too many or another number of elements.</exception>
    public long[] Integers() => Count > MostIntegers
        ? throw new InvalidDataException($"{Description} of more than {MostIntegers} integers")
        : _values as long[] ?? Type switch
        {
            Int64 => Numbers(sizeof(long), BinaryPrimitives.ReadInt64LittleEndian, v => v),
            Int32 => Numbers(sizeof(int), b => BinaryPrimitives.ReadInt32LittleEndian(b), v => v),
            Bool => Numbers(1, b => b[0], v => v),
            _ => throw new InvalidDataException($"{Description} of the type {Type}, which are no integers"),
        };

    /// <summary>Of a matrix.</summary>
    public OnnxTensor Transposed()
    {
        float[] values = Singles(), turned = new float[values.Length];
        int rows = Shape[0], columns = Shape[1];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                turned[c * rows + r] = values[r * columns + c];
        return Of([columns, rows], turned);
    }

    private delegate T Reader<T>(ReadOnlySpan<byte> bytes);

    /// <summary>Elements of raw_data, or of a repeated field of numbers of fixed size.</summary>
    private T[] Fixed<T>(int field, int size, Reader<T> read)
    {
        IEnumerable<ReadOnlyMemory<byte>> parts = Parts(field).Select(p => p.Bytes);
        long bytes = _place is null ? parts.Sum(p => (long)p.Length) : _place.Length < 0 ? (long)Count * size : _place.Length;
        if (Count > MostElements)
            throw TooMany();
        if (bytes != (long)Count * size)
            throw new InvalidDataException($"{Description} in {bytes} bytes");
        var values = new T[Count];
        int at = 0;
        foreach (var part in _place is null ? parts : [_place.Read((int)bytes)])
            for (int i = 0; i + size <= part.Length && at < Count; i += size)
                values[at++] = read(part.Span.Slice(i, size));
        return at == Count ? values : throw new InvalidDataException($"{Description} in parts of other lengths");
    }

    /// <summary>Elements of raw_data, or of int32_data or int64_data.</summary>
    private T[] Numbers<T>(int size, Reader<T> raw, Func<long, T> convert)
    {
        int field = Type == Int64 ? 7 : 5;
        if (_place is not null || ProtobufField.Of(_message).Any(f => f.Number == 9) || Count == 0)
            return Fixed(field, size, raw);
        // No number takes less than a byte.
        var parts = Parts(field);
        if (Count > MostElements)
            throw TooMany();
        if (Count > parts.Sum(p => Math.Max(1L, p.Bytes.Length)))
            throw new InvalidDataException($"{Description} without its elements");
        T[] values = [.. parts.SelectMany(p => p.Numbers()).Take(Count + 1).Select(convert)];
        return values.Length == Count ? values : throw new InvalidDataException($"{Description} with another number of elements");
    }

    private InvalidDataException TooMany() => new($"{Description} of more than {MostElements} elements");

    /// <summary>The fields of elements: raw_data alone where it is there.</summary>
    private IEnumerable<ProtobufField> Parts(int field)
    {
        bool raw = ProtobufField.Of(_message).Any(f => f.Number == 9);
        return ProtobufField.Of(_message).Where(f => f.Number == (raw ? 9 : field));
    }
}
