using System.Globalization;
using System.Text.Json.Serialization;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>How weights follow gradients.</summary>
public enum Optimizer
{
    /// <summary>Kingma and Ba 2015.</summary>
    Adam,

    /// <summary>Stochastic gradient descent with momentum.</summary>
    Sgd,

    /// <summary>
    /// <see cref="Sgd"/> of a network with batch normalisation where no learning rate is given, else <see cref="Adam"/>.
    /// </summary>
    Auto,
}

/// <summary>What training shows of its images besides what they are: see <see cref="Augmentation"/>.</summary>
public enum Augment
{
    /// <summary>Both of colours, nothing of grey.</summary>
    Auto,

    /// <summary>Nothing.</summary>
    None,

    /// <summary>Moved by up to 4 pixels.</summary>
    Crop,

    /// <summary>Mirrored.</summary>
    Flip,

    /// <summary>Moved and mirrored.</summary>
    Both,
}

/// <summary>What a pruning run is asked for. The same defaults for every network and data set.</summary>
/// <remarks>
/// But for what follows from kinds of layers (<see cref="For(NetworkDescription)"/>) and from colours (<see cref="Augment"/>).
/// </remarks>
public sealed record PruneOptions
{
    /// <summary>A known name or a line of layers; where a network is given, its name.</summary>
    public string Network { get; init; } = "lenet-300-100";

    /// <summary>Of the split into training and validation images, the first weights and the order of images.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>See <see cref="ImageData.Redrawn"/>: which images are for the test; 0 for the set's own division.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong Split { get; init; }

    /// <summary>Images per step.</summary>
    public int Batch { get; init; } = 64;

    /// <summary>
    /// Training images set aside for decisions and certificates; of a set of fewer than 50,000 without other orders a fifth.
    /// </summary>
    public int Validation { get; init; } = UsualValidation;

    private const int UsualValidation = 10_000, ValidationShare = 5;

    /// <summary>
    /// Dynamic pruning: how sure it is to be that new images lose no more than the budget, above 0.5 and below 1: half of what is set aside
    /// stays untouched until all is decided, and a network is certified on it (<see cref="Certificate"/>); 0: nothing is certified.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Confidence { get; init; }

    /// <summary>Epochs of dense training.</summary>
    public int DenseEpochs { get; init; } = 20;

    /// <summary>Effort: epochs that a network pruned by hand-set thresholds is retrained for; dynamic pruning scales with it.</summary>
    public int Epochs { get; init; } = 8;

    /// <summary>Peak learning rate; 0 for the usual one of the optimizer.</summary>
    public double LearningRate { get; init; }

    /// <summary>Usual peak learning rates, and a usual <see cref="WeightDecay"/> of <see cref="Optimizer.Sgd"/>.</summary>
    public const double AdamRate = 1e-3, SgdRate = 0.1, SgdDecay = 1e-3;

    /// <summary>Of dense training, and of retraining by hand; dynamic pruning goes by Adam's moments.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public Optimizer Optimizer { get; init; } = Optimizer.Auto;

    /// <summary>μ of <see cref="Optimizer.Sgd"/>; null for 0.9.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? Momentum { get; init; }

    /// <summary>L2 factor of dense training, and of retraining by hand; null for the usual one of the optimizer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? WeightDecay { get; init; }

    /// <summary>Part of a label that all classes share while a network learns.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double LabelSmoothing { get; init; }

    /// <summary>What training shows of its images besides what they are.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public Augment Augment { get; init; }

    /// <summary>
    /// The budget: points of accuracy on the validation images that pruning may cost; dynamic pruning serves several in one search.
    /// </summary>
    public Budgets MaxDrop { get; init; } = new(0.1);

    /// <summary>Total / kept that is asked for instead of a budget; 0 where none is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double TargetRatio { get; init; }

    /// <summary>Hand-set pruning: threshold of a layer = sensitivity x deviation of its weights.</summary>
    public double Sensitivity { get; init; } = 1;

    /// <summary>
    /// Dynamic pruning: learning rate of the way down, and the peak of annealing; below a ratio of 20 less, as √(ratio / 20).
    /// </summary>
    public double PruneRate { get; init; } = 4e-3;

    /// <summary>Dynamic pruning: L2 factor of the way down; below a ratio of 20 less, as √(ratio / 20).</summary>
    public double Decay { get; init; } = 5e-4;

    /// <summary>
    /// Dynamic pruning: total / kept where the way down begins; 0 for half of what the dense network bears without training.
    /// </summary>
    public double FirstRatio { get; init; }

