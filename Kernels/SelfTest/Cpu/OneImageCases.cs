namespace Secateurs.Kernels.SelfTest;

/// <summary>Loading, sums, means, pooling and answers of a single image; rows shorter and longer than a vector, borders.</summary>
internal static class OneImageCases
{
    private static readonly (TensorShape Shape, int Size, int Padding)[] Shapes =
        [(new(1, 28, 28, 2), 2, 0), (new(3, 5, 7), 2, 1), (new(2, 9, 40), 3, 0), (new(4, 2, 2), 2, 0), (new(7, 1, 1), 1, 0)];

    private static readonly TensorShape Colour = new(3, 5, 7);

    private static readonly (int Channels, int Height, int Width, int[] Borders, int Border)[] Sums =
        [(3, 5, 7, [0, 2], 1), (2, 4, 40, [1, 0, 1], 0), (9, 1, 1, [0, 1], 0)];

    public static IEnumerable<SelfTestCase> All =>
    [
        .. Sums.SelectMany(s => (SelfTestCase[])[SumCase(s, relu: false), SumCase(s, relu: true)]),
        .. Shapes.Select(s => new SelfTestCase(
            $"one image mean {s.Shape.Channels}x{s.Shape.Height}x{s.Shape.Width} border {s.Shape.Padding} to border {s.Padding}",
            memory =>
            {
                var y = new RowImage(memory, TensorShape.Vector(s.Shape.Channels) with { Padding = s.Padding });
                memory.Device.Run(GlobalAveragePool.ForwardOne(memory.Device, "test", memory.UploadRows(Values(s.Shape), s.Shape), y));
                return [memory.Read(y)];
            },
            () =>
            [
                Expected.Sums(
                    "y", GlobalAveragePool.Reference.Forward(Values(s.Shape), s.Shape.Channels),
                    GlobalAveragePool.Reference.Forward(Numbers.Absolute(Values(s.Shape)), s.Shape.Channels),
                    s.Shape.Height * s.Shape.Width),
            ], onHostOnly: true)),
        .. Shapes.Select(s => new SelfTestCase(
            $"one image loaded {s.Shape.Channels}x{s.Shape.Height}x{s.Shape.Width} border {s.Shape.Padding}",
            memory =>
            {
                var x = new RowImage(memory, s.Shape);
                var normalization = memory.Allocate<float>(Normalization(s.Shape));
                memory.Device.Run(OneImage.Load(memory.Device, "test", memory.Allocate<byte>(Bytes(s.Shape)), normalization, x));
                return [memory.Read(x)];
            },
            () => [Expected.Exactly("x", Bytes(s.Shape).Select((b, i) => Normalized(s.Shape, b, i)))], onHostOnly: true)),
        new SelfTestCase(
            "one image loaded as a vector of features",
            memory =>
            {
                var x = new RowImage(memory, TensorShape.Vector(Colour.Features));
                var normalization = memory.Allocate<float>(Normalization(Colour));
                memory.Device.Run(OneImage.Load(memory.Device, "test", memory.Allocate<byte>(Bytes(Colour)), normalization, x));
                return [memory.Read(x)];
            },
            () => [Expected.Exactly("x", Bytes(Colour).Select((b, i) => Normalized(Colour, b, i)))], onHostOnly: true),
        .. Shapes.Select(s => new SelfTestCase(
            $"one image pool {s.Shape.Channels}x{s.Shape.Height}x{s.Shape.Width} border {s.Shape.Padding} "
                + $"windows {s.Size} border {s.Padding}",
            memory =>
            {
                var y = new RowImage(memory, MaxPool.Output(s.Shape, s.Size, s.Padding));
                memory.Device.Run(OneImage.Pool(memory.Device, "test", memory.UploadRows(Values(s.Shape), s.Shape), s.Size, y));
                return [memory.Read(y)];
            },
            () =>
            [
                Expected.Exactly("y", MaxPool.Reference.Forward(Values(s.Shape), s.Shape.Channels, s.Shape.Height, s.Shape.Width, s.Size)
                    .Select(v => (double)v)),
            ], onHostOnly: true)),
        new SelfTestCase(
            "one image answer",
            memory =>
            {
                var (row, classes) = (memory.Allocate<float>(10), memory.Allocate<int>(1));
                var logits = memory.UploadRows(Logits, TensorShape.Vector(10));
                memory.Device.Run(OneImage.Answer(memory.Device, "test", logits, row, classes));
                return [memory.Read(row), memory.Read(classes)];
            },
            () => [Expected.Exactly("row", Logits.Select(v => (double)v)), Expected.Exactly("class", [1])], onHostOnly: true),
    ];

