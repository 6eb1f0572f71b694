using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary>Device, data and trainer of a run, opened before anything is written: a user's mistake leaves no trace.</summary>
internal sealed class Workbench : IDisposable
{
    /// <summary>Where decoded pictures are kept, beside the runs.</summary>
    private static readonly string Cache = Path.Combine("runs", ".pictures");

    private Workbench(ComputeDevice device, ImageData data, PruneOptions options, Trainer trainer) =>
        (Device, Data, Options, Trainer) = (device, data, options, trainer);

    public ComputeDevice Device { get; }
    public ImageData Data { get; }
    public Trainer Trainer { get; }

    /// <summary>What was asked for, with what follows from the data.</summary>
    public PruneOptions Options { get; }

    /// <summary>What the course of a run depends on that begins with these.</summary>
    public IReadOnlyDictionary<string, string> Identity => RunIdentity.Of(Device, Data, Options, Trainer.Parameters.GetWeights());

    /// <summary>Opens everything for training and pruning; <paramref name="start"/> is put into the trainer.</summary>
    public static Workbench Open(Invocation invocation, PruneOptions options, Checkpoint? start)
    {
        var data = LoadData(invocation);
        var network = start?.Network ?? NetworkDescription.Parse(options.Network, data.Shape);
        if (start is not { Validation: > 0 } && !invocation.IsGiven(Settings.Validation.Option))
            options = options.For(data.Train);
        options = options.For(network);
        var parts = DataParts.Of(data, options);
        var device = OpenDevice(invocation);
        try
        {
            var trainer = new Trainer(
                device, network, options.Training(data.Shape), parts.Training, parts.Validation, parts.Test,
                parts.Certification);
            if (start is not null)
                Pruner.Put(start, trainer);
            return new Workbench(device, data, options, trainer);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The set of --data, or MNIST; run.sh says by PRUNING_HOME where the project's own copy of it is, whatever the current directory.
    /// </summary>
    public static ImageData LoadData(Invocation invocation) =>
        invocation.Find(Commands.Options.Data) is { } folder ? LoadData(invocation, folder)
            : Mnist.Load(invocation.Terminal.Say, Environment.GetEnvironmentVariable("PRUNING_HOME"), invocation.Cancellation);

    /// <summary>The set of a folder.</summary>
    public static ImageData LoadData(Invocation invocation, string folder)
    {
        long shown = 0;
        return DataFolder.Load(folder, new DataOptions
        {
            Size = invocation.Find(Commands.Options.Size),
            SkipBroken = invocation.Get(Commands.Options.SkipBroken),
            Cache = Cache,
            Say = invocation.Terminal.Say,
            Decoded = Show,
        }, invocation.Cancellation);

        // Of several threads the first that finds a tenth of a second gone.
        void Show(int done, int all)
        {
            long before = Volatile.Read(ref shown), now = Environment.TickCount64;
            if (now - before >= 100 && Interlocked.CompareExchange(ref shown, now, before) == before)
                invocation.Terminal.Bar($"decoding pictures  {done} of {all}");
        }
    }

    public static ComputeDevice OpenDevice(Invocation invocation) =>
        Devices.Open(
            invocation.Device, invocation.Get(Commands.Options.Workers), invocation.Get(Commands.Options.Simd),
            invocation.Terminal.Say);

    /// <summary>A trainer that only measures: the network of a file on these images, which are its test part.</summary>
    public static Trainer ForMeasuring(ComputeDevice device, Checkpoint checkpoint, DataSet images)
    {
        // Activations and their gradients take 8 bytes a value and image: 128 images but of a network that would take more than 128 MB with
        // them.
        const int most = 128, bytes = 1 << 27;
        long values = checkpoint.Network.Shapes.Sum(s => (long)s.BlockStride / Layout.Lanes);
        long blocks = bytes / (2 * sizeof(float) * values * Layout.Lanes);
        int batch = (int)Math.Min(Math.Clamp(blocks * Layout.Lanes, Layout.Lanes, most), images.Count);
        var few = images.Take(batch);
        var trainer = new Trainer(device, checkpoint.Network, new TrainerOptions(batch), few, DataSet.Empty(images.Shape), images);
        Pruner.Put(checkpoint, trainer);
        return trainer;
    }

    public void Dispose()
    {
        Trainer.Dispose();
        Device.Dispose();
    }
}
