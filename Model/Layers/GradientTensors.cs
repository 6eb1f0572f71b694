using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// The tensors of a step's gradients: of each value, and of what each layer wants of the value that it reads.
/// </summary>
/// <remarks>
/// Where several layers read a value, each has its part of the gradient, and the parts are added up before the layer that gave the value
/// goes back. What a sum wants of each branch is the gradient of its own output, so of a value that a sum alone reads there is no other.
/// Gradients that would take much memory are used up: a layer's update follows its backward pass, and then another gradient of that shape
/// may lie where its own was.
/// </remarks>
internal sealed class GradientTensors
{
    private readonly NetworkDescription _network;
    private readonly int[] _ofValue, _wanted;
    private readonly List<int>[] _parts;
    private readonly List<Life> _lives = [];
    private readonly Tensor[] _tensors;

    /// <param name="memory">Where they are.</param>
    /// <param name="network">Whose they are.</param>
    /// <param name="batch">Images of a step.</param>
    /// <param name="together">On the CPU accelerator: bytes of gradients that are kept until all layers have gone back.</param>
    public GradientTensors(DeviceMemory memory, NetworkDescription network, int batch, long together)
    {
        _network = network;
        _ofValue = new int[network.Shapes.Count];
        _wanted = new int[network.Layers.Count];
        _parts = [.. network.Shapes.Select(_ => new List<int>())];
        for (int value = _ofValue.Length - 1; value > 0; value--)
            ShareOut(value);
        long bytes = _lives.Sum(l => (long)Layout.Blocks(batch) * l.Shape.BlockStride * sizeof(float));
        AreUsedUp = memory.Device.RunsOnHost && bytes > together;
        _tensors = AreUsedUp ? InTurn(memory, batch) : [.. _lives.Select(l => memory.AllocateTensor(l.Shape, batch))];
    }

    /// <summary>Whether the update of a layer must follow its backward pass at once.</summary>
    public bool AreUsedUp { get; }

    /// <summary>The whole gradient of a value that is not the image.</summary>
    public Tensor Of(int value) => _tensors[_ofValue[value]];

    /// <summary>Where a layer's backward pass puts its part of the gradient of what it reads; empty where that is the image.</summary>
    public Tensor Wanted(NetworkLayer layer) => layer.ReadsImage || layer.Kind is SumLayer ? default : _tensors[_wanted[layer.Index]];

    /// <summary>What is added up to a value's gradient; none where one layer writes all of it, or where it is a sum's own.</summary>
    public IReadOnlyList<Tensor> Parts(int value) => [.. _parts[value].Select(p => _tensors[p])];

    /// <summary>Finds a place for a value's gradient and for what each reader wants of it; readers' own were found before.</summary>
    private void ShareOut(int value)
    {
        var shape = _network.Shapes[value];
        var readers = _network.Readers(value);
        int giver = value - 1;
        if (readers is [{ Kind: SumLayer, Inputs: var inputs } sum] && inputs.Count(i => i == value) == 1
            && !_network.Layers[giver].Relu && _network.Shapes[sum.Value] == shape)
        {
            _ofValue[value] = _ofValue[sum.Value];
            Read(_ofValue[value], giver);
            return;
        }
        int own = _ofValue[value] = New(shape);
        bool taken = false;
        foreach (var reader in readers)
        {
            if (reader.Kind is SumLayer)
            {
                _parts[value].AddRange(reader.Inputs.Where(i => i == value).Select(_ => _ofValue[reader.Value]));
                continue;
            }
            // The one in its place comes first, so that it is read before the sum is written over it.
            int part = _wanted[reader.Index] = taken ? New(shape) : own;
            _parts[value].Insert(taken ? _parts[value].Count : 0, part);
            Written(part, reader.Index);
            taken = true;
        }
        if (taken && _parts[value].Count == 1)
            _parts[value].Clear();
        if (!taken)
            Written(own, readers.Count == 0 ? _network.Layers.Count : giver);
        foreach (int part in _parts[value])
            Read(part, giver);
        Read(own, giver);
    }

    private int New(TensorShape shape)
    {
        _lives.Add(new Life(shape));
        return _lives.Count - 1;
    }

    private void Written(int tensor, int layer) => _lives[tensor].First = Math.Max(_lives[tensor].First, layer);

    private void Read(int tensor, int layer) => _lives[tensor].Last = Math.Min(_lives[tensor].Last, layer);

    /// <summary>Each where one of its shape was that is no more read when it is written, of several the one read last.</summary>
    private Tensor[] InTurn(DeviceMemory memory, int batch)
    {
        var tensors = new Tensor[_lives.Count];
        var places = new List<(Tensor Tensor, int Last)>();
        foreach (int i in Enumerable.Range(0, _lives.Count).OrderByDescending(i => _lives[i].First))
        {
            var life = _lives[i];
            var free = places.Where(p => p.Tensor.Shape == life.Shape && p.Last > life.First).OrderBy(p => p.Last).ToArray();
            if (free.Length > 0)
                places.Remove(free[0]);
            tensors[i] = free.Length > 0 ? free[0].Tensor : memory.AllocateTensor(life.Shape, batch);
            places.Add((tensors[i], life.Last));
        }
        return tensors;
    }

    /// <summary>
    /// From the layer that writes a tensor first to the one that reads it last; layers go back from the last to the first. The first layer
    /// writes none, so what its update reads of the pooling behind it stays.
    /// </summary>
    private sealed class Life(TensorShape shape)
    {
        public TensorShape Shape => shape;

        public int First { get; set; } = -1;

        public int Last { get; set; } = int.MaxValue;
    }
}
