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
        var thresholds = session.Pruner.Moments().Select(m => (float)(sensitivity * m.Deviation)).ToArray();
        session.Pruner.Prune(thresholds);
        session.Trainer.ResetOptimizer();
        int epochs = session.Options.Epochs, steps = session.Trainer.StepsPerEpoch;
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            var rates = PruneSession.Cosine(session.Options.LearningRate, 0, epoch * steps, epochs * steps);
            var train = session.Train($"retrain S={sensitivity}", steps, rates, epoch, epochs);
            bool last = epoch + 1 == epochs;
            var validation = session.Trainer.Evaluate(Part.Validation);
            int iteration = session.Log(
                "retrain", rates(steps - 1).Rate, train, validation, last ? Decision.Finish : Decision.Hold, $"sensitivity {sensitivity}", thresholds);
            if (last)
                return new PruneOutcome(iteration, 1, epochs, validation.Accuracy >= session.Floor);
        }
        throw new UserException(ExitCode.Usage, "epochs: expected at least 1, found 0");
    }
}
