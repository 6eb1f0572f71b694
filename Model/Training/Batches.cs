using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// All images on the device, and which of them a step sees. An epoch's order lies there as a whole, so that many steps need nothing of the
/// host; a part of the data set takes its place while it is measured.
/// </summary>
internal sealed class Batches
{
    /// <summary>Bytes of images that are on their way to the device at once, or one image.</summary>
    private const int BytesAtOnce = 1 << 20;

    private readonly DeviceMemory _memory;
    private readonly ImageSet _set;
    private readonly ArrayView<int> _order, _next, _step;
    private readonly ArrayView<int>[] _labels;
    private readonly IReadOnlyList<Tensor> _inputs;
    private readonly ImageOrder _orders;
    private readonly int[] _first;

    /// <param name="memory">Where the images go.</param>
    /// <param name="options">Batch and seed.</param>
    /// <param name="shape">How the network wants its images.</param>
    /// <param name="inputs">Where a batch goes: see <see cref="StepBuilder.Inputs"/>.</param>
    /// <param name="parts">Images of each <see cref="Part"/>.</param>
    public Batches(
        DeviceMemory memory, TrainerOptions options, DataShape shape, IReadOnlyList<Tensor> inputs, params DataSet[] parts)
    {
        (_memory, _inputs, Size) = (memory, inputs, options.Batch);
        _first = [.. parts.Aggregate(new List<int> { 0 }, (ends, part) => [.. ends, ends[^1] + part.Count])];
        Slots = Layout.Blocks(options.Batch) * Layout.Lanes;
        StepsPerEpoch = Count(Part.Training) / options.Batch;
        MostSteps = Math.Max(StepsPerEpoch, parts.Max(p => p.Count) / Slots + 1);
        _set = new ImageSet(
            Upload(memory, shape.Image, parts), memory.Allocate<int>([.. parts.SelectMany(p => p.Labels)]),
            memory.Allocate<float>(shape.Normalization),
            memory.Allocate<int>([.. options.Augmentation.Views.Select(v => v.Packed)]));
        // One batch more than is ever learned from: a GPU fetches it when an epoch ends.
        _order = memory.Allocate<int>((long)(MostSteps + 1) * Slots);
        _next = memory.Allocate<int>(1);
        _step = memory.Allocate<int>(1);
        _labels = [.. inputs.Select(_ => memory.Allocate<int>(Slots))];
        _orders = new ImageOrder(options.Seed, Count(Part.Training), options.Batch, Slots, options.Augmentation);
        Position = StepsPerEpoch;
    }

    /// <summary>Images per step.</summary>
    public int Size { get; }

    /// <summary>Places for images in a step: 16 a block, of which the last may hold blank ones.</summary>
    public int Slots { get; }

    /// <summary>Whole batches in the training images; the rest of an epoch's order is left out.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Of an epoch, or of a measurement of a part.</summary>
    public int MostSteps { get; }

    /// <summary>Steps of the epoch that are done.</summary>
    public int Position { get; private set; }

    /// <summary>[1]: the step of a run of steps, once <see cref="Advance"/> was there.</summary>
    public ArrayView<int> Step => _step;

    /// <summary>Which images such a step sees.</summary>
    public Course Course => new(_order, _step);

    /// <summary>[slots], -1 for blank.</summary>
    public ArrayView<int> Labels(int input) => _labels[input];

    /// <summary>Images of a part.</summary>
    public int Count(Part part) => _first[(int)part + 1] - _first[(int)part];

    /// <summary>Fetches the next batch.</summary>
    /// <param name="input">Where to, of the inputs.</param>
    /// <param name="rows">The same as rows, if anybody wants these; else empty.</param>
    public Operation Gather(int input, ArrayView<float> rows = default) => Kernels.Gather.Of(
        _memory.Device, "gather", _set, new(_order, _next), new(_inputs[input], rows, _labels[input]));

    /// <summary>Tells the other operations which step it is, and the next fetching that it is one further.</summary>
    public Operation Advance() => Counter.Advance(_memory.Device, _next, _step);

    /// <summary>Makes the device ready for the epoch's next steps; a new epoch begins where one ended.</summary>
    /// <param name="steps">As many as are wanted.</param>
    /// <returns>As many as the epoch has left.</returns>
    public int Prepare(int steps)
    {
        if (Position == StepsPerEpoch)
        {
            _memory.Upload<int>(_orders.NextEpoch(StepsPerEpoch), _order);
            Position = 0;
        }
        _memory.Upload([Position], _next);
        return Math.Min(steps, StepsPerEpoch - Position);
    }

    /// <summary>Says that so many steps were taken.</summary>
    public void Take(int steps) => Position += steps;

    /// <summary>The next step begins a new epoch, and the orders of images come as they came after construction.</summary>
    public void Restart()
    {
        _orders.Restart();
        Position = StepsPerEpoch;
    }

    /// <summary>Where the order of images stands; it can be put to where it stood before.</summary>
    public OrderPlace Place
    {
        get => new(_orders.Drawn, _orders.Views, Position);
        set
        {
            _memory.Upload<int>(_orders.Draw(value.Drawn, StepsPerEpoch), _order);
            (_orders.Views, Position) = (value.Views, value.Position);
        }
    }

    /// <summary>
    /// What an epoch shows of the images: see <see cref="ImageOrder.Views"/>; one that is under way ends here if that changes.
    /// </summary>
    public void Show(int views)
    {
        if (views != _orders.Views)
            Position = StepsPerEpoch;
        _orders.Views = views;
    }

    /// <summary>Goes through a part of the data set, all of it in one view.</summary>
    /// <param name="part">Of the data set.</param>
    /// <param name="view">See <see cref="Kernels.Gather"/>.</param>
    /// <param name="run">Runs so many steps, to their end.</param>
    public void InTurn(Part part, int view, Action<int> run)
    {
        int[] order = _orders.InTurn(_first[(int)part], Count(part), view);
        // An epoch that is under way has its order in the same buffer: what is left of it comes back after the measurement.
        int[] rest = Position < StepsPerEpoch ? _memory.Download(_order.SubView(0, StepsPerEpoch * Slots)) : [];
        _memory.Upload<int>(order, _order);
        _memory.Upload([0], _next);
        run(order.Length / Slots);
        _memory.Upload<int>(rest, _order);
    }

    /// <summary>Images of all parts, one after the other, as <see cref="Kernels.Gather"/> takes them.</summary>
    private static ArrayView<byte> Upload(DeviceMemory memory, TensorShape shape, DataSet[] parts)
    {
        var (room, images) = Kernels.Gather.Allocate(memory, shape, parts.Sum(p => p.Count));
        int atOnce = Math.Max(1, BytesAtOnce / shape.Features);
        byte[] some = new byte[atOnce * shape.Features];
        long at = 0;
        foreach (var part in parts)
        {
            for (int first = 0; first < part.Count; first += atOnce)
            {
                var next = some.AsSpan(0, Math.Min(atOnce, part.Count - first) * shape.Features);
                part.CopyTo(first, next);
                memory.Upload<byte>(next, images.SubView(at, next.Length));
                at += next.Length;
            }
        }
        return room;
    }
}
