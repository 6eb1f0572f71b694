using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Methods;

namespace Tests.PruningTests;

/// <summary>What a log does not show.</summary>
public sealed class DynamicPruningTests
{
    private static readonly PruneOptions Short = new() { DenseEpochs = 2, Epochs = 1 };

    [Fact]
    public void The_ratio_grows_with_the_square_of_the_time()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        // A hundredth of the weights after 1 x 8 epochs: r = (t / 0.8)^2, t in epochs.
        var path = new PruningPath(Dense(trainer, Short with { PathShare = 8 }), 4);
        int total = trainer.Parameters.WeightCount;
        path.Move();
        Assert.Equal((4, total), (path.Ratio, Live(trainer)));
        for (int move = 1; move <= 10; move++)
        {
            path.Move();
            double ratio = Math.Pow((1.6 + 0.25 * move) / 0.8, 2);
            Assert.Equal(ratio, path.Ratio, 1e-9);
            Assert.Equal((int)(total / ratio), Live(trainer));
        }
        path.GoTo(30);
        Assert.Equal((30, total / 30), (path.Ratio, Live(trainer)));
        // Annealing has 0.4 of the time that the way has, down to here or to a fiftieth of the weights, and prunes nothing.
        long before = trainer.Updates;
        double epochs = path.Anneal();
        Assert.Equal(0.4 * 0.8 * Math.Sqrt(50), epochs, 0.13);
        Assert.Equal(epochs * trainer.StepsPerEpoch, trainer.Updates - before, 1e-9);
        Assert.Equal(total / 30, Live(trainer));
    }

    [Fact]
    public void Rate_and_decay_rise_with_the_time_until_a_twentieth_of_the_weights()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        var path = new PruningPath(Dense(trainer, Short with { PathShare = 8, PruneRate = 2e-3 }), 4);
        foreach (double ratio in (double[])[5, 10, 20, 40])
        {
            path.GoTo(ratio);
            double part = Math.Min(1, Math.Sqrt(ratio / 20));
            Assert.Equal(2e-3 * part, path.Rates.Rate, 1e-12);
            Assert.Equal(5e-4 * part, path.Rates.Decay, 1e-12);
            Assert.Equal(path.Rates.Rate, path.Last.Rate);
        }
    }

    [Fact]
    public void Sgd_begins_slowly()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        var rows = new IterationRows();
        Dense(trainer, Short with { Optimizer = Optimizer.Sgd, LearningRate = 0.01, DenseEpochs = 20 }, rows);
        double Cosine(int epochs) =>
            0.005 * (1 + Math.Cos(Math.PI * (epochs * trainer.StepsPerEpoch - 1) / (20 * trainer.StepsPerEpoch)));
        // Two epochs of twenty are a tenth.
        Assert.Equal(Cosine(1) / 2, rows.All[0].LearningRate, 1e-9);
        Assert.Equal(Cosine(2), rows.All[1].LearningRate, 1e-9);
        Assert.Equal(Cosine(3), rows.All[2].LearningRate, 1e-9);
    }

    [Fact]
    public void The_mean_of_the_last_moves_is_of_live_weights_and_near_to_them()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        var path = new PruningPath(Dense(trainer, Short), 4);
        var weights = new List<float[]>();
        for (int move = 0; move < 3; move++)
        {
            path.Move();
            weights.Add(trainer.Parameters.GetWeights());
        }
        float[] mask = trainer.Parameters.GetMask();
        path.Averaged();
        // The first three moves count alike; a weight that has gone since counts nothing.
        Assert.Equal(
            mask.Select((m, i) => m * weights.Average(w => w[i])), trainer.Parameters.GetWeights(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void What_is_annealed_goes_on_from_the_last_look_with_more_weights()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        var method = new DynamicPruning();
        var rows = new IterationRows();
        method.Run(Dense(trainer, Short with { FirstRatio = 4, PathShare = 8, MaxDrop = new Budgets(30) }, rows));

        var looks = method.Within(30).Where(n => n.OnTheWay is not null).ToArray();
        Assert.True(looks.Length > 3);
        Assert.All(looks.Zip(looks.Skip(1)), p => Assert.InRange(p.Second.Ratio / p.First.Ratio, 1.41, 2));
        var annealed = rows.All.Where(r => r.Judged?.Annealed > 0).ToArray();
        Assert.InRange(annealed.Length, 1, 3);
        foreach (var row in annealed)
        {
            var before = rows.All.Last(r => r is { Phase: "prune", Judged.Annealed: 0 } && r.Judged.Ratio <= row.Judged!.Ratio);
            Assert.Equal(before.Iteration, row.Judged!.Origin);
            Assert.Equal((int)(trainer.Parameters.WeightCount / row.Judged.Ratio), row.Kept);
        }
    }

    [Theory]
    [InlineData(6)]
    [InlineData(8)]
    public void A_look_that_is_the_lightest_within_the_budget_is_annealed_before_the_end(double budget)
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        var rows = new IterationRows();
        var method = new DynamicPruning();
        var outcome = Assert.Single(method.Run(Dense(trainer, Short with { PathShare = 8, MaxDrop = new Budgets(budget) }, rows)));

        var look = method.Within(budget).Where(t => t.OnTheWay is not null).MinBy(t => t.Kept)!;
        var last = rows.All[^1];
        Assert.Equal((look.Ratio, look.Iteration), (last.Judged!.Ratio, last.Judged.Origin));
        Assert.True(last.Judged.Annealed > 0);
        // Of equals the annealed one.
        Assert.Equal(look.Validation.Correct, (int)Math.Round(last.ValidationAccuracy * look.Validation.Images / 100));
        Assert.Equal(last.Iteration, outcome.Iteration);
    }

    [Fact]
    public void A_probe_takes_what_matters_least_from_the_dense_network_up_to_what_each_budget_allows_and_changes_nothing_else()
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = Open(device);
        double[] budgets = [2, 10];
        var rows = new IterationRows();
        var session = Dense(trainer, Short with { MaxDrop = new Budgets(budgets) }, rows);
        var dense = trainer.Save().Parameters;
        var method = new DynamicPruning();
        method.Run(session);

        int total = trainer.Parameters.WeightCount;
        var judged = rows.All.Where(r => r.Phase == "probe").ToArray();
        foreach (double budget in budgets)
        {
            var probes = Probes(method, budget);
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
        var lightest = Probes(method, 10).MinBy(n => n.Kept)!.State.Parameters;
        Assert.Contains(lightest.Moments[1], v => v > 0);
        var weights = trainer.Parameters.Layers.SelectMany(l => Enumerable.Range(l.WeightOffset, l.WeightCount)).ToArray();
        float smallestKept = weights.Where(i => lightest.Mask[i] == 1).Min(i => Math.Abs(dense.Weight[i]));
        Assert.Contains(weights, i => lightest.Mask[i] == 0 && Math.Abs(dense.Weight[i]) > smallestKept);
    }

    [Fact]
    public void A_probe_leaves_no_trace_on_the_way_down()
    {
        using var device = ComputeDevice.Cpu(2);
        using Trainer one = Open(device), two = Open(device);
        var options = Short with { FirstRatio = 10, MaxDrop = new Budgets(60) };
        var session = Dense(one, options);
        PruningPath.Teach(session);
        var path = new PruningPath(session, 10);
        var method = new DynamicPruning();
        method.Run(Dense(two, options));
        var first = method.Within(60).First(n => n.OnTheWay is not null);
        path.GoTo(first.Ratio);
        Assert.Equal(one.Parameters.GetWeights(), first.OnTheWay!.Parameters.Weight);
        path.Averaged();
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
        IterationRows all = new(), rows = new();
        var method = new DynamicPruning();
        method.Run(Dense(one, options, all));
        double borne = Probes(method, 5).Max(n => n.Ratio), enough = phase == "probe" ? borne : 1.01 * borne;

        var outcome = Assert.Single(new DynamicPruning().Run(Dense(two, options with { Enough = enough }, rows)));

        var first = method.Within(5).First(n => n.Ratio >= enough);
        Assert.Equal((first.Iteration, true), (outcome.Iteration, outcome.WithinBudget));
        Assert.Equal(all.All.Take(first.Iteration).Select(r => r.Judged), rows.All.Select(r => r.Judged));
        Assert.Equal(phase, rows.All[^1].Phase);
        Assert.True(rows.All.Count < all.All.Count);
    }

    private static Trial[] Probes(DynamicPruning method, double budget) =>
        [.. method.Within(budget).Where(n => n is { OnTheWay: null, Annealed: 0 })];

    private static int Live(Trainer trainer) => new LayerPruner(trainer).Moments().Sum(m => m.Live);

    private static Trainer Open(ComputeDevice device) => new(
        device, NetworkDescription.Parse("fc8r fc10"), new TrainerOptions(16),
        SmallSet.Make(400, 1), SmallSet.Make(100, 2), SmallSet.Make(40, 3));

    private static PruneSession Dense(Trainer trainer, PruneOptions options, IterationRows? rows = null)
    {
        var session = new PruneSession(trainer, options, rows ?? new IterationRows(), CancellationToken.None);
        session.TrainDense();
        return session;
    }
}
