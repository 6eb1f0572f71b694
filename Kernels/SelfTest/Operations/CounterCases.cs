using ILGPU;

namespace Secateurs.Kernels.SelfTest;

/// <summary>The step number after some steps of a program.</summary>
internal static class CounterCases
{
    public static IEnumerable<SelfTestCase> All =>
    [
        new SelfTestCase(
            "step counter",
            memory =>
            {
                var step = memory.Allocate<int>([5]);
                new StepProgram(memory.Device, [Counter.Advance(memory.Device, step)]).Run(20);
                return [memory.Read(step)];
            },
            () => [Expected.Exactly("step", [25])]),
        new SelfTestCase(
            "step counter of two cells",
            memory =>
            {
                ArrayView<int> next = memory.Allocate<int>([5]), current = memory.Allocate<int>([0]);
                new StepProgram(memory.Device, [Counter.Advance(memory.Device, next, current)]).Run(20);
                return [memory.Read(next), memory.Read(current)];
            },
            () => [Expected.Exactly("next", [25]), Expected.Exactly("current", [24])]),
    ];
}
