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
}
