using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Kernels;

/// <summary>16 x 16 bytes: turned (rows become columns) and scaled to floats.</summary>
internal static unsafe class ByteSquare
{
    public const int Length = Layout.Lanes * Layout.Lanes;

    /// <summary>Turns <paramref name="square"/>; the result lies in it or in <paramref name="spare"/>, whichever is returned.</summary>
    public static byte* Turn(byte* square, byte* spare)
    {
        if (!Sse2.IsSupported)
        {
            for (int i = 0; i < Length; i++)
                spare[i % Layout.Lanes * Layout.Lanes + i / Layout.Lanes] = square[i];
            return spare;
        }
        // Four perfect shuffles: each interleaves the first eight rows with the last eight, byte by byte.
        for (int round = 0; round < 4; round++)
        {
            for (int i = 0; i < Layout.Lanes / 2; i++)
            {
                Vector128<byte> low = Vector128.Load(square + i * Layout.Lanes), high = Vector128.Load(square + (i + 8) * Layout.Lanes);
                Sse2.UnpackLow(low, high).Store(spare + 2 * i * Layout.Lanes);
                Sse2.UnpackHigh(low, high).Store(spare + (2 * i + 1) * Layout.Lanes);
            }
            byte* turned = spare;
            spare = square;
            square = turned;
        }
        return square;
    }

    /// <summary>target[i] = scale · source[i] for 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(byte* source, float scale, float* target)
    {
        var bytes = Vector128.Load(source);
        if (Avx512F.IsSupported)
        {
            (Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(bytes)) * scale).Store(target);
            return;
        }
        var (low, high) = (Vector128.WidenLower(bytes), Vector128.WidenUpper(bytes));
        (Vector128.ConvertToSingle(Vector128.WidenLower(low).AsInt32()) * scale).Store(target);
        (Vector128.ConvertToSingle(Vector128.WidenUpper(low).AsInt32()) * scale).Store(target + 4);
        (Vector128.ConvertToSingle(Vector128.WidenLower(high).AsInt32()) * scale).Store(target + 8);
        (Vector128.ConvertToSingle(Vector128.WidenUpper(high).AsInt32()) * scale).Store(target + 12);
    }
}
