using Secateurs.Model;
using Secateurs.Model.Imaging;

namespace Tests.ModelTests.Imaging;

/// <summary>Reads picture files that are made in memory.</summary>
internal sealed class PictureFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Combine(string name) => _folder.Combine(name);

    /// <summary>The pixels of the one image that the file gives.</summary>
    public byte[] Read(byte[] file) => Assert.Single(Read(_folder.Write("picture", file))).Pixels.ToArray();

    public byte[] Read(double[,] grey) => Read(PictureBytes.Png(grey));

    /// <summary>What is said where the file is refused as bad data.</summary>
    public string Refused(byte[] file) => Refused(_folder.Write("picture", file));

    public string Refused(double[,] grey) => Refused(PictureBytes.Png(grey));

    public static IReadOnlyList<NamedImage> Read(string path) => Pictures.Read(path, Mnist.Shape, TestContext.Current.CancellationToken);

    public static string Refused(string path) => Refusal.Message(ErrorKind.BadData, path, () => Read(path));

    public void Dispose() => _folder.Dispose();
}
