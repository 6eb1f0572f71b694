using System.Runtime.Intrinsics.X86;
using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;

namespace Tests.KernelTests;

/// <summary>Every way to turn a square, not the one alone that this processor takes.</summary>
public sealed unsafe class ByteSquareTests
{
    [Fact]
    public void On_any_processor_rows_become_columns() => Check((square, spare) =>
    {
        ByteSquare.Copy(square, spare);
        return spare;
    });

    [Fact]
    public void With_sse2_rows_become_columns()
    {
        Assert.SkipUnless(Sse2.IsSupported, "no SSE2 here");
        Check(ByteSquare.Shuffle);
    }

    [Fact]
    public void With_vbmi_rows_become_columns()
    {
        Assert.SkipUnless(Avx512Vbmi.IsSupported, "no AVX-512 VBMI here");
        Check((square, spare) =>
        {
            ByteSquare.Permute(square, spare);
            return spare;
        });
    }

    [Fact]
    public void As_this_processor_does_it_rows_become_columns() => Check(ByteSquare.Turn);

    private delegate byte* Turn(byte* square, byte* spare);

    private static void Check(Turn turn)
    {
        byte[] bytes = [.. new Numbers(1).Integers(ByteSquare.Length, 256).Select(i => (byte)i)];
        byte* square = stackalloc byte[2 * ByteSquare.Length];
        bytes.CopyTo(new Span<byte>(square, ByteSquare.Length));
        var turned = new ReadOnlySpan<byte>(turn(square, square + ByteSquare.Length), ByteSquare.Length);
        Assert.Equal(
            [.. Enumerable.Range(0, ByteSquare.Length).Select(i => bytes[i % Layout.Lanes * Layout.Lanes + i / Layout.Lanes])],
            turned.ToArray());
    }
}
