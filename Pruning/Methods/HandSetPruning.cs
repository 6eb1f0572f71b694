using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// Deep Compression's pruning with a threshold set by hand (Han et al. 2015, 2016, as its reference implementation does it, on
/// convolutions too): threshold = sensitivity x deviation of the layer's weights; prune once, reset the optimizer, retrain.
/// </summary>
public sealed class HandSetPruning(double sensitivity) : IPruningMethod
{
    /// <summary>What users read, for one threshold as for a <see cref="HandSetWalk"/>.</summary>
    public const string MethodName = "hand-set";

    /// <summary>
    /// Of the peak of dense training, where stochastic gradient descent retrains: its whole rate would throw away what is to be mended. A
    /// tenth, as Han et al. 2015 do. Adam begins as it began.
    /// </summary>
    private const double RetrainingShare = 0.1;

    /// <inheritdoc/>
    public string Name => MethodName;

    /// <inheritdoc/>
    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        double budget = session.Options.MaxDrop.Least, start = session.Elapsed;
        var (validation, iteration) = PruneAndRetrain(session, sensitivity, budget, Decision.Finish);
        return
        [
            new PruneOutcome(
                budget, iteration, 1, session.Options.Epochs, session.Elapsed - start, session.WithinBudget(validation, budget),
                session.Trainer.Save()),
        ];
    }

    /// <summary>
    /// One try: prunes what is in the trainer and retrains it. The last row of the log says what was decided: <paramref name="good"/>
    /// within the budget, else to finish.
    /// </summary>
    /// <returns>The retrained network on the validation images, and its iteration.</returns>
    internal static (Score Validation, int Iteration) PruneAndRetrain(
        PruneSession session, double sensitivity, double budget, Decision good)
    {
        var thresholds = session.Pruner.Moments().Select(m => (float)(sensitivity * m.Deviation)).ToArray();
        session.Pruner.Prune(thresholds);
        session.Trainer.Rule = session.Options.Rule;
        session.Trainer.ResetOptimizer();
        int epochs = session.Options.Epochs, steps = session.Trainer.StepsPerEpoch;
        double peak = session.Options.LearningRate * (session.Options.Rule == UpdateRule.Adam ? 1 : RetrainingShare);
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            var rates = PruneSession.Cosine(peak, session.Options.WeightDecay ?? 0, epoch * steps, epochs * steps);
            bool last = epoch + 1 == epochs;
            string phase = string.Create(CultureInfo.InvariantCulture, $"retrain S={sensitivity}");
            var (train, validation) = session.Step(
                () => (session.Train(phase, steps, rates, epoch, epochs), session.Trainer.Evaluate(Part.Validation)), keep: last);
            bool within = session.WithinBudget(validation, budget);
            string reason = string.Create(CultureInfo.InvariantCulture, $"sensitivity {sensitivity}");
            JudgedNetwork? judged = null;
            if (last)
            {
                reason += $": {validation.Correct} of {validation.Images} validation images right, {session.Needed(budget)} needed: "
                    + $"{(within ? "within" : "outside")} the budget";
                session.Untimed(() => judged = session.Recall(() => Judged(session, budget)));
            }
            int iteration = session.Log(
                "retrain", rates(steps - 1).Rate, train, validation, !last ? Decision.Hold : within ? good : Decision.Finish, reason,
                thresholds, judged);
            if (last)
                return (validation, iteration);
        }
        throw new UserException(ErrorKind.Usage, "epochs: expected at least 1, found 0");
    }

    /// <summary>For the log alone: the method itself goes by the score.</summary>
    private static JudgedNetwork Judged(PruneSession session, double budget)
    {
        var judgement = Judgement.Of(session.Dense, session.Trainer.EvaluateEach(Part.Validation), budget);
        int kept = session.Pruner.Moments().Sum(m => m.Live);
        return new JudgedNetwork((double)session.Trainer.Parameters.WeightCount / Math.Max(1, kept), session.Options.Epochs, 0, judgement);
    }
}
