using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Import;

/// <summary>What a piece of an imported network does.</summary>
internal enum PieceKind
{
    /// <summary>The images, prepared by constants of the file.</summary>
    Image,

    /// <summary>A layer of this program.</summary>
    Layer,

    /// <summary>max(0, x), until it is part of a layer.</summary>
    Relu,

    /// <summary>A constant a channel is added, until it is part of a layer.</summary>
    Shift,
}

/// <summary>A piece of a network that is imported: what an operator does to one image, or to what other pieces give.</summary>
internal sealed class Piece
{
    public required PieceKind Kind { get; init; }

    /// <summary>Where it comes from, for messages; null for the images.</summary>
    public OnnxNode? Node { get; init; }

    /// <summary>Pieces that it reads.</summary>
    public Piece[] Inputs { get; init; } = [];

    /// <summary>(C, H, W) of what it gives for an image.</summary>
    public required TensorShape Shape { get; init; }

    /// <summary>Of a layer.</summary>
    public LayerDescription? Layer { get; set; }

    /// <summary>
    /// Parameters in the order of the layer's own; of a shift what is added, of the images scale and shift, one a channel.
    /// </summary>
    public float[][] Values { get; set; } = [];

    public int Channels => Shape.Channels;
}
