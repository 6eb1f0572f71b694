using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>A way from a dense network to a light one.</summary>
public interface IPruningMethod
{
    /// <summary>Name in tables and logs.</summary>
    string Name { get; }

    /// <summary>Prunes the session's trainer and leaves it in the state that the method found best for the smallest budget.</summary>
    /// <returns>One outcome a budget, the smallest budget first.</returns>
    IReadOnlyList<PruneOutcome> Run(PruneSession session);
}

/// <summary>What a method ends with, for one budget.</summary>
/// <param name="Budget">Points of validation accuracy.</param>
/// <param name="Iteration">
/// Which iteration the final state is from; 0 for the dense network, because no lighter one was within the budget.
/// </param>
/// <param name="Tries">
/// How many networks were judged until this outcome was settled, those of a probe included, which nothing was retrained for.
/// </param>
/// <param name="Epochs">Epochs of pruning and retraining until then, all tries together.</param>
/// <param name="Seconds">The same in time. Where budgets share their tries each counts all that came before its settling.</param>
/// <param name="WithinBudget">Whether the final state's validation accuracy is within the budget.</param>
/// <param name="State">The final state.</param>
/// <param name="Certificates">
/// Of the networks that were tested for one, from heavy to light; the last that holds is the final state's. Null where nobody asked.
/// </param>
/// <param name="Uncertified">
/// Live weights of the lightest network that was judged and is within the budget on the validation images, certified or not: what a
/// certificate costs. 0 where nobody asked for one.
/// </param>
public sealed record PruneOutcome(
    double Budget, int Iteration, int Tries, double Epochs, double Seconds, bool WithinBudget, TrainerState State,
    IReadOnlyList<Certificate>? Certificates = null, int Uncertified = 0)
{
    /// <summary>The final state's; null where nothing could be certified, or nobody asked.</summary>
    public Certificate? Certificate => Certificates?.LastOrDefault(c => c.Holds);
}
