using System.Globalization;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// Deep Compression's pruning with a threshold set by hand (Han et al. 2015, 2016, as its reference implementation does it, on
/// convolutions too): threshold = sensitivity x deviation of the layer's weights; prune once, reset the optimizer, retrain.
/// </summary>
public sealed class StaticPruning(double sensitivity) : IPruningMethod
{
    public string Name => "static";

    public PruneOutcome Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var (validation, iteration) = PruneAndRetrain(session, sensitivity, _ => Decision.Finish);
        return new PruneOutcome(iteration, 1, session.Options.Epochs, session.WithinBudget(validation));
    }

    /// <summary>One try: prunes what is in the trainer and retrains it; the decision on the outcome goes into the last row of the log.</summary>
    /// <returns>The retrained network on the validation images, and its iteration.</returns>
    internal static (Score Validation, int Iteration) PruneAndRetrain(PruneSession session, double sensitivity, Func<Score, Decision> decide)
    {
        var thresholds = session.Pruner.Moments().Select(m => (float)(sensitivity * m.Deviation)).ToArray();
        session.Pruner.Prune(thresholds);
        session.Trainer.ResetOptimizer();
        int epochs = session.Options.Epochs, steps = session.Trainer.StepsPerEpoch;
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            var rates = PruneSession.Cosine(session.Options.LearningRate, 0, epoch * steps, epochs * steps);
            var train = session.Train(string.Create(CultureInfo.InvariantCulture, $"retrain S={sensitivity}"), steps, rates, epoch, epochs);
            var validation = session.Trainer.Evaluate(Part.Validation);
            bool last = epoch + 1 == epochs;
            int iteration = session.Log(
                "retrain", rates(steps - 1).Rate, train, validation, last ? decide(validation) : Decision.Hold,
                string.Create(CultureInfo.InvariantCulture, $"sensitivity {sensitivity}"), thresholds);
            if (last)
                return (validation, iteration);
        }
        throw new UserException(ExitCode.Usage, "epochs: expected at least 1, found 0");
    }
}
