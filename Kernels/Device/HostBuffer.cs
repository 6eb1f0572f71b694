using ILGPU;

namespace Secateurs.Kernels;

/// <summary>
/// A buffer that host code reads or writes often: on the CPU accelerator the device's own memory, without a copy; elsewhere a host copy
/// that <see cref="Upload"/> and <see cref="Download"/> carry over.
/// </summary>
internal sealed class HostBuffer<T>(DeviceMemory memory, long length) where T : unmanaged
{
    /// <summary>What kernels see.</summary>
    public ArrayView<T> View { get; } = memory.Allocate<T>(DeviceMemory.Countable(length));

    private readonly T[]? _copy = memory.Device.RunsOnHost ? null : new T[length];

    /// <summary>What host code sees.</summary>
    public unsafe Span<T> Span => _copy ?? new Span<T>(View.Pointer(), (int)length);

    /// <summary>Brings the first values to the device.</summary>
    public void Upload(int count)
    {
        if (_copy is not null)
            memory.Upload<T>(_copy.AsSpan(0, count), View);
    }

    /// <summary>Brings the first values back.</summary>
    public void Download(int count)
    {
        if (_copy is not null)
            memory.Download(View.SubView(0, count)).CopyTo(_copy, 0);
    }
}
