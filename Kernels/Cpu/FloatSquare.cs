using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Secateurs.Kernels;

/// <summary>Vectors of 16 lanes, up to 16 of them, turned: what was a lane becomes a row.</summary>
internal static unsafe class FloatSquare
{
    private const int Part = 4;

    /// <summary>rows[lane][i] = columns[i][lane].</summary>
    /// <param name="columns">The first vector.</param>
    /// <param name="columnPitch">Floats from a vector to the next.</param>
    /// <param name="count">How many vectors, 1 to 16.</param>
    /// <param name="rows">The first row; behind the first <paramref name="count"/> floats rows stay as they were.</param>
    /// <param name="rowPitch">Floats from a row to the next.</param>
    public static void Turn(float* columns, nint columnPitch, int count, float* rows, nint rowPitch)
    {
        int from = 0;
        for (; Sse.IsSupported && from + Part <= count; from += Part)
            for (int lane = 0; lane < Layout.Lanes; lane += Part)
                TurnPart(columns + from * columnPitch + lane, columnPitch, rows + lane * rowPitch + from, rowPitch);
        for (; from < count; from++)
            for (int lane = 0; lane < Layout.Lanes; lane++)
                rows[lane * rowPitch + from] = columns[from * columnPitch + lane];
    }

    /// <summary>4 lanes of 4 vectors, in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TurnPart(float* columns, nint columnPitch, float* rows, nint rowPitch)
    {
        Vector128<float> a = Vector128.Load(columns), b = Vector128.Load(columns + columnPitch);
        Vector128<float> c = Vector128.Load(columns + 2 * columnPitch), d = Vector128.Load(columns + 3 * columnPitch);
        Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d), abHigh = Sse.UnpackHigh(a, b);
        Vector128<float> cdHigh = Sse.UnpackHigh(c, d);
        Sse.MoveLowToHigh(ab, cd).Store(rows);
        Sse.MoveHighToLow(cd, ab).Store(rows + rowPitch);
        Sse.MoveLowToHigh(abHigh, cdHigh).Store(rows + 2 * rowPitch);
        Sse.MoveHighToLow(cdHigh, abHigh).Store(rows + 3 * rowPitch);
    }
}
