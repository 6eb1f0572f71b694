using Model;

namespace Pruning.Methods;

/// <summary>
/// How far the thresholds may go before anything is retrained: the dense network loses weights until the validation images say that a
/// budget is spent. That takes a fraction of an epoch, is a first result, and tells where the cycles are to begin.
/// </summary>
/// <remarks>
/// One common threshold on <see cref="Kernels.Saliency"/>, whose mean of squared gradients is measured beforehand by training steps of rate zero, which move no
/// weight. Plain magnitude would bear half as much.
/// </remarks>
internal static class Probe
{
    public const string Phase = "probe";

    /// <summary>Part of an epoch that gradients are measured over.</summary>
    private const int PartOfEpoch = 4;

    /// <summary>A budget's good and bad ratios are brought this close to each other.</summary>
    private const double Resolution = 1.2;

    /// <summary>Judges what the dense network bears and puts it back into the trainer.</summary>
    public static void Run(PruneSession session, Trials trials)
    {
        var (trainer, pruner) = (session.Trainer, session.Pruner);
        var dense = trainer.Save();
        int total = trainer.Parameters.WeightCount;
        var train = session.Train(Phase, Math.Max(1, trainer.StepsPerEpoch / PartOfEpoch), _ => new StepRates(0), 0, 1.0 / PartOfEpoch);
        pruner.RateSaliency();
        var measured = trainer.Save();

        // For every budget the lightest good and the heaviest bad ratio.
        var (good, bad) = (trials.Budgets.ToDictionary(b => b, _ => 1.0), trials.Budgets.ToDictionary(b => b, _ => double.PositiveInfinity));
        double largest = trials.Budgets[^1];
        for (double ratio = DynamicPruning.Step; ratio <= total && double.IsInfinity(bad[largest]); ratio *= DynamicPruning.Step)
            Try(ratio);
        foreach (double budget in trials.Budgets)
            while (double.IsFinite(bad[budget]) && bad[budget] / good[budget] > Resolution)
                Try(Math.Sqrt(good[budget] * bad[budget]));
        trainer.Restore(dense);
        trainer.RestartOrder();

        void Try(double ratio)
        {
            trainer.Restore(measured);
            float threshold = GlobalThreshold.Keeping(pruner, Criterion.Saliency, total, (int)(total / ratio));
            float[] thresholds = [.. pruner.Layers.Select(_ => threshold)];
            pruner.Prune(thresholds, Criterion.Saliency);
            var trial = trials.Judge(Phase, ratio, 0, "nothing retrained", train, thresholds);
            foreach (double budget in trials.Budgets)
            {
                if (trial.Within.Contains(budget))
                    good[budget] = Math.Max(good[budget], ratio);
                else
                    bad[budget] = Math.Min(bad[budget], ratio);
            }
        }
    }
}