    /// <summary>
    /// Dynamic pruning: ends with the first network within the budget that has this total / kept or more; 0 goes on to the lightest.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Enough { get; init; }

    /// <summary>Dynamic pruning: ratios within this factor are not told apart.</summary>
    public double Resolution { get; init; } = 1.15;

    /// <summary>Dynamic pruning: epochs of the way down from all weights to a hundredth of them, in units of Epochs.</summary>
    public double PathShare { get; init; } = 3;

    /// <summary>Dynamic pruning: the dense network's share in teaching the light one (knowledge distillation); 0 for none.</summary>
    public double TeacherShare { get; init; } = 0.3;

    /// <summary>Dynamic pruning: temperature of the teacher's answers.</summary>
    public double Temperature { get; init; } = 1.5;

    /// <summary>The same where nobody said how many images are set aside, for a set of training images.</summary>
    public PruneOptions For(DataSet train)
    {
        ArgumentNullException.ThrowIfNull(train);
        return this with { Validation = Math.Min(Validation, Math.Max(1, train.Count / ValidationShare)) };
    }

    /// <summary>The same with what follows from a network's layers where nobody said: optimizer, learning rate, weight decay.</summary>
    public PruneOptions For(NetworkDescription network)
    {
        ArgumentNullException.ThrowIfNull(network);
        bool normalised = network.Layers.Any(l => l.Kind is BatchNormalizationLayer);
        var optimizer = Optimizer != Optimizer.Auto ? Optimizer
            : normalised && LearningRate == 0 ? Optimizer.Sgd : Optimizer.Adam;
        bool sgd = optimizer == Optimizer.Sgd;
        return this with
        {
            Optimizer = optimizer,
            LearningRate = LearningRate > 0 ? LearningRate : sgd ? SgdRate : AdamRate,
            WeightDecay = WeightDecay ?? (sgd ? SgdDecay : null),
        };
    }

    /// <summary>What a trainer is built with, on images of a shape. It has Adam's moments, whatever the optimizer.</summary>
    public TrainerOptions Training(DataShape data)
    {
        ArgumentNullException.ThrowIfNull(data);
        bool colour = Augment == Augment.Auto && data.Channels > 1;
        int shift = colour || Augment is Augment.Crop or Augment.Both ? Augmentation.UsualShift(data) : 0;
        bool mirror = colour || Augment is Augment.Flip or Augment.Both;
        var usual = new TrainerOptions(Batch, Seed: Seed);
        return usual with
        {
            Momentum = Momentum ?? usual.Momentum,
            LabelSmoothing = LabelSmoothing,
            Augmentation = shift > 0 || mirror ? new Augmentation(shift, mirror) : Augmentation.None,
        };
    }

    /// <summary>The optimizer as a trainer has it.</summary>
    internal UpdateRule Rule => Optimizer == Optimizer.Sgd ? UpdateRule.Momentum : UpdateRule.Adam;

    /// <summary>That a run can be made of these; what depends on the data or the network is looked at where that is known.</summary>
    /// <exception cref="UserException">Usage: a property with a value that it cannot have.</exception>
    internal void Check()
    {
        AtLeast(nameof(Validation), Validation, 1);
        AtLeast(nameof(DenseEpochs), DenseEpochs, 1);
        AtLeast(nameof(Epochs), Epochs, 1);
        AtLeast(nameof(MaxDrop), MaxDrop.Values.DefaultIfEmpty(double.NaN).Min(), 0);
        AtLeast(nameof(LearningRate), LearningRate, 0);
        AtLeast(nameof(Temperature), Temperature, 0.1);
        AtLeast(nameof(PathShare), PathShare, 0.01);
        AtLeast(nameof(Resolution), Resolution, 1.001);
        if (Confidence is not (0 or > 0.5 and < 1))
            throw Wrong(nameof(Confidence), $"more than 0.5 and less than 1, or 0 for no certificate, found {Confidence}");
        if (Confidence > 0)
            AtLeast(nameof(Validation), Validation, 2);
    }

    private static void AtLeast(string name, double value, double least)
    {
        if (!(value >= least))
            throw Wrong(name, $"at least {least}, found {value}");
    }

    private static UserException Wrong(string name, FormattableString expected) =>
        new(ErrorKind.Usage, $"{name}: expected {expected.ToString(CultureInfo.InvariantCulture)}") { Parameter = name };
}
