using ILGPU;
using ILGPU.Runtime;
using Secateurs.Kernels;
using Tests.KernelTests;

namespace Tests.Ptx;

/// <summary>The machine that runs PTX sees what it is there to see, and computes as PTX says.</summary>
[Collection(nameof(KernelSuite))]
public sealed class PtxDeviceTests
{
    private const int Floats = 64, Groups = 2, Threads = 4;

    /// <summary>
    /// %r1: thread, %r2: group, %rd1: the view, %rd2: this thread's float in it, %rd3: shared memory, %rd4: this thread's float there.
    /// </summary>
    private const string Start = """
        .visible .entry Kernel(
        	.param .align 8 .b8 _body[16]
        )
        {
        	.shared .align 4 .b8 memory[64];
        	ld.param.b64	%rd1, [_body];
        	mov.b64	%rd3, memory;
        	mov.b32	%r1, %tid.x;
        	mov.b32	%r2, %ctaid.x;
        	mov.b32	%r3, %ntid.x;
        	mul.lo.s32	%r4, %r2, %r3;
        	add.s32	%r5, %r4, %r1;
        	mul.wide.u32	%rd5, %r5, 4;
        	add.u64	%rd2, %rd1, %rd5;
        	mul.wide.u32	%rd6, %r1, 4;
        	add.u64	%rd4, %rd3, %rd6;
        	mov.f32	%f1, 0f3F800000;

        """;

    private const string Neighbour =
        "xor.b32 %r7, %r1, 1;\nmul.wide.u32 %rd7, %r7, 4;\nadd.u64 %rd8, %rd3, %rd7;\nld.shared.f32 %f2, [%rd8];\n";

