namespace Secateurs.Kernels.SelfTest;

/// <summary>A kernel did not give what its reference gives; the message is one line.</summary>
public sealed class SelfTestException : Exception
{
    public SelfTestException() { }

    public SelfTestException(string message) : base(message) { }

    public SelfTestException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>One output of a kernel as it must be: |got - value| &lt;= bound for every element, so that NaN fails.</summary>
internal sealed record Expected(string What, double[] Values, double[] Bounds)
{
    /// <summary>Integers, copies and zeros: no difference at all.</summary>
    public static Expected Exactly(string what, IEnumerable<double> values)
    {
        double[] all = [.. values];
        return new Expected(what, all, new double[all.Length]);
    }

    /// <summary>
    /// Sums of products in float: the rounding error of <paramref name="terms"/> additions in any order is at most
    /// terms · 2^-24 · Σ|a b|. Two more for the last product and for a step behind the sum.
    /// </summary>
    public static Expected Sums(string what, double[] values, double[] absoluteSums, int terms) =>
        new(what, values, [.. absoluteSums.Select(s => (terms + 2) * Rounding * s)]);

    /// <summary>Half a unit in the last place of 1: the relative error of one float operation.</summary>
    public const double Rounding = 1.0 / (1 << 24);

    /// <summary>Throws where <paramref name="got"/> is out of bounds.</summary>
    public void Check(string name, double[] got)
    {
        if (got.Length != Values.Length)
            throw new SelfTestException($"{name}: {What} has {got.Length} values, expected {Values.Length}");
        for (int i = 0; i < got.Length; i++)
            if (!(Math.Abs(got[i] - Values[i]) <= Bounds[i]))
                throw new SelfTestException(FormattableString.Invariant(
                    $"{name}: {What}[{i}] is {got[i]:R}, expected {Values[i]:R}, off by {got[i] - Values[i]:E1}, bound {Bounds[i]:E1}"));
    }
}

/// <summary>
/// One kernel on one shape: computes on a device and compares with the kernel's reference. All numbers come from constant seeds.
/// </summary>
public sealed class SelfTestCase
{
    private readonly Func<DeviceMemory, double[][]> _compute;
    private readonly Lazy<Expected[]> _expected;

    internal SelfTestCase(string name, Func<DeviceMemory, double[][]> compute, Func<Expected[]> expected, bool onHostOnly = false)
    {
        (Name, OnHostOnly) = (name, onHostOnly);
        _compute = compute;
        _expected = new Lazy<Expected[]>(expected);
    }

    /// <summary>Kernel and shape, for example "gemm forward 17 images 31-13".</summary>
    public string Name { get; }

    /// <summary>Whether the operation is on the CPU accelerator only, see <see cref="ComputeDevice.RunsOnHost"/>.</summary>
    public bool OnHostOnly { get; }

    /// <summary>The kernel's outputs on a device, element by element; integers and floats are exact as doubles.</summary>
    public IReadOnlyList<double[]> Compute(ComputeDevice device)
    {
        using var memory = new DeviceMemory(device);
        try
        {
            return _compute(memory);
        }
        catch (SelfTestException e)
        {
            throw new SelfTestException($"{Name}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Throws <see cref="SelfTestException"/> unless every output is within its bound of the reference; gives the outputs.
    /// </summary>
    public IReadOnlyList<double[]> Run(ComputeDevice device)
    {
        var outputs = Compute(device);
        for (int i = 0; i < _expected.Value.Length; i++)
            _expected.Value[i].Check(Name, outputs[i]);
        return outputs;
    }

    public override string ToString() => Name;
}
