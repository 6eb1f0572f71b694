using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Methods;
using Tests.KernelTests;

namespace Tests.PruningTests;

/// <summary>Exactly as many weights as asked for, and the same ones everywhere, whatever scores are equal.</summary>
[Collection(nameof(KernelSuite))]
public sealed class GlobalThresholdTests
{
    private const int First = 784 * 2, Total = First + 2 * 10;

    /// <summary>What an imported network may hold, by the index of a weight.</summary>
    private static readonly Dictionary<string, Func<Random, int, float>> Kinds = new()
    {
        ["any"] = (random, _) => random.NextSingle() - 0.5f,
        ["close"] = (random, _) => 0.5f + random.Next(100) / (float)(1 << 24),
        ["binary"] = (random, _) => random.Next(2) == 0 ? 0.05f : -0.05f,
        ["ternary"] = (random, _) => (random.Next(3) - 1) * 0.07f,
        ["equal"] = (_, _) => 0.25f,
        ["mostly zero"] = (random, i) => i % 50 == 0 ? random.NextSingle() : i % 2 == 0 ? 0f : -0f,
        ["zero"] = (_, _) => 0f,
        ["tiny"] = (random, _) => random.Next(-9, 10) * float.Epsilon,
        ["not a number"] = (random, i) => i % 3 == 0 ? float.NaN : i % 7 == 0 ? float.NegativeInfinity : random.NextSingle(),
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (string device in TestDevices.Names)
            {
                if (TestDevices.WhyNot(device) is { } reason)
                    rows.Add(new TheoryDataRow<string, string>(device, "all kinds") { Skip = reason });
                else
                    foreach (string kind in Kinds.Keys)
                        rows.Add(device, kind);
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_lowest_scores_fall_and_of_equal_ones_the_first_until_just_as_many_stay_as_asked_for(string device, string kind)
    {
        using var trainer = Open(TestDevices.Get(device));
        var pruner = new LayerPruner(trainer);
        float[] weights = Fill(trainer, kind), mask = trainer.Parameters.GetMask();
        foreach (int kept in (int[])[Total, Total - 1, 701, 700, 21, 20, 1, 0])
        {
            float[] thresholds = GlobalThreshold.Prune(pruner, Criterion.Magnitude, kept);
            var left = Expected(trainer.Parameters.Layers, weights, mask, kept);
            (weights, mask) = (trainer.Parameters.GetWeights(), trainer.Parameters.GetMask());
            Assert.Equal(left, Live(trainer.Parameters.Layers, mask));
            Assert.Equal(kept, pruner.Moments().Sum(m => m.Live));
            Assert.All(mask.Zip(weights).Where(p => p.First == 0), p => Assert.Equal(0, p.Second));
            if (kept is > 0 and < Total && kind != "not a number")
                Assert.All(thresholds, t => Assert.Equal(left.Min(i => Math.Abs(weights[i])), t));
        }
    }

    /// <summary>Saliencies are equal where magnitudes and mean squared gradients are.</summary>
    [Fact]
    public void Equal_saliencies_are_parted_too_and_a_second_time_from_where_the_first_ended()
    {
        foreach (string device in (string[])[.. TestDevices.FastCpus, TestDevices.Simulator])
        {
            using var trainer = Open(TestDevices.Get(device));
            var pruner = new LayerPruner(trainer);
            Fill(trainer, "binary");
            pruner.RateSaliency();
            var slices = trainer.Parameters.Layers;
            foreach (int kept in (int[])[1000, 17, 9])
            {
                GlobalThreshold.Prune(pruner, Criterion.Saliency, kept);
                // All are equal, so the last stay: of 17 and fewer those of the second layer alone.
                Assert.Equal(All(slices).Skip(Total - kept), Live(slices, trainer.Parameters.GetMask()));
            }
        }
    }

    [Fact]
    public void More_than_live_are_none_to_prune()
    {
        using var trainer = Open(TestDevices.Get(TestDevices.FastCpus.First()));
        var pruner = new LayerPruner(trainer);
        Fill(trainer, "any");
        GlobalThreshold.Prune(pruner, Criterion.Magnitude, 100);
        Assert.All(GlobalThreshold.Prune(pruner, Criterion.Magnitude, 101), t => Assert.Equal(0, t));
        Assert.Equal(100, pruner.Moments().Sum(m => m.Live));
    }

    [Fact]
    public void A_threshold_given_by_hand_keeps_what_is_on_it()
    {
        using var trainer = Open(TestDevices.Get(TestDevices.FastCpus.First()));
        var pruner = new LayerPruner(trainer);
        Fill(trainer, "ternary");
        pruner.Prune([0.07f, MathF.BitIncrement(0.07f)]);
        Assert.Equal(
            All(trainer.Parameters.Layers).Take(First).Where(i => trainer.Parameters.GetWeights()[i] != 0),
            Live(trainer.Parameters.Layers, trainer.Parameters.GetMask()));
    }

    private static Trainer Open(ComputeDevice device) => new(
        device, NetworkDescription.Parse("fc2r fc10"), new TrainerOptions(16),
        SmallSet.Make(16, 1), SmallSet.Make(16, 2), SmallSet.Make(16, 3));

    /// <summary>Weights of a kind, biases 9, which no threshold may reach or count.</summary>
    private static float[] Fill(Trainer trainer, string kind)
    {
        var random = new Random(3);
        float[] weights = [.. trainer.Parameters.GetWeights().Select(_ => 9f)];
        foreach (int i in All(trainer.Parameters.Layers))
            weights[i] = Kinds[kind](random, i);
        trainer.Parameters.SetWeights(weights);
        return weights;
    }

    private static IEnumerable<int> All(IReadOnlyList<LayerSlice> slices) =>
        slices.SelectMany(l => Enumerable.Range(l.WeightOffset, l.WeightCount));

    private static IEnumerable<int> Live(IReadOnlyList<LayerSlice> slices, float[] mask) => All(slices).Where(i => mask[i] == 1);

    /// <summary>By one plain sort, which keeps the order of equals; NaN is the largest.</summary>
    private static int[] Expected(IReadOnlyList<LayerSlice> slices, float[] weights, float[] mask, int kept)
    {
        int[] live = [.. Live(slices, mask)];
        double Score(int i) => float.IsNaN(weights[i]) ? double.MaxValue : float.IsInfinity(weights[i]) ? 1e300 : Math.Abs(weights[i]);
        return [.. live.OrderBy(Score).Skip(live.Length - kept).Order()];
    }
}