    [Theory]
    [InlineData("ld.global.f32 %f2, [%rd2+240];", "4 bytes at")]
    [InlineData("ld.global.f32 %f2, [%rd2+2];", "no multiple of 4")]
    [InlineData("ld.global.v4.f32 {%f2, %f3, %f4, %f5}, [%rd2];", "no multiple of 16")]
    [InlineData("st.global.f32 [%rd1], %f1;", "was written by group 0, thread 0, in round 0 with no barrier between")]
    [InlineData("ld.global.f32 %f2, [%rd2+4];\nst.global.f32 [%rd2], %f1;", "was read by group 0, thread 0, in round 0")]
    [InlineData(
        "mul.wide.u32 %rd7, %r1, 4;\nadd.u64 %rd8, %rd1, %rd7;\nst.global.f32 [%rd8], %f1;", "in group 1, thread 0, round 0: byte 0")]
    [InlineData("ld.shared.f32 %f2, [%rd4];", "never written")]
    [InlineData("st.shared.f32 [%rd4+60], %f1;", "4 bytes at shared byte 64 of 64")]
    [InlineData("st.shared.f32 [%rd3], %f1;", "shared byte 0 was written by group 0, thread 0")]
    [InlineData("st.shared.f32 [%rd4], %f1;\n" + Neighbour, "was never written")]
    [InlineData(
        "st.shared.f32 [%rd4], %f1;\nbar.sync 0;\n" + Neighbour + "st.shared.f32 [%rd4], %f2;",
        "shared byte 0 was written by group 0, thread 0, in round 1")]
    [InlineData(
        "st.shared.f32 [%rd4], %f1;\nbar.sync 0;\nld.shared.f32 %f2, [%rd3];\nst.shared.f32 [%rd4], %f2;", "in round 1 with no barrier")]
    [InlineData("red.add.global.u32 [%rd1+2], 1;", "no multiple of 4")]
    [InlineData("red.add.global.u32 [%rd1], 1;\nst.global.b32 [%rd1], 1;", "not touched by atomic operations alone")]
    [InlineData("L_1:\nbra L_1;", "and no end")]
    [InlineData("setp.eq.s32 %p1, %r1, 1;\n@%p1 ret;\nbar.sync 0;", "thread 1 goes to barrier 0, others to 1")]
    public void A_fault_is_seen(string body, string expected)
    {
        var fault = Assert.Throws<PtxFaultException>(() => Run(body));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_that_wait_for_each_other_may_share()
    {
        float[] got = Run("cvt.rn.f32.s32 %f1, %r5;\nst.shared.f32 [%rd4], %f1;\nbar.sync 0;\n" + Neighbour + "st.global.f32 [%rd2], %f2;");
        Assert.Equal([1, 0, 3, 2, 5, 4, 7, 6], got.Take(Groups * Threads));
    }

    [Theory]
    [InlineData("lt", 0, 0, 0)]
    [InlineData("le", 0, 1, 0)]
    [InlineData("eq", 0, 1, 0)]
    [InlineData("gt", 1, 0, 0)]
    [InlineData("ge", 1, 1, 0)]
    [InlineData("neu", 1, 0, 1)]
    [InlineData("ltu", 0, 0, 1)]
    [InlineData("leu", 0, 1, 1)]
    [InlineData("gtu", 1, 0, 1)]
    [InlineData("geu", 1, 1, 1)]
    public void Comparisons_know_NaN(string how, float greater, float equal, float nan)
    {
        foreach (var (other, expected) in new[] { ("3F000000", greater), ("3F800000", equal), ("7FC00000", nan) })
            Assert.Equal(
                expected,
                Run($"setp.{how}.f32 %p1, %f1, 0f{other};\nselp.b32 %f2, 0f3F800000, 0f00000000, %p1;\nst.global.f32 [%rd2], %f2;")[0]);
    }

    [Theory]
    [InlineData("div.s32 %r6, -7, 2;", -3)]
    [InlineData("rem.s32 %r6, -7, 2;", -1)]
    [InlineData("shr.s32 %r6, -7, 1;", -4)]
    [InlineData("shr.u32 %r6, -16, 28;", 15)]
    [InlineData("shl.b32 %r6, 1, 33;", 0)]
    [InlineData("cvt.rzi.s32.f32 %r6, 0fC0200000;", -2)]
    [InlineData("min.s32 %r6, -1, 1;", -1)]
    [InlineData("cvt.s64.s32 %rd7, -5;\ncvt.s32.s64 %r6, %rd7;", -5)]
    [InlineData("mul.lo.s32 %r6, 65536, 65537;", 65536)]
    public void Integers_wrap_and_round_as_they_should(string body, float expected) =>
        Assert.Equal(expected, Run($"{body}\ncvt.rn.f32.s32 %f2, %r6;\nst.global.f32 [%rd2], %f2;")[0]);

    [Theory]
    [InlineData("brx.idx %r1, %r2;", "idx")]
    [InlineData("fma.rn.f32 %f1, %f1, %f1, %f1;", "fma")]
    [InlineData("mov.b32 %r6, %nctaid.x;", "%nctaid.x")]
    [InlineData("mov.b32 %r6, %laneid;", "%laneid")]
    [InlineData("st.global.b8 [%rd2], %r1;", "st.global.b8")]
    [InlineData("ld.global.u16 %r6, [%rd2];", "u16")]
    [InlineData("add.f64 %f2, %f2, %f2;", "f64")]
    [InlineData("@%p1 bar.sync 0;", "bar.sync")]
    [InlineData("bar.red.popc.u32 %r6, 0, %p1;", "bar.red")]
    [InlineData("ld.param.v2.b32 {%r6, %r7}, [_body];", "ld.param.v2")]
    [InlineData("and.b64 %rd7, %rd1, 0xFF;", "0xFF")]
    [InlineData("setp.ne.f32 %p1, %f1, %f1;", "setp.ne")]
    [InlineData(".local .align 4 .b8 depot[4];", ".local")]
    public void What_it_does_not_know_it_refuses(string body, string what) =>
        Assert.Contains(what, Assert.Throws<NotSupportedException>(() => Run(body)).Message, StringComparison.Ordinal);

    private static float[] Run(string body)
    {
        using var memory = new DeviceMemory(TestDevices.Get(TestDevices.Ptx));
        var view = memory.Allocate<float>(Floats);
        PtxDevice.Run(new PtxCode(new PtxText(Start + body + "\n\tret;\n}\n")), Enumerable.Range(0, Groups), Threads, new OneView(view));
        return view.GetAsArray(memory.Device.Stream);
    }

    private readonly struct OneView(ArrayView<float> view)
    {
        public readonly ArrayView<float> View = view;
    }
}
