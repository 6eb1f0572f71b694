using ILGPU;

namespace Secateurs.Kernels;

/// <summary><see cref="FullyConnected"/> for one image: see <see cref="OneImage"/>. Inputs that are zero are skipped.</summary>
internal static class OneImageFullyConnected
{
    /// <summary>y(k) = b(k) + Σ_c w(k, c) x(c), then max(0, y) if <paramref name="relu"/>.</summary>
    /// <param name="memory">For the packed weights.</param>
    /// <param name="name">For profiles and errors.</param>
    /// <param name="x">C = its features in the order (c, h, w).</param>
    /// <param name="weights">Packed now: later changes are not seen.</param>
    /// <param name="y">(K).</param>
    /// <param name="relu">See above.</param>
    public static Operation Forward(DeviceMemory memory, string name, RowImage x, LayerWeights weights, RowImage y, bool relu)
    {
        ArgumentNullException.ThrowIfNull(memory);
        int outputs = y.Shape.Channels, inputs = x.Shape.Features;
        weights.Check(name, outputs, inputs);
        float[] weight = weights.Weight, mask = weights.Mask;
        if (y.Pitch != 1)
            throw new ArgumentException($"{name}: expected a vector of features, found {y.Shape}");
        bool dense = mask.Length - mask.AsSpan().Count(0f) > Tuning.OneImageDenseAbove * mask.Length;
        var values = new List<float>();
        var rows = new List<int>();
        var start = new int[inputs + 1];
        for (int c = 0; c < inputs; c++)
        {
            for (int k = 0; k < (dense ? RowImage.RoundUp(outputs) : outputs); k++)
                if (dense)
                    values.Add(k < outputs ? weight[k * inputs + c] * mask[k * inputs + c] : 0);
                else if (mask[k * inputs + c] != 0)
                {
                    values.Add(weight[k * inputs + c]);
                    rows.Add(k);
                }
            start[c + 1] = values.Count;
        }
        return Operation.OnHost(memory.Device, name, 0, new Body(
            x, memory.Allocate<float>([.. values]), memory.Allocate<int>(start), memory.Allocate<int>([.. rows]), dense, weights.Bias, y,
            relu, memory.Allocate<int>(inputs), memory.Allocate<float>(inputs)));
    }

    private readonly struct Body(
        RowImage x, ArrayView<float> weight, ArrayView<int> start, ArrayView<int> row, bool dense, ArrayView<float> bias, RowImage y,
        bool relu, ArrayView<int> liveInput, ArrayView<float> liveValue) : IBody
    {
        public unsafe void Run<V>(int worker, int workers) where V : unmanaged, ISimd<V>
        {
            if (worker != 0)
                return;
            int outputs = y.Shape.Channels, count = FindLive();
            float* output = y.Data.Pointer(), b = bias.Pointer(), value = liveValue.Pointer(), w = weight.Pointer();
            int* input = liveInput.Pointer(), first = start.Pointer(), rows = row.Pointer();
            new ReadOnlySpan<float>(b, outputs).CopyTo(new Span<float>(output, outputs));
            if (!dense)
                for (int i = 0; i < count; i++)
                    for (int t = first[input[i]]; t < first[input[i] + 1]; t++)
                        output[rows[t]] = float.MultiplyAddEstimate(w[t], value[i], output[rows[t]]);
            else
                for (int k = 0; k < outputs; k += 4 * V.Width)
                    Columns<V>(
                        w + k, RowImage.RoundUp(outputs), Math.Min(4, (outputs - k + V.Width - 1) / V.Width), input, value, count,
                        output + k);
            if (relu)
                for (int k = 0; k < outputs; k++)
                    output[k] = output[k] < 0 ? 0 : output[k];
        }

        private unsafe int FindLive()
        {
            int* input = liveInput.Pointer();
            float* value = liveValue.Pointer(), source = x.Data.Pointer();
            var (rows, columns) = x.Extent;
            int feature = 0, count = 0;
            for (int i = 0; i < rows; i++)
            {
                float* rowStart = source + x.RowStart(i);
                for (int w = 0; w < columns; w++, feature++)
                {
                    (input[count], value[count]) = (feature, rowStart[w]);
                    // Without a branch, which would be mispredicted at every edge of ink.
                    count += rowStart[w] != 0 ? 1 : 0;
                }
            }
            return count;
        }

        /// <summary>Up to four vectors of outputs; missing ones repeat the last.</summary>
        private static unsafe void Columns<V>(float* w, nint pitch, int vectors, int* input, float* value, int count, float* output)
            where V : unmanaged, ISimd<V>
        {
            nint v1 = Math.Min(1, vectors - 1) * V.Width, v2 = Math.Min(2, vectors - 1) * V.Width, v3 = Math.Min(3, vectors - 1) * V.Width;
            V a = V.Load(output), b = V.Load(output + v1), c = V.Load(output + v2), d = V.Load(output + v3);
            for (int i = 0; i < count; i++)
            {
                float* at = w + input[i] * pitch;
                V x = V.Broadcast(value[i]);
                a = V.MultiplyAdd(V.Load(at), x, a);
                b = V.MultiplyAdd(V.Load(at + v1), x, b);
                c = V.MultiplyAdd(V.Load(at + v2), x, c);
                d = V.MultiplyAdd(V.Load(at + v3), x, d);
            }
            V.Store(a, output);
            V.Store(b, output + v1);
            V.Store(c, output + v2);
            V.Store(d, output + v3);
        }
    }
}
