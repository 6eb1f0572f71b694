using Secateurs.Model;

namespace Tests.ModelTests;

/// <summary>What every refusal of a user's file has in common.</summary>
internal static class Refusal
{
    /// <summary>
    /// The action ends in a user error of this kind whose message is one line with file, expected and found; returns the line.
    /// </summary>
    public static string Message(ErrorKind kind, string path, Action action) => Of(kind, path, action).Message;

    /// <summary>The same; returns the error.</summary>
    public static UserException Of(ErrorKind kind, string path, Action action)
    {
        var error = Assert.Throws<UserException>(action);
        Assert.Equal(kind, error.Kind);
        Assert.StartsWith($"{path}: expected ", error.Message);
        Assert.Contains(", found ", error.Message);
        Assert.DoesNotContain('\n', error.Message);
        return error;
    }
}
