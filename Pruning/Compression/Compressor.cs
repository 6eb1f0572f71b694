using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Methods;

namespace Secateurs.Pruning.Compression;

/// <summary>A network as a coded file, with what it is worth.</summary>
/// <param name="File">The bytes.</param>
/// <param name="Network">What they hold.</param>
/// <param name="Bits">Of a weight index, per layer.</param>
/// <param name="Size">Where the bytes went.</param>
/// <param name="DenseBytes">The network before pruning: all weights and biases in fp32.</param>
/// <param name="DenseWeights">Its weights.</param>
/// <param name="Judgement">Against the dense network, or the one that came in where none was given, on the validation images.</param>
/// <param name="Before">That network on the test images.</param>
/// <param name="After">The decoded file on the test images.</param>
/// <param name="Tries">Networks that were tried.</param>
/// <param name="EncodeSeconds">Time of coding.</param>
/// <param name="DecodeSeconds">Time of decoding.</param>
public sealed record Compressed(
    byte[] File, CodedNetwork Network, int[] Bits, FileSize Size, long DenseBytes, int DenseWeights, Judgement Judgement, Score Before,
    Score After, int Tries, double EncodeSeconds, double DecodeSeconds)
{
    /// <summary>Accounting (1), layer by layer.</summary>
    public IReadOnlyList<HanAccounting> Han { get; } = [.. Network.Layers.Select(l => HanAccounting.Of(l))];

    /// <summary>Live weights.</summary>
    public int Kept => Network.Layers.Sum(l => l.Live);

    /// <summary>Accounting (1): fp32 weights of the dense network / entries, codebooks and Huffman codes.</summary>
    public double HanRatio => 32.0 * DenseWeights / Han.Sum(h => h.CodedBits);

    /// <summary>Accounting (2): the dense network in fp32 / the whole file.</summary>
    public double FileRatio => (double)DenseBytes / File.Length;

    /// <summary>Accounting (3): all weights / kept weights.</summary>
    public double PruningRatio => (double)DenseWeights / Math.Max(1, Kept);
}

/// <summary>What is compressed.</summary>
/// <param name="Device">Where values are trained.</param>
/// <param name="Model">A pruned network, or a dense one.</param>
/// <param name="Dense">The network before pruning, which is judged against; null for <paramref name="Model"/> itself.</param>
/// <param name="Data">Training images, of which those are set aside that were when the network was made, and test images.</param>
/// <param name="Batch">Images per step.</param>
public sealed record CompressTask(ComputeDevice Device, Checkpoint Model, Checkpoint? Dense, ImageData Data, int Batch);