    private static SelfTestCase SumCase((int Channels, int Height, int Width, int[] Borders, int Border) s, bool relu)
    {
        var shape = new TensorShape(s.Channels, s.Height, s.Width);
        float[] Operand(int i) => new Numbers(i + 3).Eighths(shape.Features);
        return new(
            $"one image sum {s.Channels}x{s.Height}x{s.Width} borders {string.Join(' ', s.Borders)} to {s.Border}{(relu ? " relu" : "")}",
            memory =>
            {
                var y = new RowImage(memory, shape with { Padding = s.Border });
                RowImage[] x = [.. s.Borders.Select((b, i) => memory.UploadRows(Operand(i), shape with { Padding = b }))];
                memory.Device.Run(OneImage.Sum(memory.Device, "test", x, relu, y));
                return [memory.Read(y)];
            },
            () =>
            [
                Expected.Exactly("y", Enumerable.Range(0, shape.Features)
                    .Select(f => s.Borders.Select((_, i) => (double)Operand(i)[f]).Sum()).Select(v => relu ? Math.Max(0, v) : v)),
            ], onHostOnly: true);
    }

    private static float[] Logits => [-1, 3, 2, 3, 0, 1, -5, 3, 2, 1];

    private static byte[] Bytes(TensorShape shape) => [.. new Numbers(1).Integers(shape.Features, 256).Select(v => (byte)v)];

    private static float[] Values(TensorShape shape) => new Numbers(2).Eighths(shape.Features);

    /// <summary>A plain image (C, H, W) in rows; what lies between them must not matter, and the border is zero.</summary>
    public static RowImage UploadRows(this DeviceMemory memory, float[] plain, TensorShape shape)
    {
        var image = new RowImage(memory, shape);
        float[] data = [.. Enumerable.Repeat(shape.Padding > 0 ? 0 : Images.Untouched, (int)image.Data.Length)];
        for (int i = 0; i < plain.Length; i++)
            data[image.Offset(i / (shape.Height * shape.Width), i / shape.Width % shape.Height, i % shape.Width)] = plain[i];
        memory.Upload<float>(data, image.Data);
        return image;
    }

    /// <summary>The plain image, after a look at its border.</summary>
    public static double[] Read(this DeviceMemory memory, RowImage image)
    {
        var s = image.Shape;
        float[] data = memory.Download(image.Data);
        var plain = new double[s.Features];
        for (int i = 0; i < plain.Length; i++)
        {
            int at = image.Offset(i / (s.Height * s.Width), i / s.Width % s.Height, i % s.Width);
            (plain[i], data[at]) = (data[at], 0);
        }
        if (s.Padding > 0 && Array.Exists(data, v => v != 0))
            throw new SelfTestException($"an operation wrote into the border of {s}");
        return plain;
    }

    /// <summary>Exact in float, whatever the byte.</summary>
    private static float[] Normalization(TensorShape shape) =>
        [.. Enumerable.Range(0, shape.Channels).SelectMany(c => new[] { 0.125f * (c + 1), -c })];

    private static double Normalized(TensorShape shape, byte value, int index)
    {
        int channel = index / (shape.Height * shape.Width);
        return 0.125 * (channel + 1) * value - channel;
    }
}
