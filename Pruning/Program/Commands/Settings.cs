using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary>What reads a setting: the parts that a run is made of.</summary>
[Flags]
internal enum Readers
{
    DenseTraining = 1,
    HandSet = 2,
    Dynamic = 4,
    Target = 8,
    Path = Dynamic | Target,
    Methods = HandSet | Dynamic | Target,
    All = DenseTraining | Methods,
}

/// <summary>An option of the command line that sets a property of <see cref="PruneOptions"/>.</summary>
internal abstract record Setting(Option Option, Readers Readers)
{
    public abstract PruneOptions Apply(Invocation invocation, PruneOptions options);
}

/// <inheritdoc cref="Setting"/>
internal sealed record Setting<T>(Option<T> Typed, Readers Readers, Func<PruneOptions, T, PruneOptions> Set) : Setting(Typed, Readers)
{
    public override PruneOptions Apply(Invocation invocation, PruneOptions options) => Set(options, invocation.Get(Typed));
}

/// <summary>
/// What a run can be told, each with name, meaning, range, default and readers once: a new property of <see cref="PruneOptions"/> needs one
/// entry here.
/// </summary>
internal static class Settings
{
    private static readonly PruneOptions Default = new();

    public static readonly Setting<string> Network = new(
        Options.Text(
            "--network", "NAME", $"{string.Join(", ", NetworkDescription.Known.Keys)}, or \"fc64r fc10\"",
            Default.Network),
        Readers.All, (o, v) => o with { Network = v });

    public static readonly Setting<ulong> Seed = Number(
        "--seed", "of the split, the first weights and the order of images", Default.Seed, 0UL, ulong.MaxValue, Readers.All,
        (o, v) => o with { Seed = v });

    public static readonly Setting<ulong> Split = Number(
        "--split", "draws the test images anew from all images by this seed; 0: the set's own division", Default.Split, 0UL,
        ulong.MaxValue, Readers.All, (o, v) => o with { Split = v });

    public static readonly Setting<int> Validation = Number(
        "--validation", "training images set aside for decisions; of fewer than 50,000 a fifth", Default.Validation, 1, 1_000_000,
        Readers.All, (o, v) => o with { Validation = v });

    public static readonly Setting<int> Batch = Number(
        "--batch", "images per step", Default.Batch, 1, 4096, Readers.All, (o, v) => o with { Batch = v });

    /// <summary>For a command that only trains, --epochs are its epochs; elsewhere that is --dense-epochs.</summary>
    public static readonly Setting TrainEpochs = Number(
        "--epochs", "epochs of training", Default.DenseEpochs, 1, 100_000, Readers.DenseTraining, (o, v) => o with { DenseEpochs = v });

    public static readonly Setting Epochs = Number(
        "--epochs", "effort: epochs of retraining by hand; dynamic pruning scales with it", Default.Epochs, 1, 100_000, Readers.Methods,
        (o, v) => o with { Epochs = v });

    public static readonly Setting<double> TargetRatio = Number(
        "--target-ratio", "total / kept: the best accuracy at this ratio, instead of a budget", 0.0, 0.0, 1e9, Readers.Target,
        (o, v) => o with { TargetRatio = v });

    public static readonly Setting Sensitivity = Number(
        "--sensitivity", "hand-set: threshold of a layer = this x deviation of its weights", Default.Sensitivity, 0, 100, Readers.HandSet,
        (o, v) => o with { Sensitivity = v });

    public static readonly Setting<Budgets> MaxDrop = new(
        Options.Numbers(
            "--max-drop", "points of validation accuracy to lose at most; dynamic: also several, as 0.1,0.5",
            Default.MaxDrop.Values, 0.0, 100.0, values => new Budgets(values)),
        Readers.HandSet | Readers.Dynamic, (o, v) => o with { MaxDrop = v });

    private static readonly Setting Confidence = Number(
        "--confidence", "dynamic: how sure new images are to lose no more, as 0.9; 0: no certificate", Default.Confidence,
        0, 0.9999, Readers.Dynamic, Sure);

    public static readonly Setting<double> LearningRate = Number(
        "--learning-rate",
        $"peak of the schedule, by hand a tenth with sgd; 0: {PruneOptions.AdamRate} with adam, {PruneOptions.SgdRate} with sgd",
        Default.LearningRate, 0, 10,
        Readers.DenseTraining | Readers.HandSet, (o, v) => o with { LearningRate = v });

    public static readonly Setting<string> Optimizer = new(
        Options.Choice(
            "--optimizer", "of dense training, retraining by hand; auto: sgd with batch normalisation", "auto", "adam", "sgd"),
        Readers.DenseTraining | Readers.HandSet,
        (o, v) => o with { Optimizer = Enum.Parse<Pruning.Methods.Optimizer>(v, ignoreCase: true) });

    public static readonly Setting<double> Momentum = Number(
        "--momentum", "of sgd (Nesterov's)", UsualMomentum, 0, 0.9999, Readers.DenseTraining | Readers.HandSet,
        (o, v) => o with { Momentum = v == UsualMomentum ? null : v });

    private static readonly Setting<double> WeightDecay = Number(
        "--weight-decay", $"L2 factor of dense training and of retraining by hand; with sgd {PruneOptions.SgdDecay}", 0.0, 0, 1,
        Readers.DenseTraining | Readers.HandSet, (o, v) => o with { WeightDecay = v });

    private const double UsualMomentum = 0.9;

