namespace Kernels.SelfTest;

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
    ];
}
