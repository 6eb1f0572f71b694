using System.Diagnostics;

namespace Secateurs.Model.Imaging;

/// <summary>An image in the form of MNIST, (28, 28), 0 = paper and 255 = ink, and what to call it.</summary>
public sealed record NamedImage(string Name, ReadOnlyMemory<byte> Pixels);

/// <summary>
/// Reads pictures of a single digit, photographs too, and gives them the form of MNIST (<see cref="MnistForm"/>): the paper is found
/// (<see cref="Paper"/>), then the digit's ink on it (<see cref="Ink"/>). A picture that has that form already keeps its pixels. IDX files
/// give all their images as they are.
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

    /// <exception cref="UserException">
    /// BadData: missing, unreadable, no picture, damaged, too large, or one that shows no single digit.
    /// </exception>
    /// <exception cref="OperationCanceledException">The caller asked to stop.</exception>
    public static IReadOnlyList<NamedImage> Read(string path, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // A native decoder cannot be stopped: it works on a thread of its own, which is left behind and ends with the process.
        var work = Task.Factory.StartNew(
            () => ReadPicture(path), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool isFile = FileStatus.Of(path) is { IsRegular: true };
        var worked = Environment.CpuUsage.TotalTime;
        var waited = Stopwatch.StartNew();
        while (Task.WaitAny([work], (int)Look.TotalMilliseconds, cancellation) < 0)
        {
            if ((isFile ? Environment.CpuUsage.TotalTime - worked : waited.Elapsed) > Limit)
                throw Bad(path, $"a picture that can be read within {Limit.TotalSeconds} s", "one that takes longer");
        }
        return work.GetAwaiter().GetResult() is { } pixels ? [new NamedImage(path, pixels)] : ReadIdx(path, cancellation);
    }

    internal static UserException Bad(string path, string expected, string found, Exception? inner = null) =>
        new(ErrorKind.BadData, $"{path}: expected {expected}, found {found}", inner);

    /// <summary>The pixels, or null where the file is of IDX.</summary>
    private static byte[]? ReadPicture(string path) =>
        PictureFile.Read(path) is { } bytes ? MnistForm.Of(path, PictureDecoder.Decode(path, bytes)) : null;

    private static NamedImage[] ReadIdx(string path, CancellationToken cancellation)
    {
        byte[] pixels = Idx.ReadImages(path, Mnist.Shape, MostImages, cancellation);
        return [.. pixels.Chunk(Mnist.Shape.BytesPerImage).Select((image, i) => new NamedImage($"{path}#{i}", image))];
    }
}
