using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Methods;
using Tests.PruningTests;

namespace Tests.ModelTests;

public sealed class TeacherTests
{
    /// <summary>A layer that is computed from its live weights alone has others after the mask has changed.</summary>
    [Fact]
    public void A_dense_network_teaches_as_a_whole_after_a_pruned_one_has_trained()
    {
        using var device = ComputeDevice.Cpu(2);
        var data = SmallSet.Make(200, 1);
        using var trainer = new Trainer(device, NetworkDescription.Parse("fc16r fc10"), new TrainerOptions(20), data, data, data);
        float[] Learn(TrainerState start)
        {
            trainer.Restore(start);
            trainer.RestartOrder();
            trainer.Train(15, _ => new StepRates(1e-3));
            return trainer.Parameters.GetWeights();
        }

        trainer.Train(10, _ => new StepRates(1e-3));
        var dense = trainer.Save();
        trainer.Teach(1, 2);
        float[] expected = Learn(dense);
        var pruner = new LayerPruner(trainer);
        pruner.Prune([.. pruner.Layers.Select((l, i) => pruner.Magnitude(i, (int)(0.95 * l.WeightCount)))]);
        Learn(trainer.Save());
        trainer.Restore(dense);
        trainer.Teach(1, 2);
        Assert.Equal(expected, Learn(dense));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void A_teacher_changes_what_is_learned_and_leaves_no_trace(int views)
    {
        using var device = ComputeDevice.Cpu(2);
        var data = SmallSet.Make(200, 1);
        using var trainer = new Trainer(device, NetworkDescription.Parse("fc16r fc10"), new TrainerOptions(20), data, data, data);
        float[] Learn()
        {
            trainer.RestartOrder();
            // Past the end of an epoch, and not to the end of the next.
            trainer.Train(15, _ => new StepRates(1e-3));
            return trainer.Parameters.GetWeights();
        }

        var start = trainer.Save();
        float[] alone = Learn();
        trainer.Teach(0.5, 2, views);
        trainer.Restore(start);
        float[] taught = Learn();
        Assert.NotEqual(alone, taught);
        trainer.Teach(0, 2, 1);
        trainer.Restore(start);
        Assert.Equal(alone, Learn());
        trainer.Teach(0, 2, views);
        trainer.Restore(start);
        Assert.Equal(views == 1, alone.AsSpan().SequenceEqual(Learn()));
        trainer.DismissTeacher();
        trainer.Restore(start);
        Assert.Equal(alone, Learn());
    }
}
