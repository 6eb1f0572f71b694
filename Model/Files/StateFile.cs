using System.Globalization;

namespace Secateurs.Model;

/// <summary>
/// A <see cref="TrainerState"/> in a safetensors file of its own kind, bit by bit and as small as in memory: live entries and a bit for
/// each that is not. Written by a run for itself, to go on from.
/// </summary>
public static class StateFile
{
    private const string UpdatesName = "updates";

    /// <summary>Writes the file atomically.</summary>
    /// <exception cref="UserException">Failed: it cannot be written.</exception>
    public static void Save(string path, TrainerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var texts = new Dictionary<string, string>(state.Parameters.Texts)
        {
            [UpdatesName] = state.Updates.ToString(CultureInfo.InvariantCulture),
        };
        SafeTensors.Write(path, [.. state.Parameters.Tensors()], texts);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="UserException">BadFile: missing, damaged or another kind of file.</exception>
    public static TrainerState Load(string path)
    {
        try
        {
            // Not bounded as a model file of a user's: moments take twice as much again.
            using var content = File.OpenRead(path);
            var file = SafeTensors.Read(path, content);
            file.DemandDigest();
            return new TrainerState(
                new ParameterState(file), long.Parse(file.Metadata[UpdatesName], CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is KeyNotFoundException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw BadModel.Of(path, "a training state of this program", e.Message, e);
        }
    }
}
