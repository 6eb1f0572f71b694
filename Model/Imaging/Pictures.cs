using System.Diagnostics;

namespace Secateurs.Model.Imaging;

/// <summary>An image as a network takes it, (C, H, W), and what to call it.</summary>
public sealed record NamedImage(string Name, ReadOnlyMemory<byte> Pixels);

/// <summary>
/// Reads pictures for a network. One for images like MNIST's wants a single digit, in a photograph too, in the form of MNIST
/// (<see cref="MnistForm"/>): the paper is found (<see cref="Paper"/>), then the digit's ink on it (<see cref="Ink"/>), and a picture that
/// has that form already keeps its pixels. For any other a picture is scaled, and cut to the size around its middle. IDX files give all
/// their images as they are.
/// </summary>
/// <remarks>
/// A picture has at most <see cref="PictureFile.MostBytes"/> bytes and <see cref="PictureDecoder.MostPixels"/> pixels and is read within
/// <see cref="Limit"/>; an IDX file has at most <see cref="MostImages"/> images. More is refused before memory is taken for it.
/// </remarks>
public static class Pictures
{
    /// <summary>Images of one IDX file, and of one call of the program.</summary>
    public const int MostImages = 100_000;

    /// <summary>
    /// Against files that keep a decoder busy (in time of the processor, since others may hold it) and pipes into which nobody writes.
    /// What is honest takes a second at most.
    /// </summary>
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <param name="path">A picture or an IDX file.</param>
    /// <param name="shape">What the network is for.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="UserException">
    /// BadData: missing, unreadable, no picture, damaged, too large, or one that shows no single digit.
    /// </exception>
    /// <exception cref="OperationCanceledException">The caller asked to stop.</exception>
    public static IReadOnlyList<NamedImage> Read(string path, DataShape shape, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(shape);
        // A native decoder cannot be stopped: it works on a thread of its own, which is left behind and ends with the process.
        var work = Task.Factory.StartNew(
            () => ReadPicture(path, shape), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool isFile = FileStatus.Of(path) is { IsRegular: true };
        var worked = Environment.CpuUsage.TotalTime;
        var waited = Stopwatch.StartNew();
        while (Task.WaitAny([work], (int)Look.TotalMilliseconds, cancellation) < 0)
        {
            if ((isFile ? Environment.CpuUsage.TotalTime - worked : waited.Elapsed) > Limit)
                throw Bad(path, $"a picture that can be read within {Limit.TotalSeconds} s", "one that takes longer");
        }
        return work.GetAwaiter().GetResult() is { } pixels ? [new NamedImage(path, pixels)] : ReadIdx(path, shape, cancellation);
    }

    internal static UserException Bad(string path, string expected, string found, Exception? inner = null) =>
        new(ErrorKind.BadData, $"{path}: expected {expected}, found {found}", inner);

    /// <summary>The pixels, or null where the file is of IDX.</summary>
    private static byte[]? ReadPicture(string path, DataShape shape) => PictureFile.Read(path) is not { } bytes ? null
        : Mnist.IsLike(shape) ? MnistForm.Of(path, PictureDecoder.Decode(path, bytes))
        : shape.Channels is not (1 or 3) ? throw Bad(path, $"an IDX file for images of {shape.Channels} channels", "a picture")
        : PictureDecoder.Open(path, bytes).Planes(shape.Channels, (shape.Height, shape.Width));

    private static NamedImage[] ReadIdx(string path, DataShape shape, CancellationToken cancellation)
    {
        byte[] pixels = Idx.ReadImages(path, shape, MostImages, cancellation);
        return [.. pixels.Chunk(shape.BytesPerImage).Select((image, i) => new NamedImage($"{path}#{i}", image))];
    }
}
