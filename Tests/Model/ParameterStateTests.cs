using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Methods;
using Tests.PruningTests;

namespace Tests.ModelTests;

public sealed class ParameterStateTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1000)]
    public void What_was_put_in_comes_out_bit_by_bit(int length)
    {
        var random = new Random(7);
        foreach (double density in (double[])[0, 0.01, 0.4, 0.5, 1])
        {
            float[] mask = [.. Enumerable.Range(0, length).Select(_ => random.NextDouble() < density ? 1f : 0f)];
            // Live entries may be any bits at all: -0, NaN, the smallest.
            float[][] buffers =
            [
                .. Enumerable.Range(0, 3).Select(_ => mask
                    .Select(m => m == 1 ? BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)) : 0).ToArray()),
            ];
            var state = new ParameterState([.. buffers[0]], [.. mask], [.. buffers[1]], [.. buffers[2]]);
            AssertSame([.. buffers, mask], state);
            Assert.Equal(12L * mask.Count(m => m == 1) + 8 * ((length + 63) / 64), state.Bytes);
        }
    }

    [Theory]
    [InlineData(0, -0f)]
    [InlineData(0, 1f)]
    [InlineData(1, -0f)]
    [InlineData(2, float.Epsilon)]
    [InlineData(3, 0.5f)]
    [InlineData(3, -0f)]
    public void What_pruning_would_not_leave_is_kept_as_it_is(int buffer, float value)
    {
        float[][] buffers = [.. Enumerable.Range(0, 4).Select(b => new float[] { 1, 0, 0, 1, 0 })];
        buffers[buffer][2] = value;
        var state = new ParameterState([.. buffers[0]], [.. buffers[3]], [.. buffers[1]], [.. buffers[2]]);
        AssertSame(buffers, state);
        // Alone, beside the two that live: weight, two moments, mask where one of them is not 1.
        Assert.Equal(sizeof(float) * 3 * (buffers[3][2] == 1 ? 3 : 4) + sizeof(ulong), state.Bytes);
    }

    [Fact]
    public void A_pruned_trainer_is_restored_and_takes_the_room_of_its_live_weights()
    {
        using var device = ComputeDevice.Cpu(2);
        var data = SmallSet.Make(200, 1);
        using var trainer = new Trainer(
            device, NetworkDescription.Parse("conv4@5r pool2 fc16r fc10"), new TrainerOptions(20), data, data, data);
        trainer.Train(10, _ => new StepRates(1e-3));
        var dense = trainer.Save();
        var pruner = new LayerPruner(trainer);
        pruner.Prune([.. pruner.Layers.Select((l, i) => pruner.Magnitude(i, (int)(0.9 * l.WeightCount)))]);
        trainer.Train(10, _ => new StepRates(1e-3));
        var p = trainer.Parameters;
        float[][] Buffers() =>
            [p.GetWeights(), trainer.Memory.Download(p.FirstMoment), trainer.Memory.Download(p.SecondMoment), p.GetMask()];
        float[][] before = Buffers();
        var pruned = trainer.Save();
        Assert.InRange(pruned.Parameters.Bytes, 1, dense.Parameters.Bytes / 5);
        trainer.Restore(dense);
        Assert.All(p.GetMask(), m => Assert.Equal(1, m));
        Assert.False(p.IsPruned);
        trainer.Restore(pruned);
        Assert.Equal(
            before.SelectMany(b => b).Select(BitConverter.SingleToInt32Bits),
            Buffers().SelectMany(b => b).Select(BitConverter.SingleToInt32Bits));
        Assert.True(p.IsPruned);
    }

    private static void AssertSame(float[][] buffers, ParameterState state)
    {
        float[][] found = [state.Weight, .. state.Moments, state.Mask];
        Assert.Equal(
            buffers.SelectMany(b => b).Select(BitConverter.SingleToInt32Bits),
            found.SelectMany(b => b).Select(BitConverter.SingleToInt32Bits));
    }
}
