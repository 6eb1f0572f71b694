using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Secateurs.Kernels;

/// <summary>16 x 16 bytes: turned (rows become columns), and rows of 16 made floats.</summary>
internal static unsafe class ByteSquare
{
    public const int Length = Layout.Lanes * Layout.Lanes;

    // Of 8 rows in two registers: columns 0 to 7 one after the other; those of two such halves side by side, four columns at a time.
    private static readonly Vector512<byte> _columns =
        Vector512.Create([.. Enumerable.Range(0, Vector512<byte>.Count).Select(i => (byte)(i % 8 * Layout.Lanes + i / 8))]);
    private static readonly Vector512<long> _pairs = Vector512.Create(0L, 8, 1, 9, 2, 10, 3, 11);

    /// <summary>Turns <paramref name="square"/>; the result lies in it or in <paramref name="spare"/>, whichever is returned.</summary>
    public static byte* Turn(byte* square, byte* spare)
    {
        if (Avx512Vbmi.IsSupported)
            Permute(square, spare);
        else if (Sse2.IsSupported)
            return Shuffle(square, spare);
        else
            Copy(square, spare);
        return spare;
    }

    /// <summary>For any processor.</summary>
    internal static void Copy(byte* square, byte* turned)
    {
        for (int i = 0; i < Length; i++)
            turned[i % Layout.Lanes * Layout.Lanes + i / Layout.Lanes] = square[i];
    }

    /// <summary>SSE2: four perfect shuffles, each of which interleaves the first eight rows with the last eight, byte by byte.</summary>
    internal static byte* Shuffle(byte* square, byte* spare)
    {
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

    /// <summary>AVX-512 VBMI: the whole square in four registers.</summary>
    internal static void Permute(byte* square, byte* turned)
    {
        Vector512<byte> a = Vector512.Load(square), b = Vector512.Load(square + 64), c = Vector512.Load(square + 128);
        Vector512<byte> d = Vector512.Load(square + 192);
        var right = _columns + Vector512.Create((byte)8);
        var (upper, lower) = (Half(a, _columns, b), Half(c, _columns, d));
        Quarter(upper, _pairs, lower).Store(turned);
        Quarter(upper, _pairs + Vector512.Create(4L), lower).Store(turned + 64);
        (upper, lower) = (Half(a, right, b), Half(c, right, d));
        Quarter(upper, _pairs, lower).Store(turned + 128);
        Quarter(upper, _pairs + Vector512.Create(4L), lower).Store(turned + 192);

        static Vector512<long> Half(Vector512<byte> a, Vector512<byte> indices, Vector512<byte> b) =>
            Avx512Vbmi.PermuteVar64x8x2(a, indices, b).AsInt64();

        static Vector512<byte> Quarter(Vector512<long> upper, Vector512<long> indices, Vector512<long> lower) =>
            Avx512F.PermuteVar8x64x2(upper, indices, lower).AsByte();
    }

    /// <summary>target[i] = scale · source[i] + shift for 16 bytes: rounded twice, as by whoever takes pixels one by one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Normalize(byte* source, float scale, float shift, float* target)
    {
        var bytes = Vector128.Load(source);
        if (Avx512F.IsSupported)
        {
            (Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(bytes)) * scale + Vector512.Create(shift)).Store(target);
            return;
        }
        if (Avx2.IsSupported)
        {
            var plus = Vector256.Create(shift);
            (Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(source)) * scale + plus).Store(target);
            (Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(source + 8)) * scale + plus).Store(target + 8);
            return;
        }
        var (low, high) = (Vector128.WidenLower(bytes), Vector128.WidenUpper(bytes));
        var add = Vector128.Create(shift);
        (Vector128.ConvertToSingle(Vector128.WidenLower(low).AsInt32()) * scale + add).Store(target);
        (Vector128.ConvertToSingle(Vector128.WidenUpper(low).AsInt32()) * scale + add).Store(target + 4);
        (Vector128.ConvertToSingle(Vector128.WidenLower(high).AsInt32()) * scale + add).Store(target + 8);
        (Vector128.ConvertToSingle(Vector128.WidenUpper(high).AsInt32()) * scale + add).Store(target + 12);
    }
}
