using System.Runtime.InteropServices;
using ILGPU.Runtime.Cuda;

namespace Secateurs.Kernels;

/// <summary>
/// The calls of CUDA's driver that record a stream's launches as a graph and replay them; each gives a CUresult, 0 where it worked.
/// </summary>
internal interface IGraphDriver
{
    int BeginCapture();
    int EndCapture(out nint graph);
    int Instantiate(nint graph, out nint executable);
    int Launch(nint executable);
    int DestroyGraph(nint graph);
}

/// <summary>
/// A step's launches as a CUDA graph: one call to the driver instead of one per launch. The first step is launched plainly, which compiles
/// and loads its kernels; the second is recorded; from then on it is replayed. Step number and rates lie in device memory, so nothing
/// in a graph ever changes. Wherever the driver refuses, steps are launched plainly from there on, and <see cref="Trouble"/> says why.
/// </summary>
internal sealed class StepGraph(IGraphDriver? driver, string? trouble, Action launchStep)
{
    private bool _loaded;
    private nint _executable;

    /// <summary>Why steps are not replayed; null where they are or will be.</summary>
    public string? Trouble { get; private set; } = trouble;

    /// <summary>Whether a graph is in use.</summary>
    public bool Replays => _executable != 0;

    /// <summary>One step.</summary>
    public void Run()
    {
        if (_loaded && !Replays && Trouble is null)
            Record();
        if (Replays && Worked("cuGraphLaunch", driver!.Launch(_executable)))
            return;
        _executable = 0;
        launchStep();
        _loaded = true;
    }

    /// <summary>Nothing is computed here: between begin and end the stream only takes notes.</summary>
    private void Record()
    {
        if (driver is null || !Worked("cuStreamBeginCapture", driver.BeginCapture()))
            return;
        string? refused = null;
        try
        {
            launchStep();
        }
#pragma warning disable CA1031 // whatever it is, the stream must leave its capture, and the plain launch that follows will meet it again
        catch (Exception e)
#pragma warning restore CA1031
        {
            refused = $"a launch failed under capture: {e.Message}";
        }
        bool ended = Worked("cuStreamEndCapture", driver.EndCapture(out nint graph));
        Trouble = refused ?? Trouble;
        if (ended && refused is null && Worked("cuGraphInstantiate", driver.Instantiate(graph, out nint executable)))
            _executable = executable;
        if (ended)
            _ = driver.DestroyGraph(graph);
    }

    private bool Worked(string call, int result)
    {
        if (result != 0)
            Trouble = $"{call} gave CUDA error {result}";
        return result == 0;
    }
}

/// <summary>CUDA's driver by its C functions (CUDA driver API, stream and graph management), for the stream of one device.</summary>
internal sealed unsafe class CudaGraphDriver : IGraphDriver, IDisposable
{
    /// <summary>CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: a finalizer that frees memory on another thread does not spoil a capture.</summary>
    private const int ThreadLocal = 1;

    private readonly CudaAccelerator _accelerator;
    private readonly nint _stream;
    private readonly List<nint> _executables = [];
    private readonly delegate* unmanaged<nint, int, int> _beginCapture;
    private readonly delegate* unmanaged<nint, nint*, int> _endCapture;
    private readonly delegate* unmanaged<nint*, nint, ulong, int> _instantiate;
    private readonly delegate* unmanaged<nint, nint, int> _launch;
    private readonly delegate* unmanaged<nint, int> _destroyGraph, _destroyExecutable;

    /// <exception cref="EntryPointNotFoundException">The driver is too old: before CUDA 11.4.</exception>
    /// <exception cref="DllNotFoundException">No driver.</exception>
    public CudaGraphDriver(CudaAccelerator accelerator, CudaStream stream)
    {
        (_accelerator, _stream) = (accelerator, stream.StreamPtr);
        nint library = NativeLibrary.Load(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1");
        _beginCapture = (delegate* unmanaged<nint, int, int>)NativeLibrary.GetExport(library, "cuStreamBeginCapture_v2");
        _endCapture = (delegate* unmanaged<nint, nint*, int>)NativeLibrary.GetExport(library, "cuStreamEndCapture");
        _instantiate = (delegate* unmanaged<nint*, nint, ulong, int>)NativeLibrary.GetExport(library, "cuGraphInstantiateWithFlags");
        _launch = (delegate* unmanaged<nint, nint, int>)NativeLibrary.GetExport(library, "cuGraphLaunch");
        _destroyGraph = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuGraphDestroy");
        _destroyExecutable = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuGraphExecDestroy");
    }

    /// <summary>CUresult cuStreamBeginCapture(CUstream hStream, CUstreamCaptureMode mode)</summary>
    public int BeginCapture()
    {
        // The calls below belong to the context that is current on this thread.
        _accelerator.Bind();
        return _beginCapture(_stream, ThreadLocal);
    }

    /// <summary>CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph)</summary>
    public int EndCapture(out nint graph)
    {
        nint result = 0;
        int code = _endCapture(_stream, &result);
        graph = result;
        return code;
    }

    /// <summary>CUresult cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long flags)</summary>
    public int Instantiate(nint graph, out nint executable)
    {
        nint result = 0;
        int code = _instantiate(&result, graph, 0);
        if (code == 0)
            _executables.Add(result);
        executable = result;
        return code;
    }

    /// <summary>CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream)</summary>
    public int Launch(nint executable)
    {
        _accelerator.Bind();
        return _launch(executable, _stream);
    }

    /// <summary>CUresult cuGraphDestroy(CUgraph hGraph)</summary>
    public int DestroyGraph(nint graph) => _destroyGraph(graph);

    /// <summary>CUresult cuGraphExecDestroy(CUgraphExec hGraphExec), for all: programs come and go, and few are recorded.</summary>
    public void Dispose()
    {
        _accelerator.Bind();
        foreach (nint executable in _executables)
            _ = _destroyExecutable(executable);
        _executables.Clear();
    }
}
