using Kernels;
using Model;
using Pruning.Methods;
using Pruning.Runs;

namespace Tests.PruningTests;

/// <summary>What a log does not show.</summary>
public sealed class DynamicPruningTests
{
    [Fact]
    public void A_cycle_goes_on_from_the_middle_of_the_one_before()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = new Trainer(
            device, NetworkDescription.Parse("fc8r fc10"), new TrainerOptions(16), SmallSet.Make(400, 1), SmallSet.Make(40, 2), SmallSet.Make(40, 3));
        var options = new PruneOptions { DenseEpochs = 1, Epochs = 1, FirstRatio = 20, MaxDrop = new Budgets(100) };
        var session = new PruneSession(trainer, options, new Silence(), CancellationToken.None);
        session.TrainDense();
        var method = new DynamicPruning();
        method.Run(session);

        // Up to the fourth each is lighter than the one before, and steps since the dense network tell where it came from.
        var way = method.Within(100).Take(4).ToArray();
        Assert.Equal([20, 40, 80, 160], way.Select(n => n.Ratio));
        long origin = 0;
        foreach (var network in way)
        {
            Assert.True(network.Middle.Updates > origin);
            Assert.Equal(network.State.Updates - network.Middle.Updates, network.Middle.Updates - origin);
            origin = network.Middle.Updates;
        }
    }

    private sealed class Silence : IRunObserver
    {
        public void Iteration(IterationRow row, IReadOnlyList<LayerRow> layers) { }

        public void Best(int iteration) { }

        public void Say(string line) { }

        public void Progress(string phase, double epoch, double epochs, double loss, double density) { }
    }
}
