using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning;
using Secateurs.Pruning.Methods;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>The library as a program of the user's calls it: nothing of the command line is named here.</summary>
public sealed class PrunerTests : IDisposable
{
    private static readonly PruneOptions Small = new()
    {
        Batch = 16,
        Validation = 80,
        DenseEpochs = 4,
        Epochs = 1,
        LearningRate = 0.003,
        MaxDrop = 2,
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Five_lines_prune()
    {
        string folder = SmallSet.Write(_folder.Combine("data")), file = _folder.Combine("light.safetensors");

        using var device = ComputeDevice.Cpu();
        var data = DataFolder.Load(folder, new());
        var light = Pruner.Prune(device, data, "fc16r fc10", Small);
        light.Model.Save(file);

        Assert.True(light.IsWithinBudget);
        Assert.InRange(light.Ratio, 2, light.Model.Total);
        Assert.InRange(light.Validation.Accuracy, light.Dense.Validation.Accuracy - 2, 100);
        var saved = Checkpoint.Load(file);
        Assert.Equal(light.Model.Weights, saved.Weights);
        Assert.Equal((light.Model.Kept, Small.Validation), (saved.Kept, saved.Validation));
    }

    [Fact]
    public void A_network_from_a_file_is_pruned_on_its_own_split_and_reports_come()
    {
        using var device = ComputeDevice.Cpu();
        var data = new ImageData(SmallSet.Make(SmallSet.TrainCount, 1), SmallSet.Make(SmallSet.TestCount, 2), "");
        var options = Small with { MaxDrop = new(0, 100), Seed = 3 };
        var dense = Pruner.PruneEach(device, data, "fc10", options, new Nothing())[0].Model;
        Assert.Equal(dense.Total, dense.Kept);

        var reports = new List<PruneProgress>();
        var found = Pruner.PruneEach(
            device, data, dense, options with { Seed = 4, Validation = 8, FirstRatio = 4 }, progress: new Listener(reports));
        Assert.Equal([0, 100], found.Select(f => f.Outcome.Budget));
        Assert.True(found[1].Model.Kept < found[0].Model.Kept);
        Assert.All(found, f => Assert.Equal((3UL, 80, 80), (f.Model.Seed, f.Model.Validation, f.Dense.Validation.Images)));
        Assert.Contains(reports, r => r is { Phase: "prune", Iteration: null, Epoch: > 0 });
        Assert.Contains(reports, r => r.Iteration is { Decision: Decision.Raise });

        Assert.Equal("dense", Assert.Throws<UserException>(() => Pruner.Prune(device, data, found[1].Model)).Parameter);
    }

    [Fact]
    public void A_run_that_is_cancelled_ends()
    {
        using var device = ComputeDevice.Cpu();
        var data = new ImageData(SmallSet.Make(SmallSet.TrainCount, 1), SmallSet.Make(SmallSet.TestCount, 2), "");
        using var source = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pruner.Prune(
            device, data, "fc10", Small with { DenseEpochs = 100_000 }, progress: new Canceller(source), cancellation: source.Token));
    }

    [Fact]
    public void What_cannot_be_had_is_refused_by_the_name_of_its_property()
    {
        using var device = ComputeDevice.Cpu();
        var data = new ImageData(SmallSet.Make(SmallSet.TrainCount, 1), SmallSet.Make(SmallSet.TestCount, 2), "");
        foreach (var (name, options) in ((string, PruneOptions)[])
            [
                (nameof(PruneOptions.Epochs), Small with { Epochs = 0 }),
                (nameof(PruneOptions.DenseEpochs), Small with { DenseEpochs = 0 }),
                (nameof(PruneOptions.Validation), Small with { Validation = 0 }),
                (nameof(PruneOptions.MaxDrop), Small with { MaxDrop = double.NaN }),
                (nameof(PruneOptions.TargetRatio), Small with { DenseEpochs = 1, TargetRatio = 1e9 }),
            ])
        {
            var error = Assert.Throws<UserException>(() => Pruner.Prune(device, data, "fc10", options));
            Assert.Equal((ErrorKind.Usage, name), (error.Kind, error.Parameter));
            Assert.StartsWith($"{name}: expected ", error.Message);
        }
        Assert.Equal(ErrorKind.Usage, Assert.Throws<UserException>(() => Pruner.Prune(device, data, "fc9", Small)).Kind);
    }

    /// <summary>No console, no options, no program: what the library is made of refers to none of them.</summary>
    [Fact]
    public void The_library_refers_to_no_part_of_the_command_line()
    {
        foreach (var assembly in (System.Reflection.Assembly[])
            [typeof(Pruner).Assembly, typeof(Trainer).Assembly, typeof(ComputeDevice).Assembly])
        {
            string?[] references = [.. assembly.GetReferencedAssemblies().Select(a => a.Name)];
            Assert.DoesNotContain("System.CommandLine", references);
            Assert.DoesNotContain("System.Console", references);
            Assert.DoesNotContain("secateurs", references);
        }
    }

    /// <summary>Leaves the dense network as it is.</summary>
    private sealed class Nothing : IPruningMethod
    {
        public string Name => "nothing";

        public IReadOnlyList<PruneOutcome> Run(PruneSession session) => [new PruneOutcome(0, 0, 0, 0, 0, true, session.Trainer.Save())];
    }

    private sealed class Listener(List<PruneProgress> reports) : IProgress<PruneProgress>
    {
        public void Report(PruneProgress value) => reports.Add(value);
    }

    private sealed class Canceller(CancellationTokenSource source) : IProgress<PruneProgress>
    {
        public void Report(PruneProgress value) => source.Cancel();
    }
}
