namespace Secateurs.Kernels.SelfTest;

/// <summary>A number and how far float arithmetic may have strayed from it: a running error bound, to first order.</summary>
internal readonly record struct Rounded(double Value, double Error = 0)
{
    /// <summary>Operations err by half a unit on most devices; OpenCL allows a division 2.5 units and a root 3.</summary>
    private const double Sum = Expected.Rounding, Quotient = 6 * Expected.Rounding;

    /// <summary>The nearest float of a number.</summary>
    public static Rounded Float(double value) => new(value, Math.Abs(value) * Expected.Rounding);

    public static Rounded operator +(Rounded a, Rounded b) => After(a.Value + b.Value, a.Error + b.Error, Sum);
    public static Rounded operator -(Rounded a, Rounded b) => After(a.Value - b.Value, a.Error + b.Error, Sum);

    public static Rounded operator *(Rounded a, Rounded b) =>
        After(a.Value * b.Value, Math.Abs(a.Value) * b.Error + Math.Abs(b.Value) * a.Error + a.Error * b.Error, Sum);

    public static Rounded operator /(Rounded a, Rounded b) =>
        After(a.Value / b.Value, (a.Error + Math.Abs(a.Value / b.Value) * b.Error) / (Math.Abs(b.Value) - b.Error), Quotient);

    public static Rounded Sqrt(Rounded a) =>
        After(Math.Sqrt(a.Value), a.Error == 0 ? 0 : Math.Min(Math.Sqrt(a.Error), a.Error / Math.Sqrt(a.Value)), Quotient);

    private static Rounded After(double value, double error, double rounding) => new(value, error + rounding * (Math.Abs(value) + error));
}
