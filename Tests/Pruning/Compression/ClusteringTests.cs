using Secateurs.Model;
using Secateurs.Pruning.Compression;

namespace Tests.Compression;

public class ClusteringTests
{
    /// <summary>Against every way to cut the sorted weights into clusters.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 2)]
    [InlineData(8, 3)]
    [InlineData(9, 8)]
    [InlineData(10, 4)]
    public void The_sum_of_squares_is_the_least_there_is(int weights, int count)
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var random = new Random64(seed);
            // Multiples of 1/4, so that weights are equal to others.
            float[] values = [.. Enumerable.Range(0, weights).Select(_ => (random.NextInt(17) - 8) / 4f)];
            var shared = Clustering.Of(values, Ones(weights), count);
            Assert.InRange(shared.Codebook.Length, 1, count);
            Assert.Equal(Least([.. values.Order()], 0, count), Cost(values, shared), 1e-5);
            Assert.Equal(shared.Codebook.Order(), shared.Codebook);
        }
    }

    /// <summary>The paper's three initialisations of Lloyd's iteration end no lower, and mostly higher.</summary>
    [Fact]
    public void Linear_density_and_random_initialisation_end_no_lower()
    {
        const int count = 15;
        var random = new Random64(1);
        float[] weights = [.. Enumerable.Range(0, 3000).Select(_ => (float)random.NextGaussian()).Where(w => Math.Abs(w) > 0.8)];
        float[] sorted = [.. weights.Order()];
        double exact = Cost(weights, Clustering.Of(weights, Ones(weights.Length), count));
        var starts = new Dictionary<string, double[]>
        {
            ["linear"] = [.. Enumerable.Range(0, count).Select(k => sorted[0] + (sorted[^1] - sorted[0]) * (k + 0.5) / count)],
            ["density"] = [.. Enumerable.Range(0, count).Select(k => (double)sorted[(2 * k + 1) * sorted.Length / (2 * count)])],
            ["random"] = [.. Enumerable.Range(0, count).Select(_ => (double)sorted[random.NextInt(sorted.Length)]).Order()],
        };
        foreach (var (name, centroids) in starts)
        {
            double lloyd = Lloyd(weights, centroids);
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {lloyd / exact:F4} of the exact minimum");
            Assert.InRange(lloyd, exact * (1 - 1e-6), double.PositiveInfinity);
        }
    }

    [Fact]
    public void Pruned_weights_have_no_value_and_zero_may_be_one()
    {
        var shared = Clustering.Of([0f, 0f, 1f, 1f, 3f], [1, 0, 1, 0, 1], 3);
        Assert.Equal([0f, 1f, 3f], shared.Codebook);
        Assert.Equal([1, 0, 2, 0, 3], shared.Indices);
    }

    [Fact]
    public void Empty_equal_and_few_weights()
    {
        Assert.Empty(Clustering.Of([1f, 2f], [0, 0], 4).Codebook);
        Assert.Equal([0, 0], Clustering.Of([1f, 2f], [0, 0], 4).Indices);
        var equal = Clustering.Of([.. Enumerable.Repeat(0.1f, 1000)], Ones(1000), 7);
        Assert.Equal([0.1f], equal.Codebook);
        Assert.Equal([-2f, 5f], Clustering.Of([5f, -2f], Ones(2), 200).Codebook);
        Assert.Throws<ArgumentOutOfRangeException>(() => Clustering.Of([1f], [1], 0));
    }

    /// <summary>Where neighbours are merged first, the cost is still that of the best values for a Gaussian.</summary>
    [Fact]
    public void A_large_layer_is_close_to_exact()
    {
        var random = new Random64(1);
        float[] weights = [.. Enumerable.Range(0, 400_000).Select(_ => (float)random.NextGaussian())];
        var shared = Clustering.Of(weights, Ones(weights.Length), 255);
        Assert.Equal(255, shared.Codebook.Length);
        // The optimum for many values (Panter and Dite 1951): cost per weight = (integral of density^(1/3))^3 / (12 k²) = √3 π / 2 / k²
        // here.
        double expected = Math.Sqrt(3) * Math.PI / 2 / (255.0 * 255);
        Assert.InRange(Cost(weights, shared) / weights.Length, 0.9 * expected, 1.1 * expected);
    }

    private static float[] Ones(int count) => [.. Enumerable.Repeat(1f, count)];

    private static double Cost(float[] weights, SharedWeights shared) =>
        weights.Zip(shared.Indices, (w, i) => Math.Pow(w - (double)shared.Codebook[i - 1], 2)).Sum();

    private static double Least(float[] sorted, int first, int count)
    {
        double One(int to)
        {
            double mean = sorted[first..to].Average();
            return sorted[first..to].Sum(w => (w - mean) * (w - mean));
        }

        if (first == sorted.Length)
            return 0;
        return count == 1
            ? One(sorted.Length)
            : Enumerable.Range(first + 1, sorted.Length - first).Min(to => One(to) + Least(sorted, to, count - 1));
    }

    private static double Lloyd(float[] weights, double[] centroids)
    {
        double cost = double.PositiveInfinity;
        while (true)
        {
            var nearest = weights.GroupBy(w => Enumerable.Range(0, centroids.Length).MinBy(k => Math.Abs(w - centroids[k]))).ToArray();
            foreach (var group in nearest)
                centroids[group.Key] = group.Average(w => (double)w);
            double now = nearest.Sum(g => g.Sum(w => Math.Pow(w - centroids[g.Key], 2)));
            if (now >= cost * (1 - 1e-9))
                return now;
            cost = now;
        }
    }
}
