using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>Which images of a data set do what in a run; every image is in one part.</summary>
/// <param name="Training">Weights learn from them.</param>
/// <param name="Validation">Decisions are made on them.</param>
/// <param name="Certification">
/// Networks are certified on them when all is decided (<see cref="Certificate"/>); none where nothing is to be certified.
/// </param>
/// <param name="Test">Reports are made on them.</param>
public sealed record DataParts(DataSet Training, DataSet Validation, DataSet Certification, DataSet Test)
{
    /// <summary>
    /// Divides a data set as options ask: the seed of the run decides what is set aside, <see cref="PruneOptions.Split"/> what is for the
    /// test.
    /// </summary>
    /// <exception cref="UserException">Usage: more is set aside than there is.</exception>
    public static DataParts Of(ImageData data, PruneOptions options)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        var drawn = data.Redrawn(options.Split);
        var (training, aside) = drawn.Train.Split(options.Validation, options.Seed);
        var (validation, certification) = aside.Cut(options.Confidence > 0 ? aside.Count / 2 : aside.Count);
        return new DataParts(training, validation, certification, drawn.Test);
    }
}
