namespace Secateurs.Model.Imaging;

/// <summary>The bytes of a picture, from a file or a pipe, never more than <see cref="MostBytes"/>.</summary>
internal static class PictureFile
{
    public const int MostBytes = 64 << 20;

    /// <summary>The content, or null where a regular file holds IDX, plain or as gzip: that has a reader of its own.</summary>
    /// <exception cref="UserException">BadData: missing, a folder, not readable, or too long.</exception>
    public static byte[]? Read(string path)
    {
        if (Directory.Exists(path))
            throw Unreadable(path, "a folder");
        try
        {
            // Others may write to it meanwhile: a picture that comes torn is refused as such.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            // Devices and pipes have no length of their own.
            long length = file.CanSeek ? file.Length : 0;
            byte[] head = new byte[4];
            int found = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
            if (length > 0 && IsIdx(head))
                return null;
            using var content = new MemoryStream((int)Math.Min(length, MostBytes));
            content.Write(head, 0, found);
            byte[] buffer = new byte[1 << 16];
            while (length <= MostBytes && content.Length <= MostBytes && (found = file.Read(buffer)) > 0)
                content.Write(buffer, 0, found);
            return length <= MostBytes && content.Length <= MostBytes ? content.ToArray()
                : throw Pictures.Bad(path, $"a picture of at most {MostBytes >> 20} MB", "a longer file");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Unreadable(path, "none", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw Unreadable(path, "no permission to read it", e);
        }
        catch (IOException e)
        {
            throw Unreadable(path, e.Message, e);
        }
    }

    /// <summary>Gzip, or two zeros, a type and the number of dimensions; TGA has a zero in the last place.</summary>
    private static bool IsIdx(byte[] head) => head is [0x1F, 0x8B, ..] or [0, 0, >= 0x08 and <= 0x0E, not 0];

    private static UserException Unreadable(string path, string found, Exception? inner = null) =>
        Pictures.Bad(path, "a readable picture or IDX file", found, inner);
}
