using System.Globalization;
using System.Text.Json.Nodes;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Program.Studies;
using Secateurs.Pruning;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary>What a look at a seed came to.</summary>
internal enum StudyProgress
{
    /// <summary>What is asked for is there, or other processes make it.</summary>
    Nothing,

    /// <summary>The dense network is trained by another process, and other units need it.</summary>
    Waits,

    /// <summary>Units were made.</summary>
    Made,
}

/// <summary>One seed of one network in a study: its dense network, and what the methods make of it.</summary>
/// <param name="invocation">The call.</param>
/// <param name="folder">The study.</param>
/// <param name="options">Of the network, with the seed.</param>
/// <param name="units">What is asked for, the dense network first, with epochs of retraining.</param>
/// <param name="described">What all units of the network have in common.</param>
/// <param name="job">All units together.</param>
internal sealed class StudySeed(
    Invocation invocation, StudyFolder folder, PruneOptions options, IReadOnlyList<(string Name, int Length)> units, JsonObject described,
    JobProgress job)
{
    private readonly string _network = options.Network;
    private readonly ulong _seed = options.Seed;

    /// <summary>Whether all units are there.</summary>
    public bool IsWhole => units.All(u => folder.Has(_network, _seed, u.Name));

    /// <summary>Makes those units that nobody else makes.</summary>
    public StudyProgress Make()
    {
        string[] free = folder.Free(_network, _seed, units.Select(u => u.Name));
        if (free.Length == 0)
            return StudyProgress.Nothing;
        if (!free.Contains(StudyRow.Dense) && !folder.Has(_network, _seed, StudyRow.Dense))
            return StudyProgress.Waits;
        using var bench = Workbench.Open(invocation, options, null);
        options = bench.Options;
        // The set may have come or changed since the study was called.
        described[StudyOptions.DataSha256] = bench.Data.Sha256();
        var trainer = bench.Trainer;
        bool made = false;
        if (free.Contains(StudyRow.Dense))
            made = MakeDense(bench);
        if (!folder.Has(_network, _seed, StudyRow.Dense))
            return StudyProgress.Waits;
        var dense = LoadDense(trainer);
        foreach (var (name, length) in units.Where(u => u.Name != StudyRow.Dense && free.Contains(u.Name)))
            made |= length > 0 ? MakeWalk(bench, dense, name, length) : MakeDynamic(bench, dense);
        return made ? StudyProgress.Made : StudyProgress.Nothing;
    }

    private bool MakeDense(Workbench bench)
    {
        var trainer = bench.Trainer;
        return Unit(bench, StudyRow.Dense, options, trainer.Parameters.GetWeights(), (experiment, into) =>
        {
            experiment.FinishDense(experiment.TrainDense(RunFolder.Dense));
            StudyAnswers.Write(
                into.File(StudyUnit.Answers), [StudyAnswers.Of(_network, _seed, StudyRow.Dense, 0, 0, trainer.EvaluateEach(Part.Test))]);
        });
    }

    /// <summary>Always by way of the file, so that a study that goes on starts from the same bits and the same seconds.</summary>
    private DenseNetwork LoadDense(Trainer trainer)
    {
        string unit = folder.Unit(_network, _seed, StudyRow.Dense);
        Pruner.Put(Checkpoint.Load(Path.Combine(unit, RunFolder.Dense)), trainer);
        var seconds = StudyUnit.Read(unit, RunFolder.Summary, file => CsvTable.ReadOrRefuse(
            file, "the summary.csv of a run", f => double.Parse(f[0], CultureInfo.InvariantCulture), "dense_seconds"));
        return new DenseNetwork(
            trainer.Save(), options.DenseEpochs, seconds[0], trainer.Evaluate(Part.Validation), trainer.Evaluate(Part.Test));
    }

    private bool MakeWalk(Workbench bench, DenseNetwork dense, string name, int length)
    {
        var walk = new HandSetWalk();
        return Unit(bench, name, options with { Epochs = length }, dense.State.Parameters.Weight, (experiment, into) =>
        {
            experiment.TakeDense(dense);
            Write(
                into, dense, StudyRow.HandSet, length, experiment.Prune(walk, dense, name),
                r => walk.Best(r.Outcome.Budget)?.Seconds ?? double.NaN);
        });
    }

    private bool MakeDynamic(Workbench bench, DenseNetwork dense)
    {
        var trainer = bench.Trainer;
        var method = new DynamicPruning();
        return Unit(bench, StudyRow.Dynamic, options, dense.State.Parameters.Weight, (experiment, into) =>
        {
            experiment.TakeDense(dense);
            var results = experiment.Prune(method, dense);
            // Every network within a budget, measured now that the search has ended: one of them is the first as light as by hand.
            StudyRow.Write(into.File(StudyUnit.Within), results.SelectMany(r => method.Within(r.Outcome.Budget).Select(light =>
            {
                trainer.Restore(light.State);
                return new StudyRow(
                    _network, _seed, StudyRow.DynamicAsLight, r.Outcome.Budget, 0, light.Tries, light.Epochs, light.Seconds, double.NaN,
                    light.Kept, r.Summary.Total, light.Validation.Accuracy, trainer.Evaluate(Part.Test).Accuracy, dense.Validation.Accuracy,
                    dense.Test.Accuracy, dense.Seconds);
            })));
            Write(into, dense, StudyRow.Dynamic, 0, results, _ => double.NaN);
        });
    }

    /// <param name="bench">Where it is made.</param>
    /// <param name="unit">Its name.</param>
    /// <param name="own">Its options.</param>
    /// <param name="weights">That it begins with.</param>
    /// <param name="run">Makes it.</param>
    private bool Unit(Workbench bench, string unit, PruneOptions own, float[] weights, Action<Experiment, RunFolder> run)
    {
        var identity = RunIdentity.Of(bench.Device, bench.Data, own, weights);
        return folder.Make(_network, _seed, unit, described, Made, half =>
            Journal.Contradiction(Path.Combine(half, RunFolder.Resume), identity) is null);

        void Made(RunFolder into)
        {
            invocation.Terminal.Say($"{_network}, seed {_seed}, {unit} -> {into.Path}");
            using var experiment = new Experiment(
                bench.Trainer, own, new Dictionary<string, JsonNode> { ["unit"] = unit, ["verb"] = "study" }, into, invocation.Terminal,
                invocation.Cancellation, job, into.Begin(identity));
            run(experiment, into);
        }
    }

    private void Write(
        RunFolder into, DenseNetwork dense, string method, int retraining, IReadOnlyList<PruneResult> results,
        Func<PruneResult, double> best)
    {
        foreach (var r in results)
            invocation.Terminal.Say($"{method}: {Headline.Of(r.Summary, r.Outcome.Budget, r.Outcome.WithinBudget)}");
        StudyRow.Write(into.File(StudyUnit.Rows), results.Select(r => new StudyRow(
            _network, _seed, method, r.Outcome.Budget, retraining, r.Outcome.Tries, r.Outcome.Epochs, r.Outcome.Seconds, best(r),
            r.Summary.Kept, r.Summary.Total, r.Summary.ValidationAccuracy, r.Summary.TestAccuracy, dense.Validation.Accuracy,
            dense.Test.Accuracy, dense.Seconds)));
        StudyAnswers.Write(
            into.File(StudyUnit.Answers),
            results.Select(r => StudyAnswers.Of(_network, _seed, method, r.Outcome.Budget, retraining, r.Test)));
    }
}
