using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Decoded pictures, kept in a file so that they are decoded once: a line of JSON, pixels and labels of both parts, and the SHA-256 of all
/// before. A folder has one such file for each size that it was read in; it counts as long as names, lengths, times and permissions of all
/// its pictures are as they were.
/// </summary>
internal static class PictureCache
{
    private const int LongestHeader = 64 << 20;

    /// <summary>What is kept, if it counts; else what is decoded, which is kept from now on.</summary>
    public static DecodedPictures Get(string path, Decoding pictures, DataOptions options, Func<DecodedPictures> decode)
    {
        if (options.Cache is not { } folder)
            return decode();
        string size = options.Size is { } s ? $"{s.Height}x{s.Width}" : "as they are";
        string file = Path.Combine(folder, Digest([$"{Path.GetFullPath(path)}\n{size}"])[..16] + ".pictures"), listing = Listing(pictures);
        if (Read(file, listing) is { } kept)
        {
            options.Say($"{path}: {pictures.Jobs.Count} pictures, decoded before ({file})");
            return kept;
        }
        var decoded = decode();
        try
        {
            AtomicFile.Write(file, stream => Write(stream, listing, decoded));
        }
        catch (UserException error)
        {
            options.Say($"decoded pictures are not kept: {error.Message}");
        }
        return decoded;
    }

    private sealed record Header(string Listing, int Channels, int Height, int Width, int Train, int Test, string[] Broken);

    private static string Listing(Decoding pictures) => Digest(pictures.Jobs.Select((job, i) =>
    {
        var info = new FileInfo(job.Path);
        info = info.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? info;
        string state = info.Exists ? $"{info.Length} {info.LastWriteTimeUtc.Ticks} {Mode(info)}" : "none";
        return string.Create(CultureInfo.InvariantCulture, $"{(i < pictures.Training ? 0 : 1)} {job.Label} {state} {job.Path}");
    }));

    private static string Mode(FileInfo info) => OperatingSystem.IsWindows() ? "" : $"{info.UnixFileMode}";

    private static string Digest(IEnumerable<string> lines)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string line in lines)
            hash.AppendData(Encoding.UTF8.GetBytes(line + "\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Write(Stream stream, string listing, DecodedPictures d)
    {
        var header = new Header(
            listing, d.Image.Channels, d.Image.Height, d.Image.Width, d.TrainLabels.Length, d.TestLabels.Length, [.. d.Broken]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] text = [.. JsonSerializer.SerializeToUtf8Bytes(header), (byte)'\n'];
        foreach (var part in (ReadOnlyMemory<byte>[])[text, d.Train, Bytes(d.TrainLabels), d.Test, Bytes(d.TestLabels)])
        {
            stream.Write(part.Span);
            hash.AppendData(part.Span);
        }
        stream.Write(hash.GetHashAndReset());
    }

    /// <summary>Null where nothing is kept, of other pictures, or in a file that is damaged.</summary>
    private static DecodedPictures? Read(string path, string listing)
    {
        try
        {
            if (!File.Exists(path) || FileStatus.Of(path) is { IsRegular: false })
                return null;
            using var file = File.OpenRead(path);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var line = new MemoryStream();
            for (int b; (b = file.ReadByte()) >= 0 && b != '\n' && line.Length < LongestHeader;)
                line.WriteByte((byte)b);
            if (JsonSerializer.Deserialize<Header>(line.ToArray()) is not { } header || header.Listing != listing)
                return null;
            hash.AppendData([.. line.ToArray(), (byte)'\n']);
            var image = new TensorShape(header.Channels, header.Height, header.Width);
            long bytes = (long)image.Features * (header.Train + (long)header.Test);
            long labels = sizeof(int) * (header.Train + (long)header.Test);
            if (bytes > DataSet.MostBytes || file.Length - file.Position != bytes + labels + SHA256.HashSizeInBytes)
                return null;
            byte[] train = Take(header.Train * image.Features), trainLabels = Take(header.Train * sizeof(int));
            byte[] test = Take(header.Test * image.Features), testLabels = Take(header.Test * sizeof(int));
            byte[] digest = new byte[SHA256.HashSizeInBytes];
            file.ReadExactly(digest);
            return hash.GetHashAndReset().AsSpan().SequenceEqual(digest)
                ? new DecodedPictures(image, train, Numbers(trainLabels), test, Numbers(testLabels), header.Broken) : null;

            byte[] Take(int length)
            {
                byte[] part = new byte[length];
                file.ReadExactly(part);
                hash.AppendData(part);
                return part;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
        {
            return null;
        }
    }

    private static byte[] Bytes(int[] labels) => MemoryMarshal.AsBytes<int>(labels).ToArray();

    private static int[] Numbers(byte[] labels) => MemoryMarshal.Cast<byte, int>(labels).ToArray();
}
