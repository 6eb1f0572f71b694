using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>What a trainer is built with.</summary>
/// <param name="Batch">Images per step.</param>
/// <param name="Rule">The optimizer to begin with, Adam or momentum.</param>
/// <param name="Seed">Of initialisation and of the order of images.</param>
public sealed record TrainerOptions(int Batch = 64, UpdateRule Rule = UpdateRule.Adam, ulong Seed = 1)
{
    /// <summary>μ of <see cref="UpdateRule.Momentum"/>.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Part of a label that all classes share while the network learns, 0 to 1: see <see cref="SoftmaxCrossEntropy"/>.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>What is shown of the images.</summary>
    public Augmentation Augmentation { get; init; } = Augmentation.None;

    /// <summary>
    /// On the CPU accelerator: a layer with a smaller part of its weights alive is computed from these alone, a first convolution also with
    /// less than two fifths. 0 turns it off.
    /// </summary>
    public double SparseBelow { get; init; } = Tuning.SparseTrainingBelow;

    /// <summary>
    /// On the CPU accelerator: bytes of a step's gradients up to which all layers are updated side by side; of more, each layer is updated
    /// when it has gone back, and gradients take each other's places. The results are the same bits.
    /// </summary>
    internal long GradientsTogether { get; init; } = Tuning.GradientsTogether;
}

/// <summary>Learning rate and L2 factor λ (added to the gradient as λ w) of one step.</summary>
public readonly record struct StepRates(double Rate, double Decay = 0);
