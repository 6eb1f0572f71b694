namespace Secateurs.Model;

/// <summary>What an error is about.</summary>
public enum ErrorKind
{
    /// <summary>What was asked for is sound, but could not be done: a full disk, a missing library.</summary>
    Failed,

    /// <summary>A value that was asked for cannot be had here.</summary>
    Usage,

    /// <summary>Images or labels that are missing, damaged or of another form.</summary>
    BadData,

    /// <summary>A file of a network or of a run that is missing, damaged or foreign.</summary>
    BadFile,

    /// <summary>Training came to a loss that is not finite.</summary>
    Diverged,
}

/// <summary>
/// An error that the user can mend. <see cref="Exception.Message"/> is one line: what, where, what was expected, what was found.
/// Every other exception is a defect, or the operating system's or the device's own.
/// </summary>
public sealed class UserException : Exception
{
    public UserException(ErrorKind kind, string message, Exception? inner = null) : base(message, inner) => Kind = kind;

    public ErrorKind Kind { get; }

    /// <summary>
    /// The parameter or property whose value would have to be another; null where that does not follow from the error. A message that is
    /// about its value alone begins with it and a colon.
    /// </summary>
    public string? Parameter { get; init; }
}
