using System.Runtime.InteropServices;
using System.Text;

namespace Secateurs.Pruning.Export;

/// <summary>
/// A NumPy file, .npy version 1.0 (numpy.org/doc/stable/reference/generated/numpy.lib.format.html): magic, version, length of the header, a
/// Python dictionary padded by spaces to a multiple of 64 bytes, the elements in row-major order, little-endian.
/// </summary>
internal static class NumpyArray
{
    public static byte[] Of(ReadOnlySpan<float> values) => Write("<f4", $"({values.Length},)", MemoryMarshal.AsBytes(values));

    public static byte[] Of(ReadOnlySpan<int> values) => Write("<i4", $"({values.Length},)", MemoryMarshal.AsBytes(values));

    public static byte[] Of(ReadOnlySpan<long> values) => Write("<i8", $"({values.Length},)", MemoryMarshal.AsBytes(values));

    /// <summary>One byte string.</summary>
    public static byte[] OfText(string text) => Write($"|S{text.Length}", "()", Encoding.ASCII.GetBytes(text));

    private static byte[] Write(string type, string shape, ReadOnlySpan<byte> data)
    {
        const int Prefix = 10, Alignment = 64;
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}";
        header = header.PadRight((Prefix + header.Length + Alignment) / Alignment * Alignment - Prefix - 1) + '\n';
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header), .. data];
    }
}
