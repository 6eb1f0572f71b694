namespace Secateurs.Model.Imaging;

/// <summary>
/// The paper or board that a picture was taken of: the smooth surface of grey, a polynomial of degree 2 in x and y, that more pixels lie
/// on than on any other, however it is lit. Found by consensus (M. Fischler and R. Bolles, "Random sample consensus", 1981) from a constant
/// seed, so that ink, frames, specks and tables beside the paper have no say. Shadows that are no such surface are taken away after it.
/// </summary>
internal sealed class Paper
{
    private const int Grid = 64, Trials = 400, Rounds = 10, Terms = 6;
    private const ulong Seed = 1981;

    /// <summary>Grey levels that a pixel may be off the paper: what compression and texture change, doubled until half agree.</summary>
    private const double LeastTolerance = 6, MostTolerance = 48, Agreed = 0.5;

    /// <summary>How wide the border is that shows paper rather than ink, as a part of the side: wider than a frame.</summary>
    private const double Band = 0.125;

    /// <summary>Less of a picture is no paper.</summary>
    private const double LeastShare = 0.25;

    private readonly Raster _picture;
    private readonly double[] _surface;
    private readonly double _tolerance;

    private Paper(Raster picture, IReadOnlyList<Sample> samples)
    {
        _picture = picture;
        _tolerance = Math.Max(LeastTolerance, 3 * Roughness(picture));
        (_surface, double agreed) = Consensus(samples, _tolerance);
        for (; agreed < Agreed && _tolerance < MostTolerance; (_surface, agreed) = Consensus(samples, _tolerance))
            _tolerance *= 2;
        for (int round = 0; round < Rounds; round++)
            _surface = Fit([.. samples.Where(IsOn)]) ?? _surface;
    }

    /// <summary>
    /// What may be the paper, the likelier first: what covers more of the picture and, counted once more, of its border. In a picture that
    /// was cut out along its digit ink may cover more than paper.
    /// </summary>
    public static IReadOnlyList<Paper> Of(Raster picture)
    {
        int step = (Math.Max(picture.Width, picture.Height) + Grid - 1) / Grid;
        var samples = new List<Sample>();
        for (int y = Math.Min(step, picture.Height) / 2; y < picture.Height; y += step)
            for (int x = Math.Min(step, picture.Width) / 2; x < picture.Width; x += step)
                samples.Add(new(Place(x, picture.Width), Place(y, picture.Height), picture.Values[y * picture.Width + x]));
        Sample[] border = [.. samples.Where(s => Math.Max(Math.Abs(s.X), Math.Abs(s.Y)) > 1 - 2 * Band)];
        var most = new Paper(picture, samples);
        Sample[] others = [.. samples.Where(s => !most.IsOn(s))];
        if (others.Length < samples.Count * LeastShare)
            return [most];
        var second = new Paper(picture, others);
        double Weight(Paper p) => (double)samples.Count(p.IsOn) / samples.Count + (double)border.Count(p.IsOn) / Math.Max(1, border.Length);
        return Weight(second) > Weight(most) ? [second, most] : [most, second];
    }

    /// <summary>By how many grey levels each pixel is off the paper to the dark, or to the light.</summary>
    public Raster Contrast(bool dark)
    {
        float[] contrast = new float[_picture.Values.Length];
        for (int i = 0; i < contrast.Length; i++)
        {
            double paper = At(Place(i % _picture.Width, _picture.Width), Place(i / _picture.Width, _picture.Height));
            contrast[i] = (float)(dark ? paper - _picture.Values[i] : _picture.Values[i] - paper);
        }
        return _picture with { Values = contrast };
    }

    private bool IsOn(Sample s) => Math.Abs(s.Value - At(s.X, s.Y)) <= _tolerance;

    private double At(double x, double y) =>
        _surface[0] + _surface[1] * x + _surface[2] * y + _surface[3] * x * x + _surface[4] * x * y + _surface[5] * y * y;

    /// <summary>The deviation of noise, by the lower quartile of the differences of neighbours: few of them are edges.</summary>
    private static double Roughness(Raster picture)
    {
        if (picture.Width < 2)
            return 0;
        float[] differences = [.. Enumerable.Range(0, picture.Values.Length).Where(i => i % picture.Width > 0)
            .Select(i => Math.Abs(picture.Values[i] - picture.Values[i - 1]))];
        return Raster.Quantile(differences, 0.25) / 0.4506;
    }

    /// <summary>The plane through one sample, level, or through three that most samples lie on.</summary>
    private static (double[] Surface, double Agreed) Consensus(IReadOnlyList<Sample> samples, double tolerance)
    {
        var random = new Random64(Seed);
        double[] best = new double[Terms];
        int most = -1;
        for (int trial = 0; trial < Trials; trial++)
        {
            var a = samples[random.NextInt(samples.Count)];
            double[] plane = [a.Value, 0, 0, 0, 0, 0];
            if (trial % 2 == 1)
            {
                var (b, c) = (samples[random.NextInt(samples.Count)], samples[random.NextInt(samples.Count)]);
                double area = (b.X - a.X) * (c.Y - a.Y) - (c.X - a.X) * (b.Y - a.Y);
                if (Math.Abs(area) < 0.1)
                    continue;
                plane[1] = ((b.Value - a.Value) * (c.Y - a.Y) - (c.Value - a.Value) * (b.Y - a.Y)) / area;
                plane[2] = ((b.X - a.X) * (c.Value - a.Value) - (c.X - a.X) * (b.Value - a.Value)) / area;
                plane[0] = a.Value - plane[1] * a.X - plane[2] * a.Y;
            }
            int agree = samples.Count(s => Math.Abs(s.Value - plane[0] - plane[1] * s.X - plane[2] * s.Y) <= tolerance);
            if (agree > most)
                (best, most) = (plane, agree);
        }
        return (best, (double)most / samples.Count);
    }

    /// <summary>Least squares, drawn to zero a little, so that few samples do not bend it; null where there are too few.</summary>
    private static double[]? Fit(List<Sample> samples)
    {
        if (samples.Count < 2 * Terms)
            return null;
        double[,] m = new double[Terms, Terms + 1];
        foreach (var (x, y, value) in samples)
        {
            double[] terms = [1, x, y, x * x, x * y, y * y];
            for (int i = 0; i < Terms; i++)
            {
                for (int j = 0; j < Terms; j++)
                    m[i, j] += terms[i] * terms[j];
                m[i, Terms] += terms[i] * value;
            }
        }
        for (int i = 1; i < Terms; i++)
            m[i, i] += 1e-3 * samples.Count;
        // Positive definite: elimination needs no pivots.
        for (int i = 0; i < Terms; i++)
        {
            for (int k = 0; k < Terms; k++)
            {
                double factor = k == i ? 0 : m[k, i] / m[i, i];
                for (int j = i; j <= Terms; j++)
                    m[k, j] -= factor * m[i, j];
            }
        }
        return [.. Enumerable.Range(0, Terms).Select(i => m[i, Terms] / m[i, i])];
    }

    /// <summary>-1 to 1.</summary>
    private static double Place(int i, int length) => length > 1 ? 2.0 * i / (length - 1) - 1 : 0;

    /// <summary>A pixel of a coarse grid; places from -1 to 1.</summary>
    private readonly record struct Sample(double X, double Y, double Value);
}
