using Secateurs.Kernels;

namespace Tests.KernelTests;

public sealed class FloatSquareTests
{
    [Theory]
    [InlineData(1, 16, 16)]
    [InlineData(3, 48, 20)]
    [InlineData(4, 16, 5)]
    [InlineData(11, 17, 16)]
    [InlineData(16, 64, 33)]
    public unsafe void Lanes_become_rows_and_nothing_else_is_touched(int count, int columnPitch, int rowPitch)
    {
        float[] columns = [.. Enumerable.Range(0, count * columnPitch).Select(i => (float)i)];
        float[] rows = new float[Layout.Lanes * rowPitch];
        Array.Fill(rows, -1);
        fixed (float* from = columns, to = rows)
            FloatSquare.Turn(from, columnPitch, count, to, rowPitch);
        for (int lane = 0; lane < Layout.Lanes; lane++)
            for (int i = 0; i < rowPitch; i++)
                Assert.Equal(i < count ? lane + i * columnPitch : -1, rows[lane * rowPitch + i]);
    }
}
