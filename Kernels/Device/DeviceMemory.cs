using ILGPU;
using ILGPU.Runtime;

namespace Secateurs.Kernels;

/// <summary>Buffers on one device that live and die together: a trainer's, a test's.</summary>
public sealed class DeviceMemory(ComputeDevice device) : IDisposable
{
    private const int Alignment = 64;
    private readonly List<MemoryBuffer> _buffers = [];
    private long _bytes;

    public ComputeDevice Device => device;

    /// <summary>All that was allocated, for tests that look into every number.</summary>
    internal IReadOnlyList<MemoryBuffer> Buffers => _buffers;

    /// <summary>Zeroed memory, aligned to a cache line.</summary>
    /// <exception cref="InsufficientMemoryException">See <see cref="ComputeDevice.Reserve"/>.</exception>
    public ArrayView<T> Allocate<T>(long length) where T : unmanaged
    {
        int spare = Alignment / Interop.SizeOf<T>();
        long bytes = (Math.Max(1, length) + spare) * Interop.SizeOf<T>();
        device.Reserve(bytes);
        _bytes += bytes;
        var buffer = device.Accelerator.Allocate1D<T>(Math.Max(1, length) + spare);
        _buffers.Add(buffer);
        buffer.MemSetToZero(device.Stream);
        device.Synchronize();
        long misaligned = device.RunsOnHost ? (long)((nint)buffer.NativePtr % Alignment) : 0;
        return buffer.View.BaseView.SubView(misaligned == 0 ? 0 : (Alignment - misaligned) / Interop.SizeOf<T>(), Math.Max(1, length));
    }

    /// <summary>A copy of host data.</summary>
    public ArrayView<T> Allocate<T>(ReadOnlySpan<T> data) where T : unmanaged
    {
        var view = Allocate<T>(data.Length);
        Upload(data, view);
        return view;
    }

    /// <summary>A zeroed batch of feature maps; kernels count its values in 32 bits.</summary>
    /// <exception cref="InsufficientMemoryException">They are too many for that, or for the memory.</exception>
    internal Tensor AllocateTensor(TensorShape shape, int batch) =>
        new(Allocate<float>(Countable((long)Layout.Blocks(batch) * shape.BlockStride)), shape, Layout.Blocks(batch));

    /// <summary>The length of a buffer whose values are counted in 32 bits.</summary>
    /// <exception cref="InsufficientMemoryException">They are too many for that.</exception>
    internal static int Countable(long length) => length <= int.MaxValue ? (int)length
        : throw ComputeDevice.TooLittle($"at most {int.MaxValue} values in a buffer, found {length}");

    public unsafe void Upload<T>(ReadOnlySpan<T> data, ArrayView<T> target) where T : unmanaged
    {
        if (data.Length == 0)
            return;
        if (device.RunsOnHost)
        {
            // Without the copy that ILGPU asks for: a large network's would be what takes most memory.
            device.Synchronize();
            data.CopyTo(new Span<T>(target.SubView(0, data.Length).Pointer(), data.Length));
            return;
        }
        target.SubView(0, data.Length).CopyFromCPU(device.Stream, data.ToArray());
        device.Synchronize();
    }

    public T[] Download<T>(ArrayView<T> source) where T : unmanaged
    {
        var data = new T[source.Length];
        if (data.Length > 0)
            source.CopyToCPU(device.Stream, data);
        device.Synchronize();
        return data;
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
        _buffers.Clear();
        device.Release(_bytes);
        _bytes = 0;
    }
}
