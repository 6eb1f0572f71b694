using ILGPU;

namespace Secateurs.Kernels.SelfTest;

/// <summary>Between plain (N, C, H, W) arrays and tensors of [N/16][C][H][W][16] with a border.</summary>
internal static class Images
{
    /// <summary>What no kernel may write: results are looked for in memory filled with it.</summary>
    public const float Untouched = 12345;

    /// <summary>A tensor that holds plain images.</summary>
    /// <param name="memory">Owns the buffer.</param>
    /// <param name="plain">(N, C, H, W).</param>
    /// <param name="shape">C, H, W and the border's width.</param>
    /// <param name="border">
    /// The border's value: 0 where it is a convolution's padding; something poisonous where nobody may read it.
    /// </param>
    /// <param name="blank">Value of the images that fill the last block.</param>
    public static Tensor Upload(this DeviceMemory memory, float[] plain, TensorShape shape, float border, float blank)
    {
        int images = plain.Length / shape.Features;
        var tensor = memory.AllocateTensor(shape, images);
        var data = new float[tensor.Blocks * shape.BlockStride];
        Array.Fill(data, border);
        for (int n = 0; n < tensor.Blocks * Layout.Lanes; n++)
            for (int i = 0; i < shape.Features; i++)
                data[At(n, i, shape)] = n < images ? plain[n * shape.Features + i] : blank;
        memory.Upload<float>(data, tensor.Data);
        return tensor;
    }

    /// <summary>A tensor for a result, filled with <see cref="Untouched"/>, border and all.</summary>
    public static Tensor Result(this DeviceMemory memory, TensorShape shape, int images) =>
        memory.Upload([.. Enumerable.Repeat(Untouched, images * shape.Features)], shape, Untouched, Untouched);

    /// <summary>
    /// The plain images of a tensor made by <see cref="Result"/>, after a look at its border unless that is free to change.
    /// </summary>
    public static double[] Read(this DeviceMemory memory, Tensor tensor, int images, bool borderStays = true)
    {
        var shape = tensor.Shape;
        float[] data = memory.Download(tensor.Data);
        var plain = new double[images * shape.Features];
        for (int n = 0; n < tensor.Blocks * Layout.Lanes; n++)
            for (int i = 0; i < shape.Features; i++)
            {
                int at = At(n, i, shape);
                if (n < images)
                    plain[n * shape.Features + i] = data[at];
                data[at] = Untouched;
            }
        if (borderStays && Array.Exists(data, v => v != Untouched))
            throw new SelfTestException($"a kernel wrote into the border of {shape}");
        return plain;
    }

    public static double[] Read(this DeviceMemory memory, ArrayView<float> view) => [.. memory.Download(view).Select(v => (double)v)];

    public static double[] Read(this DeviceMemory memory, ArrayView<int> view) => [.. memory.Download(view).Select(v => (double)v)];

    /// <summary>What the weight gradient wants beside x: rows on the CPU accelerator, nothing on a GPU.</summary>
    public static ArrayView<float> Rows(this DeviceMemory memory, Tensor x)
    {
        if (!memory.Device.RunsOnHost)
            return default;
        var rows = memory.Allocate<float>((long)x.Blocks * Layout.Lanes * Transpose.Pitch(x.Shape.Features));
        memory.Device.Run(Transpose.Of(memory.Device, "rows", x, rows));
        return rows;
    }

    /// <summary>Where value i of image n lies.</summary>
    private static int At(int n, int i, TensorShape s) =>
        n / Layout.Lanes * s.BlockStride + s.Offset(i / (s.Height * s.Width), i / s.Width % s.Height, i % s.Width) + n % Layout.Lanes;
}
