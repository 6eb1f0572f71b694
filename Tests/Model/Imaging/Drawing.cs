using Secateurs.Model;

namespace Tests.ModelTests.Imaging;

/// <summary>
/// Digits drawn with a round pen, and what a photograph does to them. Ink is 0 to 1, grey 0 = black to 255 = white; both are (row, column).
/// </summary>
internal static class Drawing
{
    private static readonly Dictionary<char, (double X, double Y)[][]> Strokes = new()
    {
        ['1'] = [[(0.5, 0), (0.45, 1)]],
        ['2'] = [[(0.15, 0.2), (0.35, 0), (0.65, 0), (0.8, 0.25), (0.6, 0.55), (0.1, 1), (0.85, 1)]],
        ['4'] = [[(0.25, 0), (0.1, 0.55), (0.9, 0.55)], [(0.65, 0.2), (0.6, 1)]],
        ['5'] = [[(0.75, 0), (0.25, 0), (0.2, 0.45), (0.6, 0.42), (0.8, 0.7), (0.55, 1), (0.15, 0.92)]],
        ['7'] = [[(0.1, 0.05), (0.85, 0), (0.4, 1)]],
    };

    /// <summary>Whose drawing the digits are, for theories.</summary>
    public static IEnumerable<char> Digits => Strokes.Keys;

    /// <summary>A digit that reaches from border to border of a square with this side.</summary>
    public static double[,] Digit(char digit, int side, double pen = 0.13)
    {
        var lines = Strokes[digit].SelectMany(s => s.Zip(s.Skip(1))).Select(line => (Place(line.First), Place(line.Second))).ToArray();
        return Map(new double[side, side], (x, y, _) =>
        {
            double distance = side;
            foreach (var (from, to) in lines)
                distance = Math.Min(distance, Distance((x + 0.5) / side, (y + 0.5) / side, from, to));
            return Math.Clamp((pen / 2 - distance) * side + 0.5, 0, 1);
        });

        (double X, double Y) Place((double X, double Y) point) => (pen / 2 + (1 - pen) * point.X, pen / 2 + (1 - pen) * point.Y);
    }

    /// <summary>The same on more paper.</summary>
    public static double[,] On(double[,] ink, int height, int width, int top, int left) => Map(new double[height, width], (x, y, _) =>
        y >= top && y < top + ink.GetLength(0) && x >= left && x < left + ink.GetLength(1) ? ink[y - top, x - left] : 0);

    /// <summary>In the middle, with a third of its size around it.</summary>
    public static double[,] Framed(char digit, int side) => On(Digit(digit, side * 3 / 5), side, side, side / 5, side / 5);

    public static double[,] Paint(double[,] ink, double paper, double pen) => Map(ink, (_, _, v) => paper + (pen - paper) * v);

    public static double[,] Map(double[,] values, Func<int, int, double, double> map)
    {
        var mapped = new double[values.GetLength(0), values.GetLength(1)];
        for (int y = 0; y < mapped.GetLength(0); y++)
            for (int x = 0; x < mapped.GetLength(1); x++)
                mapped[y, x] = map(x, y, values[y, x]);
        return mapped;
    }

    public static double[,] Noise(double[,] grey, double deviation, ulong seed = 5)
    {
        var random = new Random64(seed);
        return Map(grey, (_, _, v) => v + deviation * random.NextGaussian());
    }

    /// <summary>Row by row, rounded, as a file has them.</summary>
    public static byte[] Bytes(double[,] grey) => [.. grey.Cast<double>().Select(v => (byte)Math.Clamp(Math.Round(v), 0, 255))];

    private static double Distance(double x, double y, (double X, double Y) from, (double X, double Y) to)
    {
        double lengthX = to.X - from.X, lengthY = to.Y - from.Y;
        double along = Math.Clamp(((x - from.X) * lengthX + (y - from.Y) * lengthY) / (lengthX * lengthX + lengthY * lengthY), 0, 1);
        return double.Hypot(x - from.X - along * lengthX, y - from.Y - along * lengthY);
    }
}
