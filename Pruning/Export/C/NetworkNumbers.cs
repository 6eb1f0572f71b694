using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.CompilerServices;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Export.C;

/// <summary>
/// What the C code computes, number by number: of bytes the same bits; of floats the same but for rounding, since a compiler may join a
/// product and a sum.
/// </summary>
internal static class NetworkNumbers
{
    /// <summary>The scores of all images, (N, classes).</summary>
    public static T[] Scores<T>(Plan<T> plan, DataSet images, CancellationToken cancellation = default) where T : unmanaged, INumber<T>
    {
        int classes = images.Shape.Classes;
        var scores = new T[images.Count * classes];
        Run(plan, images, Take, cancellation);
        return scores;

        void Take(Values<T> values, int first, int count)
        {
            var last = values[plan.Steps[^1].Output];
            for (int n = 0; n < count; n++)
                for (int k = 0; k < classes; k++)
                    scores[(first + n) * classes + k] = last[k * Values<T>.Lanes + n];
        }
    }

    /// <summary>The class of the largest score of each image, the first of equal ones.</summary>
    public static int[] Classes<T>(T[] scores, int classes) where T : INumber<T> =>
        [.. scores.Chunk(classes).Select(s => System.Array.IndexOf(s, s.Max()))];

    /// <summary>The smallest and the largest number that each step gives for some images.</summary>
    public static Dictionary<int, (double Least, double Most)> Ranges(Plan<float> plan, DataSet images, CancellationToken cancellation)
    {
        var ranges = new ConcurrentDictionary<int, (double Least, double Most)>();
        Run(plan, images, Take, cancellation);
        return new Dictionary<int, (double Least, double Most)>(ranges);

        void Take(Values<float> values, int first, int count)
        {
            foreach (var step in plan.Steps)
            {
                ReadOnlySpan<float> numbers = values[step.Output];
                var (least, most) = (float.PositiveInfinity, float.NegativeInfinity);
                for (int i = 0; i < numbers.Length; i++)
                {
                    // Of a batch that is not full the rest is what was there before.
                    if (i % Values<float>.Lanes < count)
                        (least, most) = (Math.Min(least, numbers[i]), Math.Max(most, numbers[i]));
                }
                ranges.AddOrUpdate(
                    step.Output, (least, most), (_, was) => (Math.Min(was.Least, least), Math.Max(was.Most, most)));
            }
        }
    }

    private static void Run<T>(
        Plan<T> plan, DataSet images, Action<Values<T>, int, int> take, CancellationToken cancellation) where T : unmanaged, INumber<T>
    {
        const int lanes = Values<T>.Lanes;
        // Each worker has all values of its own: half of the memory holds so many.
        long bytes = (plan.Image.Length + plan.Steps.Sum(s => (long)s.Place.Length)) * lanes * Unsafe.SizeOf<T>();
        int workers = (int)Math.Clamp(Processor.MemoryBytes / 2 / bytes, 1, Environment.ProcessorCount);
        Parallel.For(
            0, (images.Count + lanes - 1) / lanes,
            new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = workers },
            () => new Values<T>(plan.Count),
            (batch, _, values) =>
            {
                int first = batch * lanes, count = Math.Min(lanes, images.Count - first);
                var x = values.Of(0, plan.Image);
                for (int n = 0; n < count; n++)
                {
                    var image = images.Image(first + n);
                    for (int i = 0; i < image.Length; i++)
                        x[i * lanes + n] = T.CreateTruncating(image[i]);
                }
                foreach (var step in plan.Steps)
                    step.Run(values);
                take(values, first, count);
                return values;
            },
            _ => { });
    }
}
