using Secateurs.Model;
using Secateurs.Model.Imaging;

namespace Tests.ModelTests.Imaging;

/// <summary>A photographed digit is read as the same digit drawn black on white; what holds no single digit is refused.</summary>
public sealed class PhotographTests : IDisposable
{
    private const int Side = 200;

    /// <summary>How like two images are, as a correlation: above this they differ less than two hands' writing of one digit.</summary>
    private const double Alike = 0.93;

    /// <summary>The same where strokes are a pixel or two wide: half a pixel's shift counts as much as a hand does.</summary>
    private const double AlikeAt28 = 0.9;

    private static readonly Dictionary<string, Func<char, double[,]>> Scenes = new()
    {
        ["paper of grey 140"] = d => Drawing.Paint(Drawing.Framed(d, Side), 140, 30),
        ["paper of grey 223"] = d => Drawing.Paint(Drawing.Framed(d, Side), 223, 60),
        ["pencil"] = d => Drawing.Noise(Drawing.Paint(Drawing.Framed(d, Side), 200, 160), 3),
        ["noise"] = d => Drawing.Noise(Drawing.Paint(Drawing.Framed(d, Side), 210, 60), 25),
        ["board"] = d => Drawing.Noise(Drawing.Paint(Drawing.Framed(d, Side), 45, 210), 5),
        ["shading"] = d => Drawing.Map(Drawing.Framed(d, Side), (x, y, v) => (90 + 0.3 * x + 0.35 * y) * (1 - 0.7 * v)),
        ["lamp"] = d => Drawing.Map(Drawing.Framed(d, Side), (x, y, v) => (230 - 0.006 * (Sq(x - 70) + Sq(y - 90))) * (1 - 0.7 * v)),
        ["shadow with an edge"] = d => Drawing.Map(Drawing.Framed(d, Side), (x, y, v) => (x + y / 3 < 80 ? 130 : 220) * (1 - 0.75 * v)),
        ["frame"] = d => Drawing.Map(Drawing.Paint(Drawing.Framed(d, Side), 230, 90), (x, y, v) => Depth(x, y, Side) < 5 ? 0 : v),
        ["frame that is touched"] = d => Drawing.Map(
            Drawing.Paint(Drawing.On(Drawing.Digit(d, 170), Side, Side, 28, 15), 230, 40), (x, y, v) => Depth(x, y, Side) < 4 ? 0 : v),
        ["box around"] = d => Drawing.Map(
            Drawing.Paint(Drawing.Framed(d, Side), 230, 40), (x, y, v) => Depth(x, y, Side) is > 14 and < 19 ? 20 : v),
        ["line along a side"] = d => Drawing.Map(Drawing.Paint(Drawing.Framed(d, Side), 230, 40), (x, _, v) => x < 4 ? 0 : v),
        ["table beside"] = d => Drawing.Map(Drawing.Paint(Drawing.Framed(d, Side), 220, 50), (x, _, v) => x < 25 ? 70 : v),
        ["ruled paper"] = d => Drawing.Map(Drawing.Paint(Drawing.Framed(d, Side), 235, 50), (_, y, v) => y % 30 < 2 ? Math.Min(v, 190) : v),
        ["specks"] = d => Drawing.Map(
            Drawing.Paint(Drawing.Framed(d, Side), 230, 50), (x, y, v) => Sq(x % 90 - 10) + Sq(y % 90 - 12) < 10 ? 40 : v),
        ["far away"] = d => Drawing.Noise(Drawing.Paint(Drawing.On(Drawing.Digit(d, 60), 700, 900, 400, 150), 210, 60), 3),
        ["cut out, 28x28"] = d => Drawing.Paint(Drawing.Digit(d, 28), 255, 0),
        ["cut out, 29x29"] = d => Drawing.Paint(Drawing.Digit(d, 29), 255, 0),
        ["cut out, 200x200"] = d => Drawing.Noise(Drawing.Paint(Drawing.Digit(d, Side), 190, 40), 5),
        ["cut out, white on black"] = d => Drawing.Paint(Drawing.Digit(d, 28), 0, 255),
        ["grey paper, 28x28"] = d => Drawing.Noise(Drawing.Paint(Drawing.Framed(d, 28), 200, 30), 6),
        ["frame, 28x28"] = d => Drawing.Map(Drawing.Paint(Drawing.Framed(d, 28), 255, 0), (x, y, v) => Depth(x, y, 28) < 1 ? 0 : v),
    };

