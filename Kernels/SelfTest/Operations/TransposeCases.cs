namespace Secateurs.Kernels.SelfTest;

/// <summary>Activations as rows of images: feature counts around 16 and 32; what fills a row up stays as it was.</summary>
internal static class TransposeCases
{
    private static readonly (int Images, int Features)[] Shapes = [(1, 1), (16, 32), (17, 31), (33, 65), (64, 100)];

    public static IEnumerable<SelfTestCase> All => Shapes.Select(s => Case(s.Images, s.Features));

    /// <summary>[N][pitch] of plain (N, C).</summary>
    public static IEnumerable<double> Rows(float[] plain, int features, float fill) => plain.Chunk(features)
        .SelectMany(row => row.Concat(Enumerable.Repeat(fill, Transpose.Pitch(features) - features))).Select(v => (double)v);

    private static SelfTestCase Case(int images, int features)
    {
        // The images that fill the last block are transposed too.
        int slots = Layout.Blocks(images) * Layout.Lanes;
        float[] Source() => new Numbers(1).Uniform(slots * features);
        return new(
            $"transpose {images} images {features} features",
            memory =>
            {
                var target = memory.Allocate<float>([.. Enumerable.Repeat(Images.Untouched, slots * Transpose.Pitch(features))]);
                memory.Device.Run(Transpose.Of(memory.Device, "test", memory.Upload(Source(), TensorShape.Vector(features), 0, 0), target));
                return [memory.Read(target)];
            },
            () => [Expected.Exactly("target", Rows(Source(), features, Images.Untouched))],
            onHostOnly: true);
    }
}
