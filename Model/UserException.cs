namespace Secateurs.Model;

/// <summary>What the program answers to the shell; the numbers are part of the command-line contract.</summary>
public enum ExitCode
{
    Done = 0,
    Failed = 1,
    Usage = 2,
    BadData = 3,
    BadFile = 4,
    Diverged = 5,
    Interrupted = 130,
}

/// <summary>
/// An error that the user can mend. <see cref="Exception.Message"/> is one line: what, where, what was expected, what was found.
/// The program prints it and ends with <see cref="Code"/>; every other exception is a defect of the program itself.
/// </summary>
public sealed class UserException : Exception
{
    public UserException(ExitCode code, string message, Exception? inner = null) : base(message, inner) => Code = code;

    public ExitCode Code { get; }
}
