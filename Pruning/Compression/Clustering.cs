using Secateurs.Model;

namespace Secateurs.Pruning.Compression;

/// <summary>
/// One-dimensional k-means: the values that minimise Σ (w - C(I(w)))², and which weight takes which. Exact, by dynamic programming over the
/// sorted weights (after H. Wang and M. Song, Ckmeans.1d.dp, 2011) with divide and conquer over the monotone split points: k n log n.
/// </summary>
/// <remarks>
/// Deep Compression iterates from linear, density-based or random centroids and each ends in another local minimum (its figure 8); the
/// global minimum needs no such choice, gives the same centroids on every device, and takes milliseconds for a pruned layer. Equal
/// weights are never parted. Beyond 2^24 / count different weights, neighbours in the sorted order are merged first.
/// </remarks>
internal static class Clustering
{
    /// <summary>
    /// Different weights times values up to which the minimum is exact; bounds memory (4 bytes each) and time (about a second).
    /// </summary>
    private const int Exact = 1 << 24;

    /// <summary>Shares the live weights of a layer among at most <paramref name="count"/> values, ascending.</summary>
    /// <param name="weights">A layer's weights.</param>
    /// <param name="mask">1 = live, 0 = pruned.</param>
    /// <param name="count">At least 1.</param>
    public static SharedWeights Of(ReadOnlySpan<float> weights, ReadOnlySpan<float> mask, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var live = new List<float>();
        for (int i = 0; i < weights.Length; i++)
            if (mask[i] != 0)
                live.Add(weights[i]);
        if (live.Count == 0)
            return new SharedWeights([], new int[weights.Length]);
        var (groups, ends) = Groups([.. live], count);
        var (codebook, first) = Solve(groups, Math.Min(count, groups.Length));
        // Every cluster is a stretch of the sorted weights: a weight belongs to the first whose largest weight is not less.
        float[] largest = [.. first.Skip(1).Append(groups.Length).Select(end => ends[end - 1])];
        var indices = new int[weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            if (mask[i] == 0)
                continue;
            int at = Array.BinarySearch(largest, weights[i]);
            indices[i] = 1 + (at < 0 ? ~at : at);
        }
        return new SharedWeights(codebook, indices);
    }

    /// <summary>So many weights with their sum and sum of squares.</summary>
    private readonly record struct Group(int Count, double Sum, double Square);

    /// <summary>
    /// Sorted, equal weights together, and neighbours too where there would be too many; with the largest weight of each.
    /// </summary>
    private static (Group[] Groups, float[] Ends) Groups(float[] live, int count)
    {
        Array.Sort(live);
        int different = 1 + Enumerable.Range(1, live.Length - 1).Count(i => live[i] != live[i - 1]);
        int merge = (int)(((long)different * count + Exact - 1) / Exact);
        var groups = new List<Group>();
        var ends = new List<float>();
        for (int i = 0; i < live.Length; ends.Add(live[i - 1]))
        {
            int first = i;
            double sum = 0, square = 0;
            for (int values = 0; i < live.Length; i++)
            {
                if ((i == first || live[i] != live[i - 1]) && ++values > merge)
                    break;
                (sum, square) = (sum + live[i], square + (double)live[i] * live[i]);
            }
            groups.Add(new Group(i - first, sum, square));
        }
        return ([.. groups], [.. ends]);
    }

    /// <summary>The values, and the first group of each cluster.</summary>
    private static (float[] Codebook, int[] First) Solve(Group[] groups, int count)
    {
        int n = groups.Length;
        double[] weight = new double[n + 1], sum = new double[n + 1], square = new double[n + 1];
        for (int i = 0; i < n; i++)
        {
            (weight[i + 1], sum[i + 1], square[i + 1]) =
                (weight[i] + groups[i].Count, sum[i] + groups[i].Sum, square[i] + groups[i].Square);
        }
        // Squared error of one cluster of the groups [from, to).
        double Cost(int from, int to)
        {
            double total = sum[to] - sum[from];
            return Math.Max(0, square[to] - square[from] - total * total / (weight[to] - weight[from]));
        }

        double[] before = [.. Enumerable.Range(0, n + 1).Select(i => i == 0 ? 0 : Cost(0, i))], now = new double[n + 1];
        var split = new int[count][];
        split[0] = new int[n + 1];
        for (int k = 1; k < count; k++)
        {
            split[k] = new int[n + 1];
            Fill(split[k], k + 1, n, k, n - 1, k);
            (before, now) = (now, before);
        }
        var first = new int[count];
        for (int k = count - 1, end = n; k >= 0; end = first[k--])
            first[k] = split[k][end];
        float[] codebook = [.. first.Select((from, k) =>
        {
            int to = k + 1 < count ? first[k + 1] : n;
            return (float)((sum[to] - sum[from]) / (weight[to] - weight[from]));
        })];
        return (codebook, first);

        // Best costs of groups [0, end) in k + 1 clusters for ends low..high, whose last cluster begins between from and to.
        void Fill(int[] best, int low, int high, int from, int to, int k)
        {
            if (low > high)
                return;
            int end = (low + high) / 2, at = -1;
            double least = double.PositiveInfinity;
            for (int start = Math.Max(from, k); start <= Math.Min(to, end - 1); start++)
            {
                double cost = before[start] + Cost(start, end);
                if (cost < least)
                    (least, at) = (cost, start);
            }
            (now[end], best[end]) = (least, at);
            Fill(best, low, end - 1, from, at, k);
            Fill(best, end + 1, high, at, to, k);
        }
    }
}
