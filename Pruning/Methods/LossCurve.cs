namespace Secateurs.Pruning.Methods;

/// <summary>
/// How many validation images a network of some ratio loses against the dense one, from all networks of a search together: one judgement is
/// as noisy as the budget that it guards, and a curve through many is less so. Looks, along the way down, give its shape; networks that
/// were annealed tell how much annealing gains, near their ratios most.
/// </summary>
internal sealed class LossCurve
{
    /// <summary>
    /// What is believed of annealing's gain before any network was annealed, in parts of 10,000 validation images, and how many annealed
    /// networks that counts as. It is twenty on lenet-300-100 and MNIST (Results/experiments.md).
    /// </summary>
    private const double UsualGain = 20, Belief = 0.3, Images = 10_000;

    private readonly (double X, double Lost)[] _looks;
    private readonly (double X, double Gain)[] _gains;
    private readonly double _usual;

    /// <param name="looks">Ratio and loss of averaged networks on the way down, in its order.</param>
    /// <param name="annealed">The same of annealed ones.</param>
    /// <param name="images">Validation images.</param>
    public LossCurve(IReadOnlyList<(double Ratio, double Lost)> looks, IReadOnlyList<(double Ratio, double Lost)> annealed, int images)
    {
        _usual = UsualGain * images / Images;
        _looks = [.. looks.Select((l, i) => (Math.Log(l.Ratio), i == 0 || i == looks.Count - 1
            ? l.Lost : (looks[i - 1].Lost + 2 * l.Lost + looks[i + 1].Lost) / 4))];
        // What a lighter network can do one with more weights can do too, so that a network which is still finding its feet says nothing.
        for (int i = _looks.Length - 2; i >= 0; i--)
            _looks[i].Lost = Math.Min(_looks[i].Lost, _looks[i + 1].Lost);
        _gains = [.. annealed.Select(a => (Math.Log(a.Ratio), Look(Math.Log(a.Ratio)) - a.Lost))];
    }

    /// <summary>Images that annealing gains at a ratio: of what it did, half as much counts at twice or half the ratio.</summary>
    public double Gain(double ratio)
    {
        double weight = Belief, sum = Belief * _usual;
        foreach (var (x, gain) in _gains)
        {
            double near = 1 / (1 + Math.Pow((Math.Log(ratio) - x) / Math.Log(2), 2));
            weight += near;
            sum += near * gain;
        }
        return sum / weight;
    }

    /// <summary>The lightest ratio whose annealed network loses no more than so many images on the curve; 1 where there is none.</summary>
    /// <param name="allowed">Images.</param>
    public double Ratio(int allowed)
    {
        const double step = 0.01;
        for (double x = _looks[^1].X; x > 0; x -= step)
            if (Look(x) - Gain(Math.Exp(x)) <= allowed)
                return Math.Exp(x);
        return 1;
    }

    /// <summary>Images that an averaged network loses, linear in the logarithm of the ratio between looks.</summary>
    private double Look(double x)
    {
        int i = Array.FindIndex(_looks, l => l.X >= x);
        if (i <= 0)
            return _looks[i < 0 ? ^1 : 0].Lost;
        var (a, b) = (_looks[i - 1], _looks[i]);
        return a.Lost + (b.Lost - a.Lost) * (x - a.X) / (b.X - a.X);
    }
}
