using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Model;
using Pruning.Methods;

namespace Pruning.Commands;

/// <summary>An option of the command line that sets a property of <see cref="PruneOptions"/>.</summary>
internal abstract record Setting(Option Option)
{
    public abstract PruneOptions Apply(Invocation invocation, PruneOptions options);
}

/// <inheritdoc cref="Setting"/>
internal sealed record Setting<T>(Option<T> Typed, Func<PruneOptions, T, PruneOptions> Set) : Setting(Typed)
{
    public override PruneOptions Apply(Invocation invocation, PruneOptions options) => Set(options, invocation.Get(Typed));
}

/// <summary>What a run can be told, each with name, meaning, range and default once: a new property of <see cref="PruneOptions"/> needs one entry here.</summary>
internal static class Settings
{
    private static readonly PruneOptions Default = new();

    public static readonly Setting<string> Network = new(
        Options.Text("--network", "NAME", $"{string.Join(", ", NetworkDescription.Known.Keys)}, or layers such as \"conv8@5r pool2 fc64r fc10\"", Default.Network),
        (o, v) => o with { Network = v });

    public static readonly Setting<ulong> Seed = Number(
        "--seed", "of the split, the first weights and the order of images", Default.Seed, 0UL, ulong.MaxValue, (o, v) => o with { Seed = v });

    public static readonly Setting<int> Validation = Number(
        "--validation", "training images set aside for decisions", Default.Validation, 1, 1_000_000, (o, v) => o with { Validation = v });

    public static readonly Setting<int> Batch = Number("--batch", "images per step", Default.Batch, 1, 4096, (o, v) => o with { Batch = v });

    /// <summary>For a command that only trains, --epochs are its epochs; elsewhere that is --dense-epochs.</summary>
    public static readonly Setting TrainEpochs = Number(
        "--epochs", "epochs of training", Default.DenseEpochs, 1, 100_000, (o, v) => o with { DenseEpochs = v });

    public static readonly Setting Epochs = Number(
        "--epochs", "effort: epochs of retraining with a hand-set threshold; dynamic pruning scales with it", Default.Epochs, 1, 100_000,
        (o, v) => o with { Epochs = v });

    public static readonly Setting<double> TargetRatio = Number(
        "--target-ratio", "total / kept: the best accuracy at this ratio, instead of the lightest network within --max-drop; 0 for none", 0.0, 0.0, 1e9,
        (o, v) => o with { TargetRatio = v });

    public static readonly Setting Sensitivity = Number(
        "--sensitivity", "static: threshold of a layer = sensitivity x deviation of its weights", Default.Sensitivity, 0, 100,
        (o, v) => o with { Sensitivity = v });

    public static readonly Setting<Budgets> MaxDrop = new(
        Options.Numbers(
            "--max-drop", "points of validation accuracy that pruning may cost; prune --method dynamic takes several, as 0.1,0.5, for one search: the smallest writes its model to --out, others theirs to --out/drop-0.5",
            Default.MaxDrop.Values, 0.0, 100.0, values => new Budgets(values)),
        (o, v) => o with { MaxDrop = v });

    public static IReadOnlyList<Setting> Controller { get; } = [];

    /// <summary>What dense training needs.</summary>
    public static IReadOnlyList<Setting> Dense { get; } =
    [
        Network,
        Seed,
        Batch,
        Validation,
        Number("--learning-rate", "peak of the schedule", Default.LearningRate, 1e-7, 10, (o, v) => o with { LearningRate = v }),
    ];

    /// <summary>What moving thresholds by measured accuracy needs besides.</summary>
    public static IReadOnlyList<Setting> Dynamic { get; } =
    [
        Epochs,
        Number("--dense-epochs", "epochs of dense training", Default.DenseEpochs, 1, 100_000, (o, v) => o with { DenseEpochs = v }),
        MaxDrop,
        Number("--prune-rate", "dynamic: peak learning rate of a cycle of the usual length", Default.PruneRate, 1e-7, 10, (o, v) => o with { PruneRate = v }),
        Number("--decay", "dynamic: L2 factor of a cycle of the usual length", Default.Decay, 0, 1, (o, v) => o with { Decay = v }),
        Number("--first-ratio", "dynamic: total / kept of the first network that is retrained; 0 for twice what the dense network bears without", Default.FirstRatio, 0, 10_000,
            (o, v) => v is > 0 and <= 1 ? throw new UserException(ExitCode.Usage, string.Create(CultureInfo.InvariantCulture, $"--first-ratio: expected 0 or more than 1, found {v}"))
                : o with { FirstRatio = v }),
        Number("--enough", "dynamic: ends with the first network within the budget that has this total / kept or more; 0 goes on to the lightest", Default.Enough, 0, 1e9, (o, v) => o with { Enough = v }),
        Number("--teacher-share", "dynamic: the dense network's share in teaching the light one; 0 for none", Default.TeacherShare, 0, 1, (o, v) => o with { TeacherShare = v }),
        Number("--temperature", "dynamic: temperature of the teacher's answers", Default.Temperature, 0.1, 100, (o, v) => o with { Temperature = v }),
        Number("--cycle-share", "dynamic: epochs of a cycle per unit of its ratio, up to 160, in units of --epochs", Default.CycleShare, 0.001, 100, (o, v) => o with { CycleShare = v }),
        Number("--resolution", "dynamic: ends when the lightest good and the heaviest bad aim are within this factor", Default.Resolution, 1.001, 100, (o, v) => o with { Resolution = v }),
    ];

    private static Setting<T> Number<T>(string name, string description, T value, T minimum, T maximum, Func<PruneOptions, T, PruneOptions> set)
        where T : struct, INumber<T> => new(Options.Number(name, description, value, minimum, maximum), set);
}
