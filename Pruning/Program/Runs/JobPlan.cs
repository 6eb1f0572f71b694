using Secateurs.Model;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Runs;

/// <summary>A part of a job.</summary>
/// <param name="Name">What begins it: dense, hand-set, dynamic ..., in a study with the unit's own.</param>
/// <param name="Epochs">What it is expected to take, in epochs of dense training.</param>
/// <param name="IsCounted">Whether it is so many epochs by itself; else its end depends on what is found, and its time tells.</param>
internal sealed record JobPart(string Name, double Epochs, bool IsCounted);

/// <summary>
/// What a command is going to do. How long a search takes depends on what it finds, so its length is that of other searches: 3.8 times
/// <see cref="PruneOptions.Epochs"/> on lenet-300-100 (n = 5), 7 times on lenet-5 (n = 5), counted in epochs of dense training
/// (Results/dynamic).
/// </summary>
internal static class JobPlan
{
    private const double SearchEffort = 6;

    /// <summary>Tries of a walk by hand: four that keep to a budget, and the one that does not.</summary>
    private const int UsualTries = 5;

    /// <summary>
    /// Tries of a search for shared values, and those of each layer: 22 to 25 in all on lenet-300-100's three (n = 4, Results/compress).
    /// </summary>
    private const int UsualCompressions = 12, UsualCompressionsOfLayer = 4;

    public const string DenseName = "dense", CompressName = "compress";

    public static JobPart Dense(PruneOptions options) => new(DenseName, options.DenseEpochs, true);

    public static JobPart OneTry(PruneOptions options) => new(HandSetPruning.MethodName, options.Epochs, true);

    public static JobPart Walk(PruneOptions options, string name = HandSetPruning.MethodName) =>
        new(name, UsualTries * options.Epochs, true);

    /// <summary>Where weights go, those that stay are trained before their values are.</summary>
    public static JobPart Compress(CompressOptions options, NetworkDescription network)
    {
        int layers = network.Layers.Count(l => l.Slice is not null);
        int tries = options.Bits is null ? UsualCompressions + UsualCompressionsOfLayer * layers : 1;
        return new(CompressName, (options.Dropped > 0 ? 2 : 1) * tries * options.Epochs, true);
    }

    /// <summary>A search by measured accuracy, or the way to a ratio.</summary>
    public static JobPart Search(PruneOptions options, string name) => new(name, SearchEffort * options.Epochs, false);
}
