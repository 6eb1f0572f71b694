using Secateurs.Model;

namespace Secateurs.Program;

/// <summary>What the program answers to the shell; the numbers are part of the command-line contract.</summary>
internal enum ExitCode
{
    Done = 0,
    Failed = 1,
    Usage = 2,
    BadData = 3,
    BadFile = 4,
    Diverged = 5,
    Interrupted = 130,
}

/// <summary>What an error of the library means to the shell.</summary>
internal static class ExitCodes
{
    public static ExitCode Of(ErrorKind kind) => kind switch
    {
        ErrorKind.Failed => ExitCode.Failed,
        ErrorKind.Usage => ExitCode.Usage,
        ErrorKind.BadData => ExitCode.BadData,
        ErrorKind.BadFile => ExitCode.BadFile,
        ErrorKind.Diverged => ExitCode.Diverged,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>What another process of this program ended with; Failed where it did not end by itself.</summary>
    public static ErrorKind Kind(int code) => Enum.GetValues<ErrorKind>().FirstOrDefault(k => (int)Of(k) == code, ErrorKind.Failed);
}
