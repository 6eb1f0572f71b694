namespace Secateurs.Pruning.Coding;

/// <summary>
/// A layer as the models see it: one row for each output; columns are channels of Height x Width positions. A fully connected layer
/// behind K outputs that divide its inputs reads K channels, flattened channel first; the first one reads one image. Positions
/// that form no square are channels of their own. The geometry only guides the probabilities; any shape can be coded.
/// </summary>
internal readonly record struct Geometry(int Rows, int Channels, int Height, int Width)
{
    public int Area => Height * Width;
    public int Columns => Channels * Area;

    /// <param name="previousRows">outputs of the layer before, 0 for the first layer</param>
    public static Geometry Of(int[] shape, int previousRows)
    {
        if (shape.Length == 4)
            return new Geometry(shape[0], shape[1], shape[2], shape[3]);
        int channels = previousRows > 0 && shape[1] % previousRows == 0 ? previousRows : 1;
        int side = (int)Math.Sqrt(shape[1] / channels);
        return channels * side * side == shape[1] ? new Geometry(shape[0], channels, side, side) : new Geometry(shape[0], shape[1], 1, 1);
    }

    /// <summary>The number of weights, or null if the shape has not 2 or 4 sizes of at least 1 or is larger than any file holds.</summary>
    public static int? Weights(int[] shape)
    {
        if (shape.Length is not (2 or 4))
            return null;
        long weights = 1;
        foreach (int size in shape)
        {
            if (size < 1 || (weights *= size) > CodedNetwork.MaxWeights)
                return null;
        }
        return (int)weights;
    }
}
