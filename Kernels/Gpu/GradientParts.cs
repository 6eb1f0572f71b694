using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// How a GPU sums a gradient of few weights with many terms each, a convolution's: the terms are shared out among parts, so that there is
/// work for all of its processors. Groups of a part store what its terms come to; in a later stage each weight's parts are added in their
/// order, and the sum is handed to the optimizer.
/// </summary>
/// <remarks>
/// The number of parts depends on shapes alone, so that it is the same on every GPU. Buffers are made once for many programs.
/// </remarks>
internal sealed class GradientParts
{
    private readonly int _tiles, _threads;

    /// <param name="memory">Owns the buffer.</param>
    /// <param name="weights">Of the gradient.</param>
    /// <param name="tiles">Tiles that these are cut into.</param>
    /// <param name="terms">Terms of a sum that may go to different threads.</param>
    internal GradientParts(DeviceMemory memory, int weights, int tiles, int terms)
    {
        int wanted = Math.Clamp(Tuning.PartsEnoughThreads / tiles, 1, terms);
        _tiles = tiles;
        _threads = Tuning.PartFewestThreads;
        while (_threads < Tuning.PartMostThreads && _threads * Tuning.MostParts < wanted)
            _threads *= 2;
        Count = Math.Min(Operation.Parts(wanted, _threads), Tuning.MostParts);
        Sums = memory.Allocate<float>((long)Count * weights);
    }

    /// <summary>How many.</summary>
    internal int Count { get; }

    /// <summary>[part][weight].</summary>
    internal ArrayView<float> Sums { get; }

    /// <summary>
    /// The operation that fills <see cref="Sums"/>, and the one that adds them up and updates the weights: one needs the other's end.
    /// </summary>
    /// <param name="device">A GPU.</param>
    /// <param name="name">For profiles.</param>
    /// <param name="flops">Multiply and add counted as two.</param>
    /// <param name="body">Its tiles are those of the first part, of the second and so on.</param>
    /// <param name="update">What becomes of the gradient.</param>
    internal Operation[] Stages<TBody>(
        ComputeDevice device, string name, double flops, TBody body, Update update) where TBody : struct, ITileBody
    {
        Require.Length(name, "sums of parts", Sums.Length, (long)Count * update.Weight.Length);
        return
        [
            Operation.OnGpu(Launch.OfTiles(device, name, flops, body, Count * _tiles, _threads, blocks: 0)),
            Operation.OnGpu(
                Launch.OfThreads(device, $"{name} update", 0, new Arguments(Sums, Count, update), update.Weight.Length, blocks: 0)),
        ];
    }

    /// <summary>A thread adds the parts of one weight.</summary>
    public readonly struct Arguments(ArrayView<float> sums, int parts, Update update) : IThreadBody
    {
        public readonly ArrayView<float> Sums = sums;
        public readonly int Parts = parts;
        public readonly Update Update = update;

        /// <summary>Four sums side by side, so that as many loads are under way.</summary>
        public void RunThread(int index)
        {
            int weights = Update.Weight.IntLength, end = Parts * weights, at = index;
            if (index >= weights)
                return;
            float a = 0, b = 0, c = 0, d = 0;
            for (; at + 3 * weights < end; at += 4 * weights)
            {
                a += Sums[at];
                b += Sums[at + weights];
                c += Sums[at + 2 * weights];
                d += Sums[at + 3 * weights];
            }
            for (; at < end; at += weights)
                a += Sums[at];
            Update.Apply(index, a + b + (c + d));
        }
    }
}
