using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// Memory of <see cref="SquareWinograd"/> that layers share, as large as the largest asks for: transformed weights, from a stage to the
/// next; lines of some tiles, of each worker alone.
/// </summary>
/// <param name="memory">Where it is.</param>
/// <param name="workers">That share an operation.</param>
internal sealed class SquareWinogradScratch(DeviceMemory memory, int workers)
{
    private long _lineLength, _weightLength;
    private ArrayView<float>? _lines, _weights;

    /// <summary>[point][outer][inner].</summary>
    public ArrayView<float> Weights => _weights ??= memory.Allocate<float>(_weightLength);

    public WorkerLines Lines => new(_lines ??= memory.Allocate<float>(workers * _lineLength), _lineLength);

    /// <summary>Of a layer, before any layer makes operations.</summary>
    public void Ask(long lineLength, long weightLength)
    {
        if (_lines is not null || _weights is not null)
            throw new InvalidOperationException("layers ask for memory before any of them makes operations");
        (_lineLength, _weightLength) = (Math.Max(_lineLength, lineLength), Math.Max(_weightLength, weightLength));
    }
}

/// <summary>As much memory for each worker.</summary>
/// <param name="data">[worker][length].</param>
/// <param name="length">Floats of one.</param>
internal readonly struct WorkerLines(ArrayView<float> data, long length)
{
    public unsafe float* Of(int worker) => data.Pointer() + worker * (nint)length;
}
