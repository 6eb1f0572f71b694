using System.Globalization;
using Secateurs.Model;

namespace Secateurs.Pruning.Methods;

/// <summary>
/// The best accuracy at a ratio that is asked for: the first halves of cycles at 4, 8, 16 and so on down to R, and the last one whole, all
/// with the teacher. No budget decides anything; the last network is judged against it for the report alone.
/// </summary>
/// <param name="ratio">R = total / kept; kept is ⌊total / R⌋.</param>
public sealed class TargetPruning(double ratio) : IPruningMethod
{
    /// <summary>Total / kept at the end of the first half cycle; up to it nothing is expected to break.</summary>
    private const double First = 4;

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
        Cycle.Teach(session);
        var (from, next, origin) = (1.0, Math.Min(First, ratio), 0);
        for (; next < ratio; (from, next) = (next, Math.Min(next * DynamicPruning.Step, ratio)))
        {
            var rise = new Cycle(session, from, next);
            var (score, raised) = rise.Rise();
            string aim = string.Create(CultureInfo.InvariantCulture, $"1/{next:F1} of the weights, on the way to 1/{ratio}");
            origin = session.Log(Cycle.Phase, rise.Rate, score, session.Trainer.Evaluate(Part.Validation), Decision.Raise, aim, raised);
        }
        var cycle = new Cycle(session, from, ratio);
        var (_, thresholds) = cycle.Rise();
        var train = cycle.Anneal();
        session.Trainer.DismissTeacher();
        var outcomes = session.Trainer.EvaluateEach(Part.Validation);
        var judgement = Judgement.Of(session.Dense, outcomes, budget);
        string reason = string.Create(CultureInfo.InvariantCulture, $"1/{ratio} of the weights as asked for: {judgement}");
        var judged = new JudgedNetwork(ratio, 1, origin, judgement);
        int iteration = session.Log(Cycle.Phase, cycle.Rate, train, outcomes.Score, Decision.Finish, reason, thresholds, judged);
        return
        [
            new PruneOutcome(
                budget, iteration, 1, session.Epoch - start, session.Elapsed - startSeconds, judgement.Verdict == Verdict.Within,
                session.Trainer.Save()),
        ];
    }
}
