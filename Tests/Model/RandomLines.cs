using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>Networks as text: most are sound, some are refused.</summary>
internal static class RandomLines
{
    private static readonly string[] Odd = ["", "fc0", "conv1@1p9", "pool9", "conv2", "FC10", "conv1@1p1p1"];

    /// <summary>One to seven layers before the last; sizes at their limits now and then, and few that take long.</summary>
    public static string Next(Random64 random)
    {
        var tokens = new List<string>();
        for (int n = random.NextInt(8); n > 0; n--)
        {
            tokens.Add(random.NextInt(27) switch
            {
                20 => $"conv{Size(6)}@{Size(5)}s{1 + random.NextInt(3)}{(random.NextInt(2) == 0 ? $"p{random.NextInt(3)}" : "")}"
                    + $"{(random.NextInt(2) == 0 ? "b" : "")}{(random.NextInt(2) == 0 ? "r" : "")}",
                21 => random.NextInt(2) == 0 ? "b" : "br",
                22 => $"{(random.NextInt(2) == 0 ? "" : "avg")}pool{1 + random.NextInt(3)}s{1 + random.NextInt(3)}"
                    + $"{(random.NextInt(2) == 0 ? $"p{1 + random.NextInt(2)}" : "")}",
                23 => Branches(Size(5)),
                24 => "[pool3s1p1 | | avgpool3s1p1]+",
                25 => "drop0.25",
                26 => random.NextInt(3) == 0 ? "gap" : "[conv3@3p1br conv3@1b | conv3@1]+r",
                < 8 => $"conv{Size(9)}@{Size(7)}{(random.NextInt(3) == 0 ? $"p{random.NextInt(5)}" : "")}"
                    + $"{(random.NextInt(2) == 0 ? "r" : "")}",
                < 13 => $"pool{1 + random.NextInt(4)}",
                < 18 => $"fc{Size(40)}{(random.NextInt(2) == 0 ? "r" : "")}",
                18 => $"conv{1 + random.NextInt(3)}@{25 + random.NextInt(9)}p{random.NextInt(9)}",
                _ => Odd[random.NextInt(Odd.Length)],
            });
        }
        return string.Join(' ', tokens.Append("fc10"));

        string Branches(int channels) => $"[conv{channels}@3p1{(random.NextInt(2) == 0 ? "r" : "")} "
            + $"| conv{channels}@{1 + 2 * random.NextInt(2)}{(random.NextInt(2) == 0 ? "p1" : "")}]+{(random.NextInt(2) == 0 ? "r" : "")}";

        int Size(int most) => random.NextInt(4) == 0 ? 1 + random.NextInt(2) : 1 + random.NextInt(most);
    }
}
