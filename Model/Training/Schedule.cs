using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>The rates of an epoch's steps on the device, and the count of steps that Adam corrects its moments by.</summary>
/// <param name="memory">Where the rates are.</param>
/// <param name="rule">The optimizer to begin with.</param>
/// <param name="momentum">μ, where the optimizer has one.</param>
/// <param name="steps">Of an epoch at most.</param>
internal sealed class Schedule(DeviceMemory memory, UpdateRule rule, double momentum, int steps)
{
    /// <summary>What <see cref="Dropout"/> tells steps apart by: integers that floats hold.</summary>
    private const int MostKeys = 1 << 24;

    /// <summary>[steps][5], see <see cref="Update.Rates"/>.</summary>
    public ArrayView<float> Rates { get; } = memory.Allocate<float>((long)steps * Update.RatesPerStep);

    /// <summary>The optimizer.</summary>
    public UpdateRule Rule { get; set; } = rule;

    /// <summary>Steps since the moments were zero: t of Adam's bias corrections.</summary>
    public long Updates { get; set; }

    /// <summary>Sets the rates of some steps of the epoch, as the next ones after <see cref="Updates"/>.</summary>
    /// <param name="first">Step of the epoch.</param>
    /// <param name="count">How many.</param>
    /// <param name="rates">Of step 0..count-1.</param>
    public void Set(int first, int count, Func<int, StepRates> rates)
    {
        var table = new float[count * Update.RatesPerStep];
        for (int i = 0; i < count; i++)
        {
            var (rate, decay) = rates(i);
            Update.RatesOf(Rule, Updates + i + 1, rate, decay, momentum).CopyTo(table, i * Update.RatesPerStep);
            table[(i + 1) * Update.RatesPerStep - 1] = (Updates + i) % MostKeys;
        }
        memory.Upload(table, Rates.SubView(first * Update.RatesPerStep, table.Length));
    }
}
