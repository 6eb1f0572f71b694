using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>A way from a dense network to a light one.</summary>
public interface IPruningMethod
{
    /// <summary>Name in tables and logs.</summary>
    string Name { get; }

    /// <summary>Prunes the session's trainer and leaves it in the state that the method found best.</summary>
    PruneOutcome Run(PruneSession session);
}

/// <summary>What a method ends with.</summary>
/// <param name="Iteration">Which iteration the final state is from; 0 for the dense network, because no lighter one was within the budget.</param>
/// <param name="Tries">How many networks were tried to the end of their retraining.</param>
/// <param name="Epochs">Epochs of pruning and retraining, all tries together.</param>
/// <param name="WithinBudget">Whether the final state's validation accuracy is within the budget.</param>
public sealed record PruneOutcome(int Iteration, int Tries, double Epochs, bool WithinBudget);
