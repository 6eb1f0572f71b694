namespace Secateurs.Kernels;

/// <summary>
/// What a GPU's thread works on: a quad of images of one place of a map, a pixel or a window. Neighbouring threads have the quads of a
/// block, then neighbouring places.
/// </summary>
internal readonly struct MapQuad
{
    /// <summary>Number of the map among the channels of all blocks, which lie one behind the other; row and column of the place.</summary>
    public readonly int Map, Row, Column;

    /// <summary>Number of the quad in its block.</summary>
    public readonly int Number;

    /// <param name="thread">Number of the thread.</param>
    /// <param name="rows">Of places in a map.</param>
    /// <param name="columns">Places of a row.</param>
    public MapQuad(int thread, int rows, int columns)
    {
        (int place, Number) = Operation.Divide(thread, Quad.PerBlock);
        (int row, Column) = Operation.Divide(place, columns);
        (Map, Row) = Operation.Divide(row, rows);
    }

    /// <summary>The values of a tensor.</summary>
    public MapQuad(int thread, TensorShape shape) : this(thread, shape.Height, shape.Width) { }

    /// <summary>Threads for all values of a tensor.</summary>
    public static long Threads(Tensor tensor) => (long)tensor.Blocks * tensor.Shape.Features * Quad.PerBlock;

    /// <summary>Whether there is such a map; threads are rounded up.</summary>
    public bool Exists(Tensor tensor) => Map < tensor.Blocks * tensor.Shape.Channels;

    /// <summary>Where the place lies, in quads.</summary>
    public int Offset(TensorShape shape) => Offset(shape, Row, Column);

    /// <summary>Where (h, w) of the map lies, in quads.</summary>
    public int Offset(TensorShape shape, int h, int w) => shape.Offset(Map, h, w) / Quad.Images + Number;
}
