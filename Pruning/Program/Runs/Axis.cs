namespace Secateurs.Program.Runs;

/// <summary>The range of an axis and its ticks, which are round numbers.</summary>
internal sealed class Axis
{
    private readonly double _low, _high;
    private readonly bool _logarithmic;

    private Axis(double low, double high, bool logarithmic, IReadOnlyList<double> ticks) =>
        (_low, _high, _logarithmic, Ticks) = (low, high, logarithmic, ticks);

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>About five ticks at multiples of 1, 2 or 5 times a power of ten, the range widened to whole steps.</summary>
    public static Axis Linear(IReadOnlyList<double> values)
    {
        var (low, high) = Range(values, 0, 1);
        double raw = (high - low) / 5, power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        double step = power * (raw / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        low = Math.Floor(low / step) * step;
        int count = (int)Math.Ceiling((high - low) / step - 1e-9);
        // Multiples of the step, rounded so that 0.30000000000000004 is 0.3.
        return new Axis(low, low + count * step, false, [.. Enumerable.Range(0, count + 1).Select(i => Math.Round(low + i * step, 12))]);
    }

    /// <summary>Ticks at 1, 2 and 5 times powers of ten, powers alone where the range spans many.</summary>
    public static Axis Log(IReadOnlyList<double> values)
    {
        var (low, high) = Range([.. values.Select(Math.Log10)], 0, 1);
        int first = (int)Math.Floor(low), last = (int)Math.Ceiling(high);
        double[] mantissas = high - low > 3 ? [1] : [1, 2, 5];
        double[] ticks = [.. Enumerable.Range(first, last - first + 1).SelectMany(e => mantissas.Select(m => m * Math.Pow(10, e)))];
        double floor = ticks.Where(t => t <= Math.Pow(10, low) * (1 + 1e-9)).DefaultIfEmpty(ticks[0]).Max();
        double ceiling = ticks.Where(t => t >= Math.Pow(10, high) * (1 - 1e-9)).DefaultIfEmpty(ticks[^1]).Min();
        return new Axis(Math.Log10(floor), Math.Log10(ceiling), true, [.. ticks.Where(t => t >= floor && t <= ceiling)]);
    }

    /// <summary>0 at the low end, 1 at the high one.</summary>
    public double Place(double value) => ((_logarithmic ? Math.Log10(value) : value) - _low) / (_high - _low);

    /// <summary>The range of the finite values, never empty.</summary>
    private static (double Low, double High) Range(IReadOnlyList<double> values, double low, double high)
    {
        var finite = values.Where(double.IsFinite).ToArray();
        if (finite.Length > 0)
            (low, high) = (finite.Min(), finite.Max());
        double width = Math.Max(high - low, Math.Max(Math.Abs(high), 1) * 1e-6);
        return high - low >= width ? (low, high) : (low - Math.Max(width, 0.05), high + Math.Max(width, 0.05));
    }
}