    /// <summary>What dense training needs.</summary>
    public static IReadOnlyList<Setting> Dense { get; } =
    [
        Network,
        Seed,
        Split,
        Batch,
        Validation,
        LearningRate,
        Optimizer,
        Momentum,
        WeightDecay,
        Number("--label-smoothing", "part of a label that all classes share in training", 0.0, 0, 1, Readers.All,
            (o, v) => o with { LabelSmoothing = v }),
        new Setting<string>(
            Options.Choice("--augment", "images also moved (crop), mirrored (flip) or both; auto: both of colours", "auto", "none", "crop",
                "flip", "both"),
            Readers.All, (o, v) => o with { Augment = Enum.Parse<Augment>(v, ignoreCase: true) }),
    ];

    /// <summary>The controller's constants, the same for every network and data set: for experiments with it; users need none.</summary>
    public static IReadOnlyList<Setting> Controller { get; } =
    [
        Number("--prune-rate", "dynamic: learning rate of the way down, less below 20x, and the peak of annealing", Default.PruneRate, 1e-7,
            10, Readers.Path, (o, v) => o with { PruneRate = v }),
        Number("--decay", "dynamic: L2 factor of the way down, less below 20x", Default.Decay, 0, 1, Readers.Path,
            (o, v) => o with { Decay = v }),
        Number("--first-ratio", "dynamic: total / kept where the way down begins; 0: half of what dense bears", Default.FirstRatio,
            0, 10_000, Readers.Dynamic, FirstRatio),
        Number("--teacher-share", "dynamic: the dense network's share in teaching; 0 for none", Default.TeacherShare, 0, 1, Readers.Path,
            (o, v) => o with { TeacherShare = v }),
        Number("--temperature", "dynamic: temperature of the teacher's answers", Default.Temperature, 0.1, 100, Readers.Path,
            (o, v) => o with { Temperature = v }),
        Number("--path-share", "dynamic: epochs of the way down to 1/100 of the weights, in units of --epochs", Default.PathShare,
            0.01, 1000, Readers.Path, (o, v) => o with { PathShare = v }),
        Number("--resolution", "dynamic: ratios within this factor are not told apart", Default.Resolution, 1.001, 100,
            Readers.Dynamic, (o, v) => o with { Resolution = v }),
    ];

    /// <summary>What moving thresholds by measured accuracy needs besides.</summary>
    public static IReadOnlyList<Setting> Dynamic { get; } =
    [
        Epochs,
        Number("--dense-epochs", "epochs of dense training", Default.DenseEpochs, 1, 100_000, Readers.DenseTraining,
            (o, v) => o with { DenseEpochs = v }),
        MaxDrop,
        Confidence,
        Number("--enough", "dynamic: ends at this total / kept within the budget; 0 goes on to the lightest", Default.Enough, 0, 1e9,
            Readers.Dynamic, (o, v) => o with { Enough = v }),
        .. Controller,
    ];

    /// <summary>How a user brings a reader about.</summary>
    private static readonly (Readers Reader, string How)[] Hows =
    [
        (Readers.DenseTraining, "without --model"), (Readers.HandSet, $"with --method {HandSetPruning.MethodName}"),
        (Readers.Dynamic, "with --method dynamic"), (Readers.Target, "with --target-ratio"),
    ];

    /// <summary>What was given, on top of other options.</summary>
    /// <exception cref="UserException">Usage: options that contradict each other.</exception>
    public static PruneOptions Read(Invocation invocation, IEnumerable<Setting> settings, PruneOptions options)
    {
        options = settings.Aggregate(options, (o, s) => s.Apply(invocation, o));
        if (options.Optimizer != Pruning.Methods.Optimizer.Sgd && invocation.IsGiven(Momentum.Option))
        {
            throw new UserException(
                ErrorKind.Usage, $"{Momentum.Option.Name}: expected with {Optimizer.Option.Name} sgd, found "
                + invocation.Get(Optimizer.Typed));
        }
        return invocation.IsGiven(WeightDecay.Option) ? options : options with { WeightDecay = null };
    }

    /// <summary>Refuses an option that was given and that nothing reads.</summary>
    /// <param name="invocation">What was given.</param>
    /// <param name="settings">Of the command.</param>
    /// <param name="readers">The parts of its run.</param>
    /// <exception cref="UserException">Usage.</exception>
    public static void RefuseIdle(Invocation invocation, IEnumerable<Setting> settings, Readers readers)
    {
        if (settings.FirstOrDefault(s => (s.Readers & readers) == 0 && invocation.IsGiven(s.Option)) is not { } idle)
            return;
        var expected = Hows.Where(h => idle.Readers.HasFlag(h.Reader)).Select(h => h.How);
        string[] model = idle.Readers.HasFlag(Readers.DenseTraining) ? ["with --model"] : [];
        var chosen = (idle.Readers & Readers.Methods) == 0 ? 0 : readers & Readers.Methods;
        var methods = Hows.Where(h => chosen.HasFlag(h.Reader)).Select(h => h.How);
        string found = string.Join(" and ", model.Concat(methods));
        throw new UserException(ErrorKind.Usage, $"{idle.Option.Name}: expected {string.Join(" or ", expected)}, found {found}");
    }

    private static PruneOptions FirstRatio(PruneOptions options, double value) => value is > 0 and <= 1
        ? throw new UserException(
            ErrorKind.Usage, string.Create(CultureInfo.InvariantCulture, $"--first-ratio: expected 0 or more than 1, found {value}"))
        : options with { FirstRatio = value };

    private static PruneOptions Sure(PruneOptions options, double value) => value is > 0 and <= 0.5
        ? throw new UserException(
            ErrorKind.Usage, string.Create(CultureInfo.InvariantCulture, $"--confidence: expected 0 or more than 0.5, found {value}"))
        : options with { Confidence = value };

    private static Setting<T> Number<T>(
        string name, string description, T value, T minimum, T maximum, Readers readers, Func<PruneOptions, T, PruneOptions> set)
        where T : struct, INumber<T> => new(Options.Number(name, description, value, minimum, maximum), readers, set);
}
