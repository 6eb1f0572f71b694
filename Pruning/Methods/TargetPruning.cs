using System.Globalization;
using Kernels;
using Model;
using Pruning.Runs;

namespace Pruning.Methods;

/// <summary>
/// The best accuracy at a ratio that is asked for: down dynamic pruning's trunk, then one branch to 1 / R of the weights. No budget decides
/// anything; the branch is judged against it for the report alone.
/// </summary>
/// <param name="ratio">R = total / kept; kept is ⌊total / R⌋, or a few less where saliencies are within 3e-5 of each other.</param>
public sealed class TargetPruning(double ratio) : IPruningMethod
{
    public string Name => "target";

    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        double budget = session.Options.MaxDrop.Least, start = session.Epoch, startSeconds = session.Elapsed;
        Trunk.Teach(session, Gather.Views);
        double from = 1;
        while (from * Trunk.Step * Trunk.Step <= ratio)
        {
            Trunk.Descend(session, from, from * Trunk.Step);
            from *= Trunk.Step;
        }
        var (train, thresholds) = Trunk.Anneal(session, from, ratio);
        session.Trainer.DismissTeacher();
        var outcomes = session.Trainer.EvaluateEach(Part.Validation);
        var judgement = Judgement.Of(session.Dense, outcomes, budget);
        string reason = string.Create(CultureInfo.InvariantCulture, $"1/{ratio} of the weights as asked for: {judgement}");
        int iteration = session.Log(Trunk.BranchPhase, 0, train, outcomes.Score, Decision.Finish, reason, thresholds);
        return
        [
            new PruneOutcome(
                budget, iteration, 1, session.Epoch - start, session.Elapsed - startSeconds, judgement.Verdict == Verdict.Within, session.Trainer.Save()),
        ];
    }
}
