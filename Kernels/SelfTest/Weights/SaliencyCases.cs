namespace Secateurs.Kernels.SelfTest;

/// <summary>Magnitudes times fourth roots, of moments that are zero, tiny and large.</summary>
internal static class SaliencyCases
{
    public static IEnumerable<SelfTestCase> All => Layers.Lengths.Select(Case);

    private static float[] Moment(int length) =>
        [.. new Numbers(2).Uniform(length).Select((u, i) => i % 5 == 0 ? 0 : u * u * MathF.Pow(10, -(i % 9)))];

    private static SelfTestCase Case(int length) => new(
        $"saliency of {length}",
        memory =>
        {
            var result = memory.Allocate<float>([.. Enumerable.Repeat(float.NaN, length)]);
            memory.Device.Run(Saliency.Of(
                memory.Device, memory.Allocate<float>(new Numbers(1).Uniform(length)), memory.Allocate<float>(Moment(length)), result));
            return [memory.Read(result)];
        },
        () =>
        {
            double[] want = Saliency.Reference(new Numbers(1).Uniform(length), Moment(length));
            // Five roundings; roots of some devices are good to two units only.
            return [new("saliency", want, [.. want.Select(s => 8 * Expected.Rounding * s)])];
        });
}
