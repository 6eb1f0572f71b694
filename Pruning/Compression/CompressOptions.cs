using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Methods;

namespace Secateurs.Pruning.Compression;

/// <summary>What compressing a pruned network is asked for. The same defaults for every network.</summary>
public sealed record CompressOptions
{
    /// <summary>
    /// Bits of a weight index in every layer, pruned included: 2^bits - 1 shared values. Null: how many is found, layer by layer.
    /// </summary>
    public int? Bits { get; init; }

    /// <summary>The entropy coder.</summary>
    public Coder Coder { get; init; } = Coder.Range;

    /// <summary>Epochs that the shared values are trained for in each try.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>
    /// Points of validation accuracy that pruning and compression may cost together, against the dense network; where none is given, that
    /// compression alone may cost against the network that comes in.
    /// </summary>
    public double MaxDrop { get; init; } = new PruneOptions().MaxDrop.Least;

    /// <summary>
    /// Bytes that the file may have: the search ends at the first that has no more. Null: as small as the budget bears. It ends earlier
    /// than that, or goes on beyond the budget, by weights that go, unless <see cref="IsBudgetFirm"/> or <see cref="Dropped"/> is given;
    /// what comes out may still be larger.
    /// </summary>
    public int? TargetBytes { get; init; }

    /// <summary>Whether the budget is kept even where the file stays larger than <see cref="TargetBytes"/>.</summary>
    public bool IsBudgetFirm { get; init; }

    /// <summary>Peak learning rate of the shared values.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>The share of the network that comes in, in teaching the shared one (knowledge distillation); 0 for none.</summary>
    public double TeacherShare { get; init; } = 0.7;

    /// <summary>Temperature of its answers.</summary>
    public double Temperature { get; init; } = new PruneOptions().Temperature;

    /// <summary>
    /// Mantissa bits that shared values and biases keep; 23 is all of fp32. Null: found where <see cref="Bits"/> are, else 23.
    /// </summary>
    public int? MantissaBits { get; init; }

    /// <summary>
    /// Bits of a bias index where biases are shared too; 0: each is kept. Null: found where <see cref="Bits"/> are, else 0.
    /// </summary>
    public int? BiasBits { get; init; }

    /// <summary>
    /// Percent of each layer's live weights that go because they save more bits than accuracy (<see cref="RateDistortion"/>). Null: found
    /// where <see cref="Bits"/> are, else 0.
    /// </summary>
    public int? Dropped { get; init; }
}
