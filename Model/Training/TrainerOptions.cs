using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>What a trainer is built with.</summary>
/// <param name="Batch">Images per step.</param>
/// <param name="Rule">Adam or momentum.</param>
/// <param name="Seed">Of initialisation and of the order of images.</param>
public sealed record TrainerOptions(int Batch = 64, UpdateRule Rule = UpdateRule.Adam, ulong Seed = 1)
{
    /// <summary>
    /// On the CPU accelerator: a layer with a smaller part of its weights alive is computed from these alone, a first convolution also with
    /// less than two fifths. 0 turns it off.
    /// </summary>
    public double SparseBelow { get; init; } = Tuning.SparseTrainingBelow;
}

/// <summary>Learning rate and L2 factor λ (added to the gradient as λ w) of one step.</summary>
public readonly record struct StepRates(double Rate, double Decay = 0);
