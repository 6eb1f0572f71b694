using System.Runtime.InteropServices;

namespace Secateurs.Model;

/// <summary>
/// The element types, named as in the file: truth values, integers, floats of several kinds and complex ones, little-endian.
/// </summary>
public enum TensorType
{
    BOOL,
    U8,
    I8,
    F8_E4M3,
    F8_E5M2,
    F8_E8M0,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    I64,
    U64,
    F64,
    C64,
}

/// <summary>A named tensor as it lies in a file: Data holds the elements of Shape, row-major; an empty shape is one element.</summary>
public sealed class SafeTensor
{
    public SafeTensor(string name, TensorType type, int[] shape, byte[] data)
    {
        if (ByteCount(type, shape) != data.Length)
            throw new ArgumentException($"{name}: {type} [{string.Join(", ", shape)}] does not take {data.Length} bytes");
        (Name, Type, Shape, Data) = (name, type, shape, data);
    }

    /// <summary>A tensor of type F32.</summary>
    public static SafeTensor Of(string name, int[] shape, ReadOnlySpan<float> values) =>
        new(name, TensorType.F32, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>A tensor of type U8, such as a mask.</summary>
    public static SafeTensor Of(string name, int[] shape, ReadOnlySpan<byte> values) => new(name, TensorType.U8, shape, values.ToArray());

    public string Name { get; }

    public TensorType Type { get; }

    public int[] Shape { get; }

    public byte[] Data { get; }

    /// <summary>Whether the elements are floats that <see cref="ToSingles"/> converts, as weights are.</summary>
    public bool IsFloat => Type is TensorType.F16 or TensorType.BF16 or TensorType.F32 or TensorType.F64;

    /// <summary>Whether <see cref="ToSingles"/> converts the elements: floats of 16 bits or more, bytes and truth values.</summary>
    public bool IsReadable => IsFloat || Type is TensorType.U8 or TensorType.BOOL;

    /// <summary>The elements as single precision; F64 is rounded, all other types are exact.</summary>
    public float[] ToSingles() => Type switch
    {
        TensorType.U8 or TensorType.BOOL => Convert<byte>(value => value),
        TensorType.F16 => Convert<Half>(value => (float)value),
        TensorType.BF16 => Convert<ushort>(value => BitConverter.UInt32BitsToSingle((uint)value << 16)),
        TensorType.F32 => Convert<float>(value => value),
        TensorType.F64 => Convert<double>(value => (float)value),
        _ => throw new InvalidOperationException($"{Name}: no conversion from {Type}"),
    };

    /// <summary>Bytes of one element.</summary>
    public static int ElementSize(TensorType type) => type switch
    {
        TensorType.BOOL or TensorType.U8 or TensorType.I8 or TensorType.F8_E4M3 or TensorType.F8_E5M2 or TensorType.F8_E8M0 => 1,
        TensorType.I16 or TensorType.U16 or TensorType.F16 or TensorType.BF16 => 2,
        TensorType.I32 or TensorType.U32 or TensorType.F32 => 4,
        TensorType.I64 or TensorType.U64 or TensorType.F64 or TensorType.C64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>Bytes of a whole tensor, or null where an extent is negative or the product leaves 64 bits.</summary>
    public static long? ByteCount(TensorType type, ReadOnlySpan<int> shape)
    {
        Int128 bytes = ElementSize(type);
        foreach (int extent in shape)
        {
            if (extent < 0 || (bytes *= extent) > long.MaxValue)
                return null;
        }

        return (long)bytes;
    }

    private float[] Convert<T>(Converter<T, float> convert) where T : unmanaged
    {
        var elements = MemoryMarshal.Cast<byte, T>(Data);
        var singles = new float[elements.Length];
        for (int i = 0; i < singles.Length; i++)
            singles[i] = convert(elements[i]);
        return singles;
    }
}
