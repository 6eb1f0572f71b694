using Secateurs.Model;
using Secateurs.Model.Imaging;
using SkiaSharp;

namespace Tests.ModelTests.Imaging;

/// <summary>Damaged files of every format: each is refused as bad data or gives an image.</summary>
public sealed class PicturesFuzzTests : IDisposable
{
    private const ulong Seed = 20250117;
    private const int Mutations = 150;

    private static readonly double[,] Drawn = Drawing.Paint(Drawing.Framed('2', 24), 250, 10);

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Formats => ["png", "jpeg", "webp", "gif", "bmp", "tga"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_mutation_is_refused_or_an_image(string format)
    {
        byte[] whole = format switch
        {
            "png" => PictureBytes.Png(Drawn),
            "jpeg" => PictureBytes.Encode(Drawn, SKEncodedImageFormat.Jpeg),
            "webp" => PictureBytes.Encode(Drawn, SKEncodedImageFormat.Webp),
            "gif" => PictureBytes.Gif(Drawn),
            "bmp" => PictureBytes.Bmp(Drawn),
            _ => PictureBytes.Tga(Drawn, kind: 10, depth: 24, fromTop: true),
        };
        var random = new Random64(Seed);
        int refused = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutant = [.. whole];
            for (int n = random.NextInt(4); n >= 0; n--)
                mutant[random.NextInt(random.NextInt(2) == 0 ? Math.Min(64, mutant.Length) : mutant.Length)] = (byte)random.NextInt(256);
            string path = _folder.Write("mutant", random.NextInt(8) == 0 ? mutant[..random.NextInt(mutant.Length)] : mutant);
            try
            {
                Assert.All(
                    Pictures.Read(path, Mnist.Shape, TestContext.Current.CancellationToken),
                    image => Assert.Equal(784, image.Pixels.Length));
            }
            catch (UserException error) when (error.Kind == ErrorKind.BadData)
            {
                refused++;
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {Seed}, mutation {i}: {error}");
            }
        }
        Assert.InRange(refused, 1, Mutations);
    }

    [Fact]
    public void Every_size_and_shape_is_refused_or_an_image()
    {
        var random = new Random64(Seed);
        for (int i = 0; i < 100; i++)
        {
            int width = i % 10 == 0 ? 1 : 1 + random.NextInt(60), height = i % 10 == 1 ? 1000 : 1 + random.NextInt(60);
            byte[] pixels = [.. Enumerable.Range(0, width * height).Select(_ => (byte)(random.NextInt(8) == 0 ? random.NextInt(256) : i))];
            string path = _folder.Write("noise.png", PictureBytes.Png(pixels, width, height));
            try
            {
                Assert.Equal(784, Assert.Single(Pictures.Read(path, Mnist.Shape, TestContext.Current.CancellationToken)).Pixels.Length);
            }
            catch (UserException error)
            {
                Assert.Equal(ErrorKind.BadData, error.Kind);
            }
        }
    }
}