/// <summary>
/// From a pruned network to a coded file: dead parts are dropped (<see cref="Compaction"/>), weights shared and trained
/// (<see cref="WeightSharing"/>), neurons ordered (<see cref="NeuronOrder"/>), everything coded (<see cref="CodedFile"/>), decoded again
/// and compared bit by bit.
/// </summary>
public static class Compressor
{
    /// <param name="task">What is compressed.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="say">Takes lines for humans.</param>
    /// <param name="keep">Takes the smallest file so far whenever there is one.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    /// <param name="journal">Where tries are recorded, and what was recorded before is taken from; null for nowhere.</param>
    /// <param name="progress">Told how far the training of each try is; null for nobody.</param>
    /// <exception cref="UserException">
    /// Usage: a dense network of other images, or of others that were set aside; more weights than a file holds.
    /// </exception>
    public static Compressed Run(
        CompressTask task, CompressOptions options, Action<string> say, Action<byte[]> keep, CancellationToken cancellation,
        Journal? journal = null, Action<PruneProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(options);
        var (device, model, dense, data, batch) = task;
        if (dense is not null)
            DemandSameImages(model, dense);
        var compact = Compaction.Of(model);
        if (compact.Network.Slices.Sum(s => (long)s.WeightCount) is > CodedNetwork.MaxWeights and var weights)
        {
            throw new UserException(ErrorKind.Usage, string.Create(CultureInfo.InvariantCulture,
                $"network to compress: expected at most {CodedNetwork.MaxWeights} weights where its dead parts are gone, found {weights}"));
        }
        var (training, validation) = data.Train.Split(model.Validation, model.Seed);
        var settings = new TrainerOptions(batch, Seed: model.Seed);
        using var trainer = new Trainer(device, compact.Network, settings, training, validation, data.Test);
        Put(trainer, compact);
        var before = trainer.Evaluate(Part.Test, cancellation);
        var reference = dense is null ? trainer.EvaluateEach(Part.Validation) : Outcomes(dense);
        bool chain = compact.Network.IsChain;
        CodedNetwork Coded(SharedState state)
        {
            var network = SharedNetwork.Of(compact with { Weights = state.State.Weight }, state.Layers);
            return chain && network.Others.Count == 0 ? NeuronOrder.HeaviestFirst(network) : network;
        }
        var sharing = new WeightSharing(trainer, reference, options, say, Keep, cancellation, journal, progress);
        var shared = sharing.Run();

        var coded = Coded(shared);
        var clock = Stopwatch.StartNew();
        byte[] file = CodedFile.Encode(coded, options.Coder, out var size);
        double encode = clock.Elapsed.TotalSeconds;
        var decoded = CodedFile.Decode(file, "the file just made");
        double decode = clock.Elapsed.TotalSeconds - encode;

        var stored = SharedNetwork.ToCheckpoint(coded, "the network");
        var read = SharedNetwork.ToCheckpoint(decoded, "the file just made");
        if (!Bits(stored.Weights).SequenceEqual(Bits(read.Weights)) || !Bits(stored.Mask).SequenceEqual(Bits(read.Mask)))
            throw new InvalidOperationException("decoding gave another network");
        Put(trainer, read);
        return new Compressed(
            file, decoded, shared.Widths.Bits, size, model.Network.Parameters.Sum(p => 4L * p.Count), model.Total,
            Judgement.Of(reference, trainer.EvaluateEach(Part.Validation), options.MaxDrop), before,
            trainer.Evaluate(Part.Test, cancellation), sharing.Tries, encode, decode);

        int Keep(SharedState state)
        {
            byte[] bytes = CodedFile.Encode(Coded(state), options.Coder);
            keep(bytes);
            return bytes.Length;
        }

        Outcomes Outcomes(Checkpoint network)
        {
            using var judge = new Trainer(device, network.Network, settings with { Seed = network.Seed }, training, validation, data.Test);
            Put(judge, network);
            return judge.EvaluateEach(Part.Validation);
        }
    }

    /// <summary>Whether two networks can be judged by the same images.</summary>
    public static bool AreOfTheSameImages(Checkpoint a, Checkpoint b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        return a.Network.Data.Fits(b.Network.Data) && (a.Seed, a.Validation, a.Split) == (b.Seed, b.Validation, b.Split);
    }

    /// <summary>Throws unless they can.</summary>
    /// <exception cref="UserException">Usage: they cannot.</exception>
    public static void DemandSameImages(Checkpoint model, Checkpoint dense)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(dense);
        if (!AreOfTheSameImages(model, dense))
        {
            throw new UserException(
                ErrorKind.Usage,
                $"dense network: expected one of {Images(model)}, as the network to compress, found one of {Images(dense)}");
        }
    }

    private static string Images(Checkpoint model) => string.Create(
        CultureInfo.InvariantCulture,
        $"images of {model.Network.Data.Description}, {model.Validation} set aside by seed {model.Seed}, split {model.Split}");

    private static void Put(Trainer trainer, Checkpoint model)
    {
        trainer.Parameters.SetWeights(model.Weights);
        trainer.Parameters.SetMask(model.Mask);
        trainer.ResetOptimizer();
    }

    private static ReadOnlySpan<int> Bits(float[] values) => MemoryMarshal.Cast<float, int>(values);
}
