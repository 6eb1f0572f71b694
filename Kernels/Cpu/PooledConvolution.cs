using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// What a first convolution learns through the max pooling behind it: <see cref="MaxPool.BackwardData"/>, then
/// <see cref="Convolution.BackwardWeight"/> (or that of <see cref="SparseConvolution"/>) and <see cref="BiasUpdate"/>, for one or two
/// filters at a time, so that the gradient between them, which nothing else reads, never leaves the cache. Only on the CPU accelerator; the
/// same bits as the three operations.
/// </summary>
internal static class PooledConvolution
{
    /// <summary>Room for the gradient of some filters, one a worker.</summary>
    public static Tensor[] Scratch(DeviceMemory memory, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(memory);
        var part = y.Shape with { Channels = Tuning.PooledFilters };
        return [.. Enumerable.Range(0, memory.Device.Workers).Select(_ => memory.AllocateTensor(part, y.Blocks * Layout.Lanes))];
    }

    /// <param name="device">The CPU accelerator.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="output">Of the convolution.</param>
    /// <param name="filter">(K, C, R, S).</param>
    /// <param name="learned">What is updated.</param>
    /// <param name="scratch">See <see cref="Scratch"/>; operations that do not run at the same time may share it.</param>
    public static Operation BackwardWeight(
        ComputeDevice device, string name, Tensor x, PooledOutput output, FilterShape filter, Learned learned, Tensor[] scratch)
    {
        var (y, size, pooled, dPooled, relu) = output;
        var (update, biasUpdate, live) = learned;
        Convolution.Check(name, x, update.Weight.Length, filter, y);
        Require.Length(name, "bias", biasUpdate.Weight.Length, filter.Filters);
        MaxPool.Check(name, y, size, pooled);
        Require.Like(name, "gradient of the pooling's output", dPooled, pooled);
        return Operation.OnHost(
            device, name, live is null ? Convolution.Flops(x, filter, y) : 0,
            new Body(
                new(y, size, pooled, dPooled, relu ? 1 : 0, y), new(x, y, filter, update), live is null ? null : new(x, y, live, update),
                new(y, biasUpdate), scratch));
    }

    /// <summary>A convolution's output and what the pooling makes of it.</summary>
    /// <param name="Y">(N, K, P, Q).</param>
    /// <param name="Size">Of the windows.</param>
    /// <param name="Pooled">(N, K, P / size, Q / size).</param>
    /// <param name="DPooled">Its gradient.</param>
    /// <param name="Relu">y is a ReLU's output.</param>
    internal readonly record struct PooledOutput(Tensor Y, int Size, Tensor Pooled, Tensor DPooled, bool Relu);

    /// <summary>What a convolution learns.</summary>
    /// <param name="Weights">Over the weights.</param>
    /// <param name="Biases">Over the biases.</param>
    /// <param name="Live">The weights, where they are packed; buffers of <paramref name="Weights"/> are replaced by theirs.</param>
    internal readonly record struct Learned(Update Weights, Update Biases, LiveWeights? Live);

    private readonly struct Body(
        MaxPool.BackwardArguments pool, Convolution.BackwardWeightArguments convolution, SparseConvolution.BackwardWeightBody? packed,
        BiasUpdate.Arguments bias, Tensor[] scratch) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            var gradient = scratch[worker];
            var filter = convolution.Filter;
            var (first, last) = Operation.Share(filter.Filters, worker, workers);
            for (int from = first, to; from < last; from = to)
            {
                // One by one where weights are packed, so that each can be passed over that has none and gets no gradient.
                to = Math.Min(from + (packed is null ? Tuning.PooledFilters : 1), last);
                if (packed?.Has(from) == false && IsBlank(pool.DOutput, from))
                {
                    float none = 0;
                    bias.Update.Apply<V>(from, &none, 1);
                    continue;
                }
                for (int block = 0; block < gradient.Blocks; block++)
                    for (int k = from; k < to; k++)
                        pool.Map<V>(block, k, gradient, from);
                bias.Channels<V>(gradient, from, from, to);
                if (packed is { } live)
                    live.Filters<V>(from, to, gradient, from);
                else
                    convolution.Filters<V>(from, to, 0, filter.Channels, gradient, from);
            }
        }

        /// <summary>Whether a channel is all zeros, as the gradient of one is that no live weight reads.</summary>
        private static unsafe bool IsBlank(Tensor t, int channel)
        {
            for (int block = 0; block < t.Blocks; block++)
                for (int row = 0; row < t.Shape.Height; row++)
                {
                    float* at = t.Pointer + (nint)block * t.Shape.BlockStride + t.Shape.Offset(channel, row, 0);
                    if (new Span<int>(at, t.Shape.Width * Layout.Lanes).ContainsAnyExcept(0))
                        return false;
                }
            return true;
        }
    }
}
