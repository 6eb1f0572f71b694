using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;

namespace Tests.PruningTests;

/// <summary>What a log does not show.</summary>
public sealed class DynamicPruningTests
{
    private static readonly PruneOptions Short = new() { DenseEpochs = 2, Epochs = 1 };

    [Theory]
    [InlineData(0.5, 1)]
    [InlineData(4, 4)]
    public void A_longer_cycle_is_gentler_and_a_shorter_one_is_not_harsher(double length, double gentleness)
    {
        using var device = ComputeDevice.Cpu(2);
        float[] Learn(PruneOptions options, double length)
        {
            using var trainer = Open(device);
            var session = Dense(trainer, options);
            var cycle = new Cycle(session, 1, 10, length);
            cycle.Rise();
            cycle.Anneal();
            return trainer.Parameters.GetWeights();
        }

        var usual = Short with { CycleShare = 0.1 };
        var equal = usual with { CycleShare = length * 0.1, PruneRate = usual.PruneRate / gentleness, Decay = usual.Decay / gentleness };
        Assert.Equal(Learn(equal, 1), Learn(usual, length));
        Assert.NotEqual(Learn(equal with { Decay = 2 * equal.Decay }, 1), Learn(usual, length));
    }

    [Fact]
    public void A_cycle_goes_on_from_the_middle_of_the_one_before()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        var method = new DynamicPruning();
        method.Run(Dense(trainer, Short with { FirstRatio = 20, MaxDrop = new Budgets(100) }));

        // Up to the fourth each is lighter than the one before, and steps since the dense network tell where it came from.
        var way = method.Within(100).Where(n => n.Length > 0).Take(4).ToArray();
        Assert.Equal([20, 40, 80, 160], way.Select(n => n.Ratio));
        long origin = 0;
        foreach (var network in way)
        {
            Assert.True(network.Middle!.Updates > origin);
            Assert.Equal(network.State.Updates - network.Middle.Updates, network.Middle.Updates - origin);
            origin = network.Middle.Updates;
        }
    }

    [Fact]
    public void A_probe_takes_what_matters_least_from_the_dense_network_up_to_what_each_budget_allows_and_changes_nothing_else()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        double[] budgets = [2, 10];
        var rows = new Rows();
        var session = Dense(trainer, Short with { MaxDrop = new Budgets(budgets) }, rows);
        var dense = trainer.Save().Parameters;
        var method = new DynamicPruning();
        method.Run(session);

        int total = trainer.Parameters.WeightCount;
        var judged = rows.All.Where(r => r.Phase == "probe").ToArray();
        foreach (double budget in budgets)
        {
            var probes = method.Within(budget).Where(n => n.Length == 0).ToArray();
            Assert.NotEmpty(probes);
            foreach (var probe in probes)
            {
                var state = probe.State.Parameters;
                Assert.Equal((int)(total / probe.Ratio), probe.Kept);
                Assert.Equal(dense.Weight.Zip(state.Mask, (w, m) => w * m), state.Weight);
                trainer.Restore(probe.State);
                Assert.Equal(probe.Validation.Correct, trainer.Evaluate(Part.Validation).Correct);
                Assert.InRange(probe.Validation.Correct, session.Needed(budget), probe.Validation.Images);
            }
            // The next lighter one that was tried is close and outside.
            int best = probes.Min(n => n.Kept);
            var next = judged.Where(r => r.Kept < best).MaxBy(r => r.Kept)!;
            Assert.InRange((double)best / next.Kept, 1, 1.21);
            Assert.True(next.ValidationAccuracy < 100.0 * session.Needed(budget) / session.Dense.Score.Images);
        }

        // Gradients count, not magnitude alone: some weight that went is larger than one that stayed.
        var lightest = method.Within(10).Where(n => n.Length == 0).MinBy(n => n.Kept)!.State.Parameters;
        Assert.Contains(lightest.Moments[1], v => v > 0);
        var weights = trainer.Parameters.Layers.SelectMany(l => Enumerable.Range(l.WeightOffset, l.WeightCount)).ToArray();
        float smallestKept = weights.Where(i => lightest.Mask[i] == 1).Min(i => Math.Abs(dense.Weight[i]));
        Assert.Contains(weights, i => lightest.Mask[i] == 0 && Math.Abs(dense.Weight[i]) > smallestKept);

        // Cycles begin at half the weights of the lightest by the largest budget.
        var first = rows.All.First(r => r.Phase == "prune");
        Assert.Equal((int)(total / (2 * method.Within(10).Where(n => n.Length == 0).Max(n => n.Ratio))), first.Kept);
    }

    [Fact]
    public void A_probe_leaves_no_trace_in_what_is_retrained()
    {
        using var device = ComputeDevice.Cpu(2);
        using Trainer one = Open(device), two = Open(device);
        var options = Short with { FirstRatio = 10, MaxDrop = new Budgets(60) };
        var cycle = new Cycle(Dense(one, options), 1, 10, 0.5);
        cycle.Rise();
        cycle.Anneal();
        var method = new DynamicPruning();
        method.Run(Dense(two, options));
        var first = method.Within(60).First(n => n.Length > 0);
        Assert.Equal(0.5, first.Length);
        Assert.Equal(one.Parameters.GetWeights(), first.State.Parameters.Weight);
    }

    [Theory]
    [InlineData("probe")]
    [InlineData("prune")]
    public void A_search_ends_with_the_first_network_that_is_light_enough(string phase)
    {
        using var device = ComputeDevice.Cpu(2);
        using Trainer one = Open(device), two = Open(device);
        var options = Short with { MaxDrop = new Budgets(5) };
        Rows all = new(), rows = new();
        var method = new DynamicPruning();
        method.Run(Dense(one, options, all));
        double borne = method.Within(5).Where(n => n.Length == 0).Max(n => n.Ratio), enough = phase == "probe" ? borne : 1.01 * borne;

        var outcome = Assert.Single(new DynamicPruning().Run(Dense(two, options with { Enough = enough }, rows)));

        var first = method.Within(5).First(n => n.Ratio >= enough);
        Assert.Equal((first.Iteration, true), (outcome.Iteration, outcome.WithinBudget));
        Assert.Equal(all.All.Take(first.Iteration).Select(r => r.Judged), rows.All.Select(r => r.Judged));
        Assert.Equal(phase, rows.All[^1].Phase);
        Assert.True(rows.All.Count < all.All.Count);
    }

    private static Trainer Open(ComputeDevice device) => new(
        device, NetworkDescription.Parse("fc8r fc10"), new TrainerOptions(16),
        SmallSet.Make(400, 1), SmallSet.Make(100, 2), SmallSet.Make(40, 3));

    private static PruneSession Dense(Trainer trainer, PruneOptions options, Rows? rows = null)
    {
        var session = new PruneSession(trainer, options, rows ?? new Rows(), CancellationToken.None);
        session.TrainDense();
        return session;
    }

    private sealed class Rows : IRunObserver
    {
        public List<IterationRow> All { get; } = [];

        public void Iteration(IterationRow row, IReadOnlyList<LayerRow> layers) => All.Add(row);

        public void Best(int iteration) { }

        public void Say(string line) { }

        public void Progress(string phase, double epoch, double epochs, double loss) { }
    }
}
