using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;

namespace Tests.ModelTests;

/// <summary>A GPU fetches the next step's images while it learns from these, into one of two buffers.</summary>
[Collection(nameof(KernelSuite))]
public sealed class StepsTests
{
    private const int Images = 96, Batch = 16;

    /// <summary>Small: a simulator has a thousand times as long.</summary>
    private static readonly DataShape Shape = new(1, 12, 12, 10, [0.01f], [0]);

    public static TheoryData<string> Devices
    {
        get
        {
            var rows = new TheoryData<string>();
            foreach (string device in (string[])
                [TestDevices.FastCpus.First(), TestDevices.Simulator, TestDevices.Ptx, TestDevices.OpenCl, TestDevices.Cuda])
            {
                rows.Add(new TheoryDataRow<string>(device) { Skip = TestDevices.WhyNot(device) });
            }
            return rows;
        }
    }

    /// <summary>Whole epochs, parts of epochs, odd and even numbers of steps, with measurements in between: the same bits.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Steps_in_one_run_are_those_one_by_one(string device)
    {
        using Trainer together = Open(device), apart = Open(device);
        foreach (int steps in (int[])[6, 1, 3, 9, 2])
        {
            double loss = together.Train(steps, _ => new StepRates(1e-2)).Loss, sum = 0;
            for (int step = 0; step < steps; step++)
                sum += apart.Train(1, _ => new StepRates(1e-2)).Loss;
            Assert.Equal(sum / steps, loss, 1e-5);
            Assert.Equal(apart.Evaluate(Part.Validation), together.Evaluate(Part.Validation));
        }
        Assert.Equal(apart.Parameters.GetWeights(), together.Parameters.GetWeights());
    }

    /// <summary>Batches that leave places blank, with teacher, profile and measurements in between.</summary>
    [Theory]
    [InlineData("fc10", 20)]
    [InlineData("pool2 fc10", 17)]
    [InlineData("avgpool3 conv3@3r avgpool2 fc10", 17)]
    [InlineData("conv2@5 pool2 fc5r fc10", 33)]
    public void So_they_are_whatever_comes_between(string network, int batch)
    {
        using Trainer together = Open(TestDevices.Ptx, network, batch), apart = Open(TestDevices.Ptx, network, batch);
        Steps(3);
        Both(t => t.Evaluate(Part.Validation));
        Steps(4);
        Both(t => t.Teach(0.5, 2, 3));
        Steps(5);
        Both(t => t.Evaluate(Part.Training));
        Steps(2);
        Both(t => t.DismissTeacher());
        Both(t => t.ProfileEpoch(_ => new StepRates(1e-2)));
        Steps(7);
        Both(t => t.Parameters.SetMask([.. t.Parameters.GetMask().Select((m, i) => i == 1 ? 0 : m)]));
        Steps(4);

        void Both(Action<Trainer> action)
        {
            action(together);
            action(apart);
        }

        void Steps(int steps)
        {
            together.Train(steps, _ => new StepRates(1e-2));
            for (int step = 0; step < steps; step++)
                apart.Train(1, _ => new StepRates(1e-2));
            Assert.Equal(apart.Parameters.GetWeights(), together.Parameters.GetWeights());
        }
    }

    private static Trainer Open(string device, string network = "fc12r fc10", int batch = Batch)
    {
        var random = new Random(7);
        var pixels = new byte[2 * Images * Shape.BytesPerImage];
        random.NextBytes(pixels);
        int[] labels = [.. Enumerable.Range(0, 2 * Images).Select(_ => random.Next(Shape.Classes))];
        DataSet Part(int first) => new(
            Shape,
            pixels[(first * Shape.BytesPerImage)..((first + Images) * Shape.BytesPerImage)], labels[first..(first + Images)]);
        return new Trainer(
            TestDevices.Get(device), NetworkDescription.Parse(network, Shape), new TrainerOptions(batch),
            Part(0), Part(Images), DataSet.Empty(Shape));
    }
}
