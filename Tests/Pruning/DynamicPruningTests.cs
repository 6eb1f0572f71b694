using Kernels;
using Model;
using Pruning.Methods;
using Pruning.Runs;

namespace Tests.PruningTests;

/// <summary>What a log does not show.</summary>
public sealed class DynamicPruningTests
{
    private static readonly PruneOptions Short = new() { DenseEpochs = 2, Epochs = 1 };

    [Fact]
    public void A_cycle_goes_on_from_the_middle_of_the_one_before()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        // Up to the fourth each is lighter than the one before, and steps since the dense network tell where it came from.
        var way = Run(trainer, Short with { FirstRatio = 20, MaxDrop = new Budgets(100) }, 100).Where(n => n.Length > 0).Take(4).ToArray();
        Assert.Equal([20, 40, 80, 160], way.Select(n => n.Ratio));
        long origin = 0;
        foreach (var network in way)
        {
            Assert.True(network.Middle.Updates > origin);
            Assert.Equal(network.State.Updates - network.Middle.Updates, network.Middle.Updates - origin);
            origin = network.Middle.Updates;
        }
    }

    [Fact]
    public void Probes_take_weights_from_the_dense_network_and_change_none_up_to_what_the_budget_allows()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        var session = new PruneSession(trainer, Short with { MaxDrop = new Budgets(5) }, new Silence(), CancellationToken.None);
        session.TrainDense();
        var dense = trainer.Save().Parameters;
        var method = new DynamicPruning();
        method.Run(session);

        var within = method.Within(5).ToArray();
        var probes = within.Where(n => n.Length == 0).ToArray();
        Assert.NotEmpty(probes);
        foreach (var probe in probes)
        {
            var state = probe.State.Parameters;
            Assert.Equal((int)(trainer.Parameters.WeightCount / probe.Ratio), probe.Kept);
            Assert.Equal(dense.Weight.Zip(state.Mask, (w, m) => w * m), state.Weight);
            trainer.Restore(probe.State);
            Assert.InRange(trainer.Evaluate(Part.Validation).Correct, session.Needed(5), probe.Validation.Images);
        }
        // The first that is retrained begins where they end, and from the dense network: its steps alone are counted.
        var first = within.First(n => n.Length > 0);
        Assert.Equal(2 * probes.Max(n => n.Ratio), first.Ratio, 1e-9);
        Assert.Equal(first.State.Updates, 2 * first.Middle.Updates);
    }

    [Fact]
    public void What_probes_did_leaves_no_trace_in_what_is_retrained()
    {
        // Budgets that probes treat differently, but the same way down for the larger one.
        using var device = ComputeDevice.Cpu(2);
        using Trainer one = Open(device), two = Open(device);
        Trial First(Trainer trainer, params double[] budgets) => Run(
            trainer, Short with { FirstRatio = 10, MaxDrop = new Budgets(budgets) }, 60).First(n => n.Length > 0);
        var (alone, shared) = (First(one, 60), First(two, 0, 1, 60));
        Assert.True(shared.Iteration > alone.Iteration, "expected more probes");
        Assert.Equal(alone.State.Parameters.Weight, shared.State.Parameters.Weight);
    }

    private static Trainer Open(ComputeDevice device) => new(
        device, NetworkDescription.Parse("fc8r fc10"), new TrainerOptions(16), SmallSet.Make(400, 1), SmallSet.Make(100, 2), SmallSet.Make(40, 3));

    private static IEnumerable<Trial> Run(Trainer trainer, PruneOptions options, double budget)
    {
        var session = new PruneSession(trainer, options, new Silence(), CancellationToken.None);
        session.TrainDense();
        var method = new DynamicPruning();
        method.Run(session);
        return method.Within(budget);
    }

    private sealed class Silence : IRunObserver
    {
        public void Iteration(IterationRow row, IReadOnlyList<LayerRow> layers) { }

        public void Best(int iteration) { }

        public void Say(string line) { }

        public void Progress(string phase, double epoch, double epochs, double loss, double density) { }
    }
}
