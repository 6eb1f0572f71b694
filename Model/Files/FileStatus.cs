using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Secateurs.Model;

/// <summary>
/// What a path leads to, links followed: .NET tells files from folders, but not a file from a device or a pipe, and not one file
/// from another that took its name. Asked of the runtime's own library, which has the same record on every Unix.
/// </summary>
/// <param name="Mode">Kind and permissions, as stat(2) has them.</param>
/// <param name="Device">On which the file lies.</param>
/// <param name="Index">The file's number there.</param>
internal readonly record struct FileStatus(int Mode, long Device, long Index)
{
    private const int KindMask = 0xF000, Regular = 0x8000;

    /// <summary>The library's own numbers of what open(2) is told.</summary>
    private const int ReadWrite = 2, CloseOnExec = 0x10, NoFollow = 0x200;

    public bool IsRegular => (Mode & KindMask) == Regular;

    /// <summary>Null where nothing is there, or where the platform has no such call.</summary>
    public static FileStatus? Of(string path) => Ask((out Record record) => Stat(path, out record));

    /// <summary>
    /// Of what a path leads to where the file is served: NFS asks its server for what is opened, but may answer <see cref="Of(string)"/>
    /// from memory for half a minute. A link is not followed.
    /// </summary>
    public static FileStatus? Served(string path)
    {
        using var opened = Open(path, ReadWrite | CloseOnExec | NoFollow, 0);
        return opened.IsInvalid ? null : Ask((out Record record) => FStat(opened, out record));
    }

    /// <summary>Of an open file.</summary>
    public static FileStatus? Of(FileStream file) => Ask((out Record record) => FStat(file.SafeFileHandle, out record));

    private delegate int Call(out Record record);

    private static FileStatus? Ask(Call call)
    {
        if (OperatingSystem.IsWindows())
            return null;
        try
        {
            return call(out var record) == 0 ? new FileStatus(record.Mode, record.Device, record.Index) : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The beginning of the library's record; what follows is left out by its size.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Record
    {
        [FieldOffset(4)] public int Mode;
        [FieldOffset(88)] public long Device;
        [FieldOffset(104)] public long Index;
    }

#pragma warning disable SYSLIB1054 // a record of 256 bytes, not worth a source generator's partial methods
    [DllImport(
        "libSystem.Native", EntryPoint = "SystemNative_Stat", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int Stat([MarshalAs(UnmanagedType.LPUTF8Str)] string path, out Record record);

    [DllImport(
        "libSystem.Native", EntryPoint = "SystemNative_Open", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern SafeFileHandle Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, int mode);

    [DllImport("libSystem.Native", EntryPoint = "SystemNative_FStat")]
    private static extern int FStat(SafeHandle file, out Record record);
#pragma warning restore SYSLIB1054
}
