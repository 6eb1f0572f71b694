using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// The best accuracy at a ratio that is asked for: the way down to it, and annealing there. No budget decides anything; the last network is
/// judged against it for the report alone.
/// </summary>
/// <param name="ratio">R = total / kept; kept is ⌊total / R⌋.</param>
public sealed class TargetPruning(double ratio) : IPruningMethod
{
    /// <summary>Total / kept of the first row of the log, and from one to the next.</summary>
    private const double First = 4, Step = 2;

    /// <inheritdoc/>
    public string Name => "target";

    /// <summary>That a network can have a ratio.</summary>
    /// <exception cref="UserException">Usage: it is not above 1, or leaves not one weight.</exception>
    public static void Demand(double ratio, int weights)
    {
        if (ratio > 1 && ratio <= weights)
            return;
        string message = string.Create(
            CultureInfo.InvariantCulture,
            $"{nameof(PruneOptions.TargetRatio)}: expected more than 1 and at most {weights}, all weights, found {ratio}");
        throw new UserException(ErrorKind.Usage, message) { Parameter = nameof(PruneOptions.TargetRatio) };
    }

    /// <inheritdoc/>
    public IReadOnlyList<PruneOutcome> Run(PruneSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        Demand(ratio, session.Trainer.Parameters.WeightCount);
        double budget = session.Options.MaxDrop.Least, start = session.Epoch, startSeconds = session.Elapsed;
        PruningPath.Teach(session);
        var path = new PruningPath(session, 1);
        int origin = 0;
        for (double next = First; next < ratio; next *= Step)
        {
            path.GoTo(next);
            string aim = string.Create(CultureInfo.InvariantCulture, $"1/{next:F1} of the weights, on the way to 1/{ratio}");
            origin = Log(session.Recall(() => session.Trainer.Evaluate(Part.Validation)), Decision.Raise, aim, null);
        }
        path.GoTo(ratio);
        double annealed = path.Anneal();
        session.Trainer.DismissTeacher();
        var (score, judgement) = session.Recall(() =>
        {
            var outcomes = session.Trainer.EvaluateEach(Part.Validation);
            return (outcomes.Score, Judgement.Of(session.Dense, outcomes, budget));
        });
        string reason = string.Create(CultureInfo.InvariantCulture, $"1/{ratio} of the weights as asked for: {judgement}");
        var judged = new JudgedNetwork(ratio, annealed, origin, judgement);
        int iteration = Log(score, Decision.Finish, reason, judged);
        return
        [
            new PruneOutcome(
                budget, iteration, 1, session.Epoch - start, session.Elapsed - startSeconds, judgement.Verdict == Verdict.Within,
                session.Trainer.Save()),
        ];

        int Log(Score validation, Decision decision, string reason, JudgedNetwork? judged)
        {
            var (phase, rate, train, thresholds) = path.Last;
            return session.Log(phase, rate, train, validation, decision, reason, thresholds, judged);
        }
    }
}