    private static readonly Dictionary<string, double[,]> NoDigits = new()
    {
        ["white, 27x27"] = Blank(27, 255),
        ["white, 28x28"] = Blank(28, 255),
        ["white"] = Blank(280, 255),
        ["black, 28x28"] = Blank(28, 0),
        ["a single pixel"] = Blank(1, 200),
        ["paper"] = Drawing.Noise(Drawing.Map(Blank(Side, 0), (x, y, _) => 120 + 0.3 * x + 0.1 * y), 3),
        ["lamp"] = Drawing.Map(Blank(Side, 0), (x, y, _) => 90 + 140 * Math.Exp(-(Sq(x - 60) + Sq(y - 80)) / 9000)),
        ["frame"] = Drawing.Map(Blank(Side, 230), (x, y, v) => Depth(x, y, Side) < 5 ? 0 : v),
        ["table beside"] = Drawing.Map(Blank(Side, 230), (x, _, v) => x < 30 ? 70 : v),
        ["a blot"] = Drawing.Map(Blank(Side, 230), (x, y, v) => Sq(x - 90) + Sq(y - 70) < 900 ? 30 : v),
        ["grey noise, 28x28"] = Noise(28, 256),
        ["grey noise"] = Noise(Side, 256),
        ["black and white noise, 28x28"] = Noise(28, 2),
        ["black and white noise"] = Noise(Side, 2),
    };

    /// <summary>What is drawn black on white, as MNIST would have it.</summary>
    private static readonly Dictionary<char, byte[]> Drawn = Drawing.Digits.ToDictionary(d => d, d => MnistForm.Of(
        "drawn", new Raster([.. Drawing.Bytes(Drawing.Paint(Drawing.Framed(d, Side), 255, 0)).Select(v => (float)v)], Side, Side)));

    private readonly PictureFolder _folder = new();

    public static TheoryData<string> SceneNames => [.. Scenes.Keys];

    public static TheoryData<string> NoDigitNames => [.. NoDigits.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(SceneNames))]
    public void A_photographed_digit_is_read_as_one_that_is_drawn(string scene)
    {
        foreach (char digit in Drawing.Digits)
        {
            double alike = Correlation(Drawn[digit], _folder.Read(Scenes[scene](digit)));
            Assert.True(
                alike > (scene.EndsWith("28x28", StringComparison.Ordinal) ? AlikeAt28 : Alike),
                $"{digit}: correlation {alike:F3}");
        }
    }

    [Fact]
    public void Digits_differ_more_than_that() => Assert.All(
        Drawing.Digits.SelectMany(a => Drawing.Digits.Where(b => b > a).Select(b => (A: a, B: b))),
        pair => Assert.InRange(Correlation(_folder.Read(Scenes["pencil"](pair.A)), _folder.Read(Scenes["pencil"](pair.B))), -1, 0.8));

    [Theory]
    [MemberData(nameof(NoDigitNames))]
    public void What_holds_no_digit_is_refused(string scene)
    {
        string expected = scene.Contains("noise", StringComparison.Ordinal) ? "(a|one) digit, found" : "a digit, found an empty picture";
        Assert.Matches(expected, _folder.Refused(NoDigits[scene]));
    }

    [Fact]
    public void Several_digits_are_refused()
    {
        var second = Drawing.On(Drawing.Digit('2', 100), 180, 300, 40, 150);
        var both = Drawing.Map(Drawing.On(Drawing.Digit('4', 100), 180, 300, 40, 30), (x, y, v) => Math.Max(v, second[y, x]));
        Assert.Contains("expected one digit, found several figures", _folder.Refused(Drawing.Paint(both, 230, 40)));
    }

    private static double Sq(double x) => x * x;

    private static int Depth(int x, int y, int side) => Math.Min(Math.Min(x, y), side - 1 - Math.Max(x, y));

    private static double[,] Blank(int side, double grey) => Drawing.Map(new double[side, side], (_, _, _) => grey);

    private static double[,] Noise(int side, int levels)
    {
        var random = new Random64(11);
        return Drawing.Map(new double[side, side], (_, _, _) => random.NextInt(levels) * 255.0 / (levels - 1));
    }

    /// <summary>The largest of nine: a centre of mass between two pixels may be rounded to either.</summary>
    private static double Correlation(byte[] a, byte[] b) => Enumerable.Range(0, 9).Max(shift =>
    {
        int by = shift / 3 * 28 + shift % 3;
        byte[] shifted = [.. new byte[by], .. b, .. new byte[58 - by]];
        return Correlation([.. new byte[29], .. a, .. new byte[29]], shifted, a.Average(v => v), b.Average(v => v));
    });

    private static double Correlation(byte[] a, byte[] b, double meanA, double meanB)
    {
        static double Sum(byte[] u, double meanU, byte[] v, double meanV) => u.Zip(v, (p, q) => (p - meanU) * (q - meanV)).Sum();
        return Sum(a, meanA, b, meanB) / Math.Sqrt(Sum(a, meanA, a, meanA) * Sum(b, meanB, b, meanB));
    }
}
