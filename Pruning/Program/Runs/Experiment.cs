using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Runs;

/// <summary>What pruning came to for one budget.</summary>
/// <param name="Outcome">What the method says.</param>
/// <param name="Summary">With the test images, which are read once the method has ended.</param>
/// <param name="Layers">The layers as they were left.</param>
/// <param name="Test">The final network on the test images, image by image.</param>
internal sealed record PruneResult(PruneOutcome Outcome, SummaryRow Summary, IReadOnlyList<LayerRow> Layers, Outcomes Test);

/// <summary>
/// One run in one folder: a dense network is trained or taken, a method prunes it, the result is judged once on the test images and
/// everything is written. The best state so far is on the disk at any time; if the run breaks off, by Ctrl-C, because training diverged or
/// because a file cannot be written, the last good state is saved first, and the message says where.
/// </summary>
internal sealed class Experiment : IDisposable
{
    private static readonly JsonSerializerOptions OneLine = new(Terminal.Json) { WriteIndented = false };

    private readonly Trainer _trainer;
    private readonly PruneOptions _options;
    private readonly RunFolder _folder;
    private readonly RunLog _log;
    private readonly PruneSession _session;
    private readonly Journal? _journal;
    private int? _kept;

    /// <param name="trainer">Fresh, or with a given dense network in it.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="settings">Everything asked for besides, for options.json: verb, method, folder of the data.</param>
    /// <param name="folder">Where it is written.</param>
    /// <param name="terminal">Where it is shown.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    /// <param name="job">What the run is a part of, for the bar.</param>
    /// <param name="journal">What it goes on from; null for nothing.</param>
    public Experiment(
        Trainer trainer, PruneOptions options, IReadOnlyDictionary<string, JsonNode> settings, RunFolder folder, Terminal terminal,
        CancellationToken cancellation, JobProgress? job = null, Journal? journal = null)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(settings);
        (_trainer, _options, _folder, _journal) = (trainer, options, folder, journal);
        var all = JsonSerializer.SerializeToNode(options, Terminal.Json)!.AsObject();
        foreach (var (key, value) in settings)
            all.Insert(0, key, value);
        folder.WriteJson(RunFolder.Options, all);
        // Of a run that goes on it says when that began.
        if (!File.Exists(folder.File(RunFolder.Environment)))
            folder.WriteJson(RunFolder.Environment, RunEnvironment.Of(trainer.Device));
        _log = new RunLog(folder, terminal, trainer, Keep, job, journal);
        _session = new PruneSession(trainer, options, _log, cancellation, journal);
    }

    /// <summary>Trains the dense network and writes it as <paramref name="file"/>.</summary>
    public DenseNetwork TrainDense(string file) => Guarded(() =>
    {
        _log.Begin(JobPlan.DenseName);
        var dense = DenseNetwork.Trained(_session);
        Save(_folder.File(file), "dense", _session.LastIteration, dense.State.Parameters);
        // What was kept of the training's course has its place elsewhere now; later there are other networks of that name.
        if (file != RunFolder.Model && _journal is not { Replays: true })
            File.Delete(_folder.File(RunFolder.Model));
        _kept = null;
        return dense;
    });

    /// <summary>Takes what is in the trainer for the dense network.</summary>
    public DenseNetwork TakeDense() => Guarded(() => DenseNetwork.Taken(_session));

    /// <summary>Puts a dense network into the trainer and takes it.</summary>
    public void TakeDense(DenseNetwork dense)
    {
        ArgumentNullException.ThrowIfNull(dense);
        _trainer.Restore(dense.State);
        _session.TakeAsDense();
    }

    /// <summary>
    /// Prunes, judges and writes model, summary and curves. Of several budgets the smallest writes into the run's folder, each other
    /// into a folder inside it, <see cref="RunFolder.Drop"/>, its model and its summary.
    /// </summary>
    /// <param name="method">How.</param>
    /// <param name="dense">From what.</param>
    /// <param name="part">Of the job; null for the method's name.</param>
    /// <returns>One result a budget, the smallest budget first, whose network is in the trainer then.</returns>
    public IReadOnlyList<PruneResult> Prune(IPruningMethod method, DenseNetwork dense, string? part = null) => Guarded(() =>
    {
        _log.Begin(part ?? method.Name);
        var outcomes = method.Run(_session);
        var results = new PruneResult[outcomes.Count];
        for (int i = outcomes.Count - 1; i >= 0; i--)
        {
            _trainer.Restore(outcomes[i].State);
            results[i] = Report(method, outcomes[i], dense, i == 0 ? _folder : _folder.Drop(outcomes[i].Budget));
        }
        if (outcomes.Any(o => o.Certificates is not null))
            _folder.WriteCertificates(outcomes.SelectMany(o => o.Certificates ?? []));
        _folder.WriteText(
            RunFolder.Curves,
            Curves.OfRun(_folder.Path, $"{_trainer.Network.Name}, {method.Name}, seed {_options.Seed}"));
        return results;
    });

    /// <summary>What a run came to for one budget, of which the trainer holds the network.</summary>
    private PruneResult Report(IPruningMethod method, PruneOutcome outcome, DenseNetwork dense, RunFolder folder)
    {
        var test = _trainer.EvaluateEach(Part.Test);
        var summary = Summarize(method.Name, dense, outcome.Epochs, outcome.Seconds, test.Score);
        if (outcome.Certificates is not null)
            summary = summary with { Confidence = _options.Confidence, CertifiedLoss = outcome.Certificate?.Bound ?? double.NaN };
        IReadOnlyList<LayerRow> layers = outcome.Iteration > 0 ? _log.Layers(outcome.Iteration)
            : [.. _trainer.Parameters.Layers.Select(l => new LayerRow(0, l.Name, 0, 0, l.WeightCount, l.WeightCount))];
        Save(folder.File(RunFolder.Model), method.Name, outcome.Iteration, _trainer.Parameters.Save());
        folder.WriteSummary(summary);
        _log.Note(string.Create(
            CultureInfo.InvariantCulture,
            $"{method.Name}: kept {summary.Kept:N0} of {summary.Total:N0} weights "
            + $"({100.0 * summary.Kept / summary.Total:F2} %, {summary.Ratio:F1}x), state of iteration {outcome.Iteration}; "
            + $"validation {summary.ValidationAccuracy:F2} % (dense {summary.DenseValidationAccuracy:F2}), "
            + $"test {summary.TestAccuracy:F2} % (dense {summary.DenseTestAccuracy:F2}); "
            + $"{outcome.Epochs:F0} epochs, {outcome.Seconds:F1} s"));
        _log.Note(Headline.Of(summary, outcome.Budget, outcome.WithinBudget));
        if (outcome.Certificates is not null)
            _log.Say(Certified(outcome, summary));
        if (!outcome.WithinBudget)
        {
            _log.Say(string.Create(
                CultureInfo.InvariantCulture,
                $"warning: {(outcome.Iteration > 0 ? "this network is not" : "no lighter network was found")} "
                + $"within the budget of {outcome.Budget} points"));
        }
        return new PruneResult(outcome, summary, layers, test);
    }

    /// <summary>What was certified, on what, and what that cost, in words.</summary>
    private static string Certified(PruneOutcome outcome, SummaryRow summary)
    {
        string certified = outcome.Certificate is { } c
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"with confidence {c.Confidence} {c.NewImages:N0} new images lose at most {c.Bound:F2} points, by {c.Images:N0} images "
                + $"that nothing was decided by ({c.Lost} lost, {c.Gained} gained)")
            : string.Create(
                CultureInfo.InvariantCulture, $"none can be given with confidence {summary.Confidence}: the network is the dense one");
        string cost = outcome.Uncertified >= summary.Kept ? "" : string.Create(
            CultureInfo.InvariantCulture,
            $"; without one the lightest within the budget is {(double)summary.Total / outcome.Uncertified:F1}x");
        return string.Create(CultureInfo.InvariantCulture, $"certificate for budget {outcome.Budget}: {certified}{cost}");
    }

    /// <summary>The summary of a run that only trains.</summary>
    public SummaryRow FinishDense(DenseNetwork dense)
    {
        ArgumentNullException.ThrowIfNull(dense);
        var summary = Summarize("dense", dense, 0, 0, dense.Test);
        _folder.WriteSummary(summary);
        _folder.WriteText(
            RunFolder.Curves,
            Curves.OfRun(_folder.Path, $"{summary.Network}, {summary.Method}, seed {summary.Seed}"));
        _log.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"dense: validation {summary.ValidationAccuracy:F2} %, test {summary.TestAccuracy:F2} %; "
            + $"{dense.Epochs:F0} epochs, {dense.Seconds:F1} s"));
        return summary;
    }

    public void Dispose() => _log.Dispose();

    private SummaryRow Summarize(string method, DenseNetwork dense, double epochs, double seconds, Score test)
    {
        var moments = _session.Pruner.Moments();
        return new SummaryRow(
            _trainer.Network.Name, method, _trainer.Device.Name, _options.Seed, dense.Epochs, epochs, dense.Seconds, seconds,
            dense.Validation.Accuracy, dense.Test.Accuracy, _trainer.Evaluate(Part.Validation).Accuracy, test.Accuracy,
            moments.Sum(m => m.Live), _trainer.Parameters.WeightCount);
    }

    private void Save(string path, string state, int iteration, ParameterState parameters) => Checkpoint.Of(
        _trainer, parameters, _options.Seed, _options.Validation, new Dictionary<string, string>
        {
            ["state"] = state,
            ["iteration"] = iteration.ToString(CultureInfo.InvariantCulture),
            ["options"] = JsonSerializer.Serialize(_options, OneLine),
        }, _options.Split).Save(path);

    private T Guarded<T>(Func<T> run)
    {
        try
        {
            return run();
        }
        catch (UserException e) when (e.Kind is ErrorKind.Diverged or ErrorKind.Failed)
        {
            string state = e.Kind == ErrorKind.Diverged ? "last good before divergence" : "last good before a failure";
            string saved = SaveLastGood(state);
            if (e.Kind == ErrorKind.Diverged)
                _folder.GiveUp();
            throw new UserException(e.Kind, $"{e.Message}; {saved}", e);
        }
        catch (OperationCanceledException)
        {
            _log.Say($"interrupted: {SaveLastGood("interrupted")}");
            throw;
        }
        catch (Exception e) when (e is not UserException)
        {
            _log.Say($"broken off: {SaveLastGood("last good before a failure")}");
            throw;
        }
    }

    private void Keep(ParameterState state, int iteration)
    {
        Save(_folder.File(RunFolder.Model), "best so far", iteration, state);
        _kept = iteration;
    }

    private string SaveLastGood(string state)
    {
        if (_log.LastGood is not { } good)
            return "no iteration had ended, so no state was saved";
        try
        {
            Save(_folder.File(RunFolder.Model), state, good.Iteration, good.State);
            return $"the state of iteration {good.Iteration} is in {_folder.File(RunFolder.Model)}";
        }
        catch (UserException e)
        {
            return $"{(_kept is { } kept ? $"the state of iteration {kept} is in {_folder.File(RunFolder.Model)}" : "no state was saved")} "
                + $"({e.Message})";
        }
    }
}
