using Secateurs.Kernels;
using Secateurs.Kernels.SelfTest;
using Secateurs.Model;

namespace Tests.KernelTests;

[Collection(nameof(KernelSuite))]
public sealed class LaunchTests
{
    public static TheoryData<string, string> Cases => KernelSuite.Rows(LaunchCases.All);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operations_that_share_a_launch_give_what_they_give_alone(string device, string name) => KernelSuite.Run(device, name);

    [Theory]
    [InlineData("lenet-300-100", 33, 5)]
    [InlineData("lenet-5", 33, 14)]
    [InlineData("lenet-5-caffe", 33, 13)]
    [InlineData("lenet-300-100", 128, 5)]
    [InlineData("lenet-5", 128, 14)]
    [InlineData("lenet-5-caffe", 128, 13)]
    [InlineData("lenet-5-caffe", 256, 16)]
    public void A_training_step_is_a_few_launches_with_a_teacher_or_without(string network, int batch, int expected)
    {
        using var trainer = TrainingPrograms.Trainer(network, batch);
        Assert.Equal(expected, trainer.TrainingStep.LaunchCount);
        trainer.Teach(0.5, 2);
        Assert.Equal(expected, trainer.TrainingStep.LaunchCount);
        // Nothing is lost or done twice, nor does one of the two turns differ from the other.
        Assert.Equal(
            trainer.TrainingStep.Operations.Select(o => o.Name).Order(), trainer.TrainingStep.Launches.SelectMany(l => l.Names).Order());
        var turns = trainer.TrainingStep.Turns;
        Assert.Equal(2, turns.Count);
        Assert.Equal(turns[0].Select(l => string.Join(", ", l.Names)), turns[1].Select(l => string.Join(", ", l.Names)));
    }

    [Fact]
    public void Launches_of_a_stage_come_before_those_of_the_next()
    {
        using var trainer = TrainingPrograms.Trainer("lenet-5");
        Launch[][] stages = [.. trainer.TrainingStep.Operations.Select(o => o.Launch!).Chunk(7)];
        string[] planned = [.. Launch.Plan(stages, 1024).SelectMany(l => l.Names)];
        foreach (var stage in stages)
        {
            Assert.Equal(stage.Select(l => l.Name).Order(), planned.Take(stage.Length).Order());
            planned = planned[stage.Length..];
        }
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(1024)]
    public void A_device_that_takes_fewer_arguments_gets_more_launches(int bytes)
    {
        using var trainer = TrainingPrograms.Trainer("lenet-5");
        Launch[] all = [.. trainer.TrainingStep.Operations.Select(o => o.Launch!)];
        var plan = Launch.Plan([all], bytes);
        Assert.All(plan, l => Assert.InRange(l.ParameterBytes, 1, bytes));
        Assert.InRange(plan.Count, all.Sum(l => l.ParameterBytes) / bytes, all.Length / 2);
        Assert.Equal(all.Select(l => l.Name).Order(), plan.SelectMany(l => l.Names).Order());
    }
}

/// <summary>Training steps of the networks as a GPU gets them, on the simulated GPU.</summary>
internal static class TrainingPrograms
{
    public static Trainer Trainer(string network, int batch = 33)
    {
        var data = new DataSet(Mnist.Shape, new byte[batch * Mnist.Shape.BytesPerImage], new int[batch]);
        return new Trainer(
            TestDevices.Get(TestDevices.Simulator), NetworkDescription.Parse(network), new TrainerOptions(batch), data,
            DataSet.Empty(Mnist.Shape), DataSet.Empty(Mnist.Shape));
    }
}
