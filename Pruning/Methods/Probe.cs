using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// How far the thresholds may go before anything is retrained: the dense network loses weights until the validation images say that a
/// budget is spent. That is a first result, takes a quarter of an epoch and some looks at the validation images, and tells where the way
/// down is to begin.
/// </summary>
/// <remarks>
/// One common threshold on <see cref="Kernels.Saliency"/>, whose mean of squared gradients is measured beforehand by training steps of rate
/// zero, which move no weight. Plain magnitude bears about two thirds of that ratio (Results/experiments.md).
/// </remarks>
internal static class Probe
{
    public const string Phase = "probe";

    /// <summary>From one ratio to the next while the largest budget is kept.</summary>
    private const double Step = 2;

    /// <summary>Part of an epoch that gradients are measured over.</summary>
    private const int PartOfEpoch = 4;

    /// <summary>Judges what the dense network bears and puts it back into the trainer.</summary>
    public static void Run(PruneSession session, Trials trials)
    {
        var trainer = session.Trainer;
        int total = trainer.Parameters.WeightCount;
        var train = session.Step(
            () => session.Train(Phase, Math.Max(1, trainer.StepsPerEpoch / PartOfEpoch), _ => new StepRates(0), 0, 1.0 / PartOfEpoch));
        session.Pruner.RateSaliency();
        var measured = trainer.Save();

        double ratio = Step;
        while (ratio <= total && !trials.AreEnough && Try(ratio).Within.Contains(trials.Budgets[^1]))
            ratio *= Step;
        foreach (double budget in trials.Budgets)
            while (trials.Between(budget) is { } next)
                Try(next);
        trainer.Restore(trials.Dense);
        trainer.RestartOrder();

        Trial Try(double ratio)
        {
            session.StopIfAsked();
            trainer.Restore(measured);
            var thresholds = GlobalThreshold.Prune(session.Pruner, Criterion.Saliency, (int)(total / ratio));
            trainer.Normalise(session.Cancellation);
            return trials.Judge(ratio, annealed: 0, origin: null, "nothing retrained", new(Phase, Rate: 0, train, thresholds));
        }
    }
}
