namespace Pruning.Methods;

/// <summary>What a pruning run is asked for. The same defaults for every network and data set.</summary>
public sealed record PruneOptions
{
    public string Network { get; init; } = "lenet-300-100";
    public ulong Seed { get; init; } = 1;

    /// <summary>Images per step.</summary>
    public int Batch { get; init; } = 64;

    /// <summary>Training images set aside for decisions.</summary>
    public int Validation { get; init; } = 5000;

    /// <summary>Epochs of dense training.</summary>
    public int DenseEpochs { get; init; } = 12;

    /// <summary>Epochs of pruning and retraining at most; for a hand-set threshold: of each retraining.</summary>
    public int Epochs { get; init; } = 40;

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>The budget: points of accuracy on the validation images that pruning may cost.</summary>
    public double MaxDrop { get; init; } = 0.1;

    /// <summary>Hand-set pruning: threshold of a layer = sensitivity x deviation of its weights.</summary>
    public double Sensitivity { get; init; } = 1;

    /// <summary>Dynamic pruning: learning rate while thresholds rise.</summary>
    public double PruneRate { get; init; } = 2e-3;

    /// <summary>Dynamic pruning: L2 factor.</summary>
    public double Decay { get; init; } = 5e-4;

    /// <summary>Dynamic pruning: epochs from one judgement to the next.</summary>
    public double CycleEpochs { get; init; } = 8;

    /// <summary>Dynamic pruning: the part of a cycle in which thresholds rise.</summary>
    public double RisingPart { get; init; } = 0.5;

    /// <summary>Dynamic pruning: total / kept that the first cycle aims at.</summary>
    public double FirstRatio { get; init; } = 10;

    /// <summary>Dynamic pruning: what a reached aim is multiplied by, until the first is missed.</summary>
    public double RatioStep { get; init; } = 2;

    /// <summary>Dynamic pruning: ends when the lightest good and the heaviest bad aim are within this factor.</summary>
    public double Resolution { get; init; } = 1.15;
}
