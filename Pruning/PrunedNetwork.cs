using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Secateurs.Pruning;

/// <summary>What pruning came to for one budget.</summary>
/// <param name="Model">The network, to be saved, compressed or exported.</param>
/// <param name="Dense">What it was pruned from.</param>
/// <param name="Outcome">How it was found.</param>
/// <param name="Validation">The network on the images that decided.</param>
/// <param name="Test">The network on the test images, which decided nothing.</param>
public sealed record PrunedNetwork(Checkpoint Model, DenseNetwork Dense, PruneOutcome Outcome, Score Validation, Score Test)
{
    /// <summary>Whether it keeps to the budget; the dense network, where no lighter one does, keeps to it without being one.</summary>
    public bool IsWithinBudget => Outcome.WithinBudget;

    /// <summary>All weights / kept weights.</summary>
    public double Ratio => (double)Model.Total / Math.Max(1, Model.Kept);
}

/// <summary>How far a run is.</summary>
/// <param name="Phase">dense, prune, retrain ...</param>
/// <param name="Epoch">Epochs of this phase so far.</param>
/// <param name="Epochs">Epochs that it takes.</param>
/// <param name="Loss">Mean over the last batches.</param>
/// <param name="Iteration">What was just measured and decided; null between iterations.</param>
public readonly record struct PruneProgress(string Phase, double Epoch, double Epochs, double Loss, IterationRow? Iteration);
