using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>One try of a <see cref="HandSetWalk"/>: what it took and what came out.</summary>
public sealed record HandSetTry(double Sensitivity, double Seconds, Score Validation, int Iteration);

/// <summary>
/// What a person does who sets thresholds by hand: prunes the dense network at a small sensitivity and retrains, and again from the
/// dense network at the next larger one, until accuracy on the validation images is lost; then takes the last that held.
/// </summary>
public sealed class HandSetWalk(double step = 0.25) : IPruningMethod
{
    private readonly List<HandSetTry> _tries = [];

    public string Name => "static";

    /// <summary>All tries in their order; the last is the one that lost accuracy.</summary>
    public IReadOnlyList<HandSetTry> Tries => _tries;

    /// <summary>The try that was taken; null where already the first lost accuracy.</summary>
    public HandSetTry? Best { get; private set; }

    public PruneOutcome Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        TrainerState dense = session.Trainer.Save(), best = dense;
        bool holds = true;
        while (holds)
        {
            session.Trainer.Restore(dense);
            session.Trainer.RestartOrder();
            double sensitivity = step * (_tries.Count + 1), start = session.Elapsed;
            var (validation, iteration) = StaticPruning.PruneAndRetrain(session, sensitivity, Judge);
            holds = session.WithinBudget(validation) && session.Pruner.Moments().Sum(m => m.Live) > 0;
            _tries.Add(new HandSetTry(sensitivity, session.Elapsed - start, validation, iteration));
            if (holds)
            {
                (Best, best) = (_tries[^1], session.Trainer.Save());
                session.KeepBest(iteration);
            }
        }
        session.Trainer.Restore(best);
        return new PruneOutcome(Best?.Iteration ?? 0, _tries.Count, _tries.Count * session.Options.Epochs, Best is not null);

        Decision Judge(Score validation) => session.WithinBudget(validation) ? Decision.Raise : Decision.Finish;
    }
}
