using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// A network that only answers. Batch normalisations are folded into weights (<see cref="Folding"/>), dead neurons and channels are gone
/// (<see cref="Compaction"/>), and on the CPU accelerator a layer below the
/// break-even density is computed from its live weights alone. A call is one launch for all layers and images, or finds that of the call
/// before; on the CPU accelerator a call of one chunk needs none (<see cref="ChunkedProgram"/>), and a network for single images has layers
/// of its own (<see cref="OneImage"/>).
/// </summary>
/// <remarks>
/// Answers repeat bit for bit, whatever the number of workers, or of images that a predictor is made for from two on. One for single images
/// rounds otherwise where <see cref="SquareWinograd"/> computes more of them; all differ from the trainer's by rounding.
/// </remarks>
public sealed class Predictor : IDisposable
{
    private readonly DeviceMemory _memory;
    private readonly HostBuffer<byte> _images;
    private readonly HostBuffer<float> _logits;
    private readonly HostBuffer<int> _classes, _order;
    private readonly ChunkedProgram _program;
    private readonly int _slots;
    private int _count;

    /// <param name="device">Where it runs.</param>
    /// <param name="model">Weights and masks.</param>
    /// <param name="batch">Images of a call at most; each call costs what this many do, up to 64, or 32 or 16 of large maps.</param>
    /// <param name="sparseBelow">
    /// Density below which a layer is computed from live weights (a first convolution also below two fifths, one of 3x3 below 0.15 to 0.29,
    /// <see cref="Tuning.SparseSquareAnswersBelow"/>); 0 for the dense path.
    /// </param>
    /// <exception cref="InsufficientMemoryException">The device has not enough for them.</exception>
    public Predictor(ComputeDevice device, Checkpoint model, int batch, double sparseBelow = Tuning.SparseAnswersBelow)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        Model = Folding.Of(model);
        if (sparseBelow > 0)
            Model = Compaction.Of(Model);
        Batch = batch;
        _memory = new DeviceMemory(device);
        int chunk = Math.Min(device.RunsOnHost ? ImagesPerChunk(Model.Network) : ImagesPerLaunch(Model.Network), batch);
        _slots = Layout.Blocks(chunk) * Layout.Lanes;
        try
        {
            _images = new HostBuffer<byte>(_memory, (long)batch * Shape.BytesPerImage);
            _order = new HostBuffer<int>(_memory, (batch + _slots - 1) / _slots * _slots);
            _logits = new HostBuffer<float>(_memory, (long)batch * Shape.Classes);
            _classes = new HostBuffer<int>(_memory, batch);
            _program = device.RunsOnHost && batch == 1 && OneImageSteps.Serve(Model.Network)
                ? new ChunkedProgram(_memory, _ => OneImageSteps.Build(_memory, Model, _images.View, _logits.View, _classes.View), most: 1)
                : Batched(chunk, sparseBelow);
        }
        catch (InsufficientMemoryException)
        {
            _memory.Dispose();
            throw;
        }
    }

    /// <summary>The network that is computed, dead parts left out.</summary>
    public Checkpoint Model { get; }

    /// <summary>The images that it answers for, and their classes.</summary>
    public DataShape Shape => Model.Network.Data;

    /// <summary>Images of a call at most.</summary>
    public int Batch { get; }

    /// <summary>(N, C, H, W) bytes: where the caller puts the images; of MNIST's form 0 = paper and 255 = ink.</summary>
    public Span<byte> Images => _images.Span;

    /// <summary>(N, classes): what the last call gave.</summary>
    public ReadOnlySpan<float> Logits => _logits.Span[..(_count * Shape.Classes)];

    /// <summary>(N): the class of the largest logit.</summary>
    public ReadOnlySpan<int> Classes => _classes.Span[.._count];

    /// <summary>softmax(logits) of an image of the last call, one a class.</summary>
    public double[] Probabilities(int image)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(image, _count);
        var logits = Logits.Slice(image * Shape.Classes, Shape.Classes);
        double[] powers = new double[logits.Length];
        float largest = logits.ToArray().Max();
        for (int i = 0; i < powers.Length; i++)
            powers[i] = Math.Exp(logits[i] - largest);
        double sum = powers.Sum();
        return Array.ConvertAll(powers, p => p / sum);
    }

    /// <summary>Answers for the first <paramref name="count"/> of <see cref="Images"/>.</summary>
    public void Run(int count)
    {
        if (count < 1 || count > Batch)
            throw new ArgumentOutOfRangeException(nameof(count), $"expected 1 to {Batch} images, found {count}");
        if (count != _count)
        {
            for (int i = 0; i < _order.Span.Length; i++)
                _order.Span[i] = i < count ? i : -1;
            _order.Upload(_order.Span.Length);
            _count = count;
        }
        _images.Upload(count * Shape.BytesPerImage);
        _program.Run((count + _slots - 1) / _slots);
        _logits.Download(count * Shape.Classes);
        _classes.Download(count);
    }

    /// <summary>On the CPU accelerator. Each worker has activations of its own: of large ones it takes as few images as it can.</summary>
    private static int ImagesPerChunk(NetworkDescription network) =>
        network.Shapes.Max(s => s.Features) * (long)sizeof(float) * Tuning.ImagesPerChunk <= Tuning.ChunkTensorBytes ? Tuning.ImagesPerChunk
        : Values(network) <= Tuning.ManyValues ? Tuning.ImagesPerChunk / 2 : Layout.Lanes;

    /// <summary>On a GPU: what its activations have room for, in whole blocks.</summary>
    private static int ImagesPerLaunch(NetworkDescription network) =>
        (int)Math.Max(1, Tuning.LaunchValues / Values(network) / Layout.Lanes) * Layout.Lanes;

    /// <summary>On the CPU accelerator: as many as half of the memory holds activations of.</summary>
    private int MostWorkers =>
        (int)Math.Clamp(_memory.Device.MemoryBytes / 2 / (Values(Model.Network) * _slots * sizeof(float)), 1, int.MaxValue);

    /// <summary>Of an image, in all layers, borders too.</summary>
    private static long Values(NetworkDescription network) => network.Shapes.Sum(s => (long)s.BlockStride / Layout.Lanes);

    private ChunkedProgram Batched(int chunk, double sparseBelow)
    {
        var device = _memory.Device;
        var parameters = new Parameters(_memory, Model.Network);
        parameters.SetWeights(Model.Weights);
        var labels = _memory.Allocate<int>(Batch);
        var set = new ImageSet(
            _images.View, labels, _memory.Allocate<float>(Shape.Normalization), _memory.Allocate<int>([default(ImageView).Packed]));
        var transformed = new Dictionary<string, ArrayView<float>>();
        return new ChunkedProgram(_memory, step =>
        {
            var builder = new StepBuilder(_memory, Model.Network, parameters, chunk, together: null, transformed);
            if (device.RunsOnHost)
                builder.Choose(Model.Mask, sparseBelow);
            builder.LoadLive();
            return
            [
                Gather.Of(
                    device, "gather", set, new(_order.View, step),
                    new(builder.Inputs[0], builder.TransposedInput, _memory.Allocate<int>(_slots))),
                .. builder.Forward(builder.Inputs[0], learning: null).SelectMany(stage => stage),
                Answer.Of(device, "answer", builder.Logits, step, _logits.View, _classes.View),
            ];
        }, _order.Span.Length / _slots, MostWorkers);
    }

    public void Dispose()
    {
        using (_memory)
            _program.Dispose();
    }
}
