using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning;
using Secateurs.Pruning.Methods;

namespace Tests.Samples;

/// <summary>
/// Another way of pruning, in a file of one's own: the smallest weights go at once, over all layers, and the rest is trained for an epoch.
/// </summary>
/// <param name="ratio">All weights / kept weights.</param>
public sealed class OneShotPruning(double ratio) : IPruningMethod
{
    /// <inheritdoc/>
    public string Name => "one-shot";

    /// <inheritdoc/>
    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        double start = session.Elapsed, budget = session.Options.MaxDrop.Least;
        int steps = session.Trainer.StepsPerEpoch, kept = (int)(session.Trainer.Parameters.WeightCount / ratio);
        float[] thresholds = GlobalThreshold.Prune(session.Pruner, Criterion.Magnitude, kept);
        session.Trainer.ResetOptimizer();
        var rates = PruneSession.Cosine(session.Options.LearningRate, 0, 0, steps);
        var train = session.Train("retrain", steps, rates, 0, 1);
        var validation = session.Trainer.Evaluate(Part.Validation, session.Cancellation);
        bool within = session.WithinBudget(validation, budget);
        int iteration = session.Log(
            "retrain", rates(steps - 1).Rate, train, validation, Decision.Finish, $"the smallest weights at once, 1/{ratio} stay",
            thresholds);
        return [new PruneOutcome(budget, iteration, 1, 1, session.Elapsed - start, within, session.Trainer.Save())];
    }
}

/// <summary>Uses it.</summary>
public static class AddAStrategy
{
    /// <param name="folder">Of the data.</param>
    /// <param name="say">Takes a line of text: Console.WriteLine.</param>
    public static PrunedNetwork Run(string folder, Action<string> say)
    {
        using var device = ComputeDevice.Cpu();
        var data = DataFolder.Load(folder, new DataOptions());
        var options = new PruneOptions { MaxDrop = 5, DenseEpochs = 3, Validation = data.Train.Count / 6, Batch = 16 };
        var light = Pruner.Prune(device, data, $"fc16r fc{data.Shape.Classes}", options, new OneShotPruning(ratio: 8));
        say($"{light.Ratio:F1} times lighter, {light.Validation.Accuracy:F2} % of the validation images right");
        return light;
    }
}
