using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>One try of a <see cref="HandSetWalk"/>: what it took and what came out.</summary>
public sealed record HandSetTry(double Sensitivity, double Seconds, Score Validation, int Iteration);

/// <summary>
/// What a person does who sets thresholds by hand: prunes the dense network at a small sensitivity and retrains, and again from the
/// dense network at the next larger one, until accuracy on the validation images is lost; then takes the last that held. Several
/// budgets share the tries: each counts those up to the first that it does not allow, as if it had been alone.
/// </summary>
public sealed class HandSetWalk(double step = 0.25) : IPruningMethod
{
    private readonly List<HandSetTry> _tries = [];
    private readonly Dictionary<double, HandSetTry> _best = [];

    /// <inheritdoc/>
    public string Name => HandSetPruning.MethodName;

    /// <summary>All tries in their order; the last is the one that lost more accuracy than the largest budget allows.</summary>
    public IReadOnlyList<HandSetTry> Tries => _tries;

    /// <summary>The try that was taken for a budget; null where already the first lost accuracy.</summary>
    public HandSetTry? Best(double budget) => _best.GetValueOrDefault(budget);

    /// <inheritdoc/>
    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var dense = session.Trainer.Save();
        var budgets = session.Options.MaxDrop.Values;
        var states = budgets.Select(_ => dense).ToArray();
        var outcomes = new PruneOutcome?[budgets.Count];
        // The largest allows all that the others do, so it is the last to end.
        while (outcomes[^1] is null)
        {
            session.Trainer.Restore(dense);
            session.Trainer.RestartOrder();
            double sensitivity = step * (_tries.Count + 1), start = session.Elapsed;
            var (validation, iteration) = HandSetPruning.PruneAndRetrain(session, sensitivity, budgets[^1], Decision.Raise);
            bool alive = session.Pruner.Moments().Sum(m => m.Live) > 0;
            _tries.Add(new HandSetTry(sensitivity, session.Elapsed - start, validation, iteration));
            TrainerState? state = null;
            for (int i = 0; i < budgets.Count; i++)
            {
                if (outcomes[i] is not null)
                    continue;
                if (alive && session.WithinBudget(validation, budgets[i]))
                {
                    (_best[budgets[i]], states[i]) = (_tries[^1], state ??= session.Trainer.Save());
                    if (i == 0)
                        session.KeepBest(iteration);
                }
                else
                {
                    var best = Best(budgets[i]);
                    outcomes[i] = new PruneOutcome(
                        budgets[i], best?.Iteration ?? 0, _tries.Count, _tries.Count * session.Options.Epochs, _tries.Sum(t => t.Seconds),
                        best is not null, states[i]);
                }
            }
        }
        session.Trainer.Restore(states[0]);
        return outcomes!;
    }
}
