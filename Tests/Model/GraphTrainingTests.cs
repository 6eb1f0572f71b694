using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;

namespace Tests.ModelTests;

/// <summary>
/// Whole networks with all kinds of layers, branches and values that several layers read: a step's gradients are the slopes of the loss, on
/// every device.
/// </summary>
[Collection(nameof(KernelSuite))]
public sealed class GraphTrainingTests
{
    /// <summary>Batches that leave places blank, which no statistics may count.</summary>
    private const int Batch = 19;

    private static readonly DataShape Shape = new(2, 9, 8, 3, [0.01f, 0.02f], [-1, -0.5f]);

    private static readonly string[] Lines =
    [
        "conv4@3p1br [conv4@3p1br conv4@3p1b | ]+r [conv5@3s2p1br conv5@3p1b | conv5@1s2b]+r gap fc3",
        "[conv3@3p1 | conv3@1r | conv3@5p2r]+ [pool3s1p1 | | avgpool3s1p1]+r pool3s2p1 br fc6 b fc3",
        "b conv3@3s2p2r [ | conv3@1r]+ [[conv3@3p1r | ]+r conv3@1 | ]+ avgpool2 fc5r fc3",
        "conv3@3r pool2 [ | ]+ conv3@2 [conv2@1b | conv2@1]+r fc3",
    ];

    /// <summary>Wide enough for minimal filtering, which only the CPU accelerator has.</summary>
    private const string Wide = "conv8@3p1br [conv8@3p1br conv9@3p1b conv8@3p1 | ]+r conv8@3p1r gap fc3";

    /// <summary>Many gradients of one shape, which sums, parts and a first convolution's pooling hold on to.</summary>
    private static readonly string[] Deep =
    [
        "conv6@3p1br [conv6@3p1br conv6@3p1b | ]+r [conv6@3p1br conv6@3p1b | ]+r [conv6@3p1br conv6@3p1b | ]+r gap fc3",
        "conv4@3p1r pool2 conv4@3p1r conv4@3p1r [ | conv4@3p1r [conv4@3p1 | ]+r]+ conv4@3p1r conv4@3p1r fc3",
        "[conv2@3p1 conv2@3p1r | ]+ [conv2@3p1r | conv2@1 conv2@1r | conv2@3p1 ]+ [ | conv2@1 | ]+ conv2@3p1r conv2@3p1r fc4r fc3",
    ];

    /// <summary>Of all weights, and of so few that layers are computed from these alone.</summary>
    public static MatrixTheoryData<string, double> Deeps => new([.. Lines, Wide, .. Deep], [0.8, 0.1]);

    public static TheoryData<string, string> Cases
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (string device in (string[])
                [.. TestDevices.FastCpus.Take(2), TestDevices.Cpu(128, 3), TestDevices.Ptx, TestDevices.OpenCl, TestDevices.Cuda])
            {
                foreach (string line in Lines)
                    rows.Add(new TheoryDataRow<string, string>(device, line) { Skip = TestDevices.WhyNot(device) });
            }
            rows.Add(TestDevices.FastCpus.First(), Wide);
            rows.Add(TestDevices.Cpu(128, 3), Wide);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Deeps))]
    public void Gradients_that_take_each_others_places_are_the_same_bits(string line, double density)
    {
        var data = Data(3 * Batch);
        var (apart, more) = Train(long.MaxValue);
        var (inTurn, less) = Train(0);
        Assert.Equal(apart.Select(BitConverter.SingleToInt32Bits), inTurn.Select(BitConverter.SingleToInt32Bits));
        Assert.True(Deep.Contains(line) ? less < more : less <= more, $"{less} bytes instead of {more}");

        (float[] Weights, long Bytes) Train(long together)
        {
            var model = PlainNetwork.Random(line, density, 0, seed: 3, Shape);
            var options = new TrainerOptions(Batch, UpdateRule.Momentum) { GradientsTogether = together };
            using var trainer = new Trainer(TestDevices.Get(TestDevices.Cpu(256, 2)), model.Network, options, data, data, data);
            trainer.Parameters.SetWeights(model.Weights);
            trainer.Parameters.SetMask(model.Mask);
            trainer.Train(7, _ => new StepRates(0.01));
            return (trainer.Parameters.GetWeights(), trainer.Memory.Buffers.Sum(b => b.LengthInBytes));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_are_the_slopes_of_the_loss(string device, string line)
    {
        const double Step = 1e-6;
        var data = Data(Batch);
        var model = PlainNetwork.Random(line, 0.8, 0, seed: 3, Shape);
        using var trainer = new Trainer(
            TestDevices.Get(device), model.Network, new TrainerOptions(Batch, UpdateRule.Momentum) { Momentum = 0 }, data, data, data);
        trainer.Parameters.SetWeights(model.Weights);
        trainer.Parameters.SetMask(model.Mask);
        trainer.Train(1, _ => new StepRates(1));
        float[] after = trainer.Parameters.GetWeights();

        double[] weights = [.. model.Weights.Select(w => (double)w)];
        byte[][] images = [.. Enumerable.Range(0, Batch).Select(n => data.Image(n).ToArray())];
        int[] labels = [.. data.Labels.Select(l => (int)l)];
        var random = new Random(5);
        foreach (var p in model.Network.Parameters.Where(p => p.Role is not (ParameterRole.Mean or ParameterRole.Variance)))
        {
            double largest = Enumerable.Range(p.Offset, p.Count).Max(i => Math.Abs(model.Weights[i] - after[i]));
            for (int n = 0; n < 4; n++)
            {
                int i = p.Offset + random.Next(p.Count);
                double gradient = (double)model.Weights[i] - after[i];
                double slope = model.Mask[i] == 0 ? 0 : (Moved(i, Step) - Moved(i, -Step)) / (2 * Step);
                Assert.True(
                    Math.Abs(slope - gradient) <= 1e-3 * Math.Max(Math.Abs(slope), largest) + 2e-6,
                    $"{p.Name}[{i - p.Offset}]: gradient {gradient}, slope {slope}, largest {largest}");
            }
        }

        double Moved(int i, double by)
        {
            double[] moved = [.. weights];
            moved[i] += by;
            return PlainNetwork.Loss(model.Network, moved, images, labels);
        }
    }

    /// <summary>The simulator of PTX has a second for each step of a large network: one of them has to do there.</summary>
    public static TheoryData<string, string> Courses
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (var row in Cases.Where(r => r.Data.Item1 != TestDevices.Ptx || r.Data.Item2 == Lines[^1]))
                rows.Add(row);
            return rows;
        }
    }

    /// <summary>Running averages go to what all batches have; dense, pruned and compacted, networks answer as they were measured.</summary>
    [Theory]
    [MemberData(nameof(Courses))]
    public void What_was_trained_answers_as_it_was_measured(string device, string line)
    {
        var data = Data(3 * Batch);
        var network = NetworkDescription.Parse(line, Shape);
        using var trainer = new Trainer(TestDevices.Get(device), network, new TrainerOptions(Batch), data, data, data);
        double first = trainer.Train(3, _ => new StepRates(5e-3)).Loss;
        trainer.Train(12, _ => new StepRates(5e-3));
        Prune(trainer, 3);
        double last = trainer.Train(15, _ => new StepRates(5e-3)).Loss;
        Prune(trainer, 9);
        last = Math.Min(last, trainer.Train(15, _ => new StepRates(5e-3)).Loss);
        Assert.True(last < first, $"the loss was {first}, is {last}");
        var mask = trainer.Parameters.GetMask();
        Assert.All(trainer.Parameters.GetWeights().Zip(mask), w => Assert.True(float.IsFinite(w.First) && (w.Second != 0 || w.First == 0)));

        var state = trainer.Save();
        var outcomes = trainer.EvaluateEach(Part.Test);
        Assert.Equal(outcomes.Correct, trainer.EvaluateEach(Part.Test).Correct);
        var model = Checkpoint.Of(trainer, state.Parameters, 1, 0, new Dictionary<string, string>());
        foreach (int batch in (int[])[1, data.Count])
        {
            using var predictor = new Predictor(TestDevices.Get(device), model, batch);
            for (int n = 0; n < Math.Min(3, data.Count / batch); n++)
            {
                data.Images.AsSpan(n * batch * Shape.BytesPerImage, batch * Shape.BytesPerImage).CopyTo(predictor.Images);
                predictor.Run(batch);
                for (int i = 0; i < batch; i++)
                {
                    double[] probabilities = predictor.Probabilities(i);
                    Assert.Equal(outcomes.Loss[n * batch + i], -Math.Log(probabilities[data.Labels[n * batch + i]]), 2e-3);
                }
            }
        }
    }

    /// <summary>As steps of rate zero would, which move moments too.</summary>
    [Fact]
    public void Running_averages_alone_follow_weights_that_were_changed_without_training()
    {
        var data = Data(3 * Batch);
        Trainer Open(string line) => new(
            TestDevices.Get(TestDevices.FastCpus.First()), NetworkDescription.Parse(line, Shape), new TrainerOptions(Batch), data, data,
            data);

        using Trainer normalised = Open(Lines[0]), trained = Open(Lines[0]), plain = Open("fc8r fc3"), same = Open("fc8r fc3");
        foreach (var trainer in (Trainer[])[normalised, trained])
        {
            trainer.Train(4, _ => new StepRates(5e-3));
            Prune(trainer, 3);
        }
        float[] before = normalised.Parameters.GetWeights();
        long updates = normalised.Updates;
        normalised.Normalise(TestContext.Current.CancellationToken);
        trained.Train(32, _ => default, TestContext.Current.CancellationToken);
        Assert.Equal(trained.Parameters.GetWeights(), normalised.Parameters.GetWeights());
        var moved = before.Zip(normalised.Parameters.GetWeights()).Select(p => p.First != p.Second).ToArray();
        foreach (var p in normalised.Network.Parameters)
            Assert.Equal(p.Role is ParameterRole.Mean or ParameterRole.Variance, moved.AsSpan(p.Offset, p.Count).Contains(true));
        Assert.Equal(updates, normalised.Updates);
        Assert.Equal(trained.Evaluate(Part.Validation), normalised.Evaluate(Part.Validation));

        plain.Normalise(TestContext.Current.CancellationToken);
        Assert.Equal(same.Train(2, _ => new StepRates(1e-3)).Loss, plain.Train(2, _ => new StepRates(1e-3)).Loss);
    }

    [Fact]
    public void Values_are_dropped_while_a_network_learns_and_not_while_it_answers()
    {
        var data = Data(Batch);
        Trainer Open(string line)
        {
            var trainer = new Trainer(
                TestDevices.Get(TestDevices.FastCpus.First()), NetworkDescription.Parse(line, Shape), new TrainerOptions(Batch), data, data,
                data);
            return trainer;
        }

        using Trainer dropping = Open("fc8r drop0.5 fc3"), plain = Open("fc8r fc3"), again = Open("fc8r drop0.5 fc3");
        Assert.Equal(plain.Evaluate(Part.Test), dropping.Evaluate(Part.Test));
        double first = dropping.Train(1, _ => default).Loss, second = dropping.Train(1, _ => default).Loss;
        Assert.NotEqual(first, second);
        Assert.NotEqual(plain.Train(1, _ => default).Loss, first);
        Assert.Equal((first + second) / 2, again.Train(2, _ => default).Loss, 1e-6);
    }

    private static void Prune(Trainer trainer, int every)
    {
        float[] mask = trainer.Parameters.GetMask(), weights = trainer.Parameters.GetWeights();
        foreach (var slice in trainer.Network.Slices)
            for (int i = slice.WeightOffset; i < slice.WeightOffset + slice.WeightCount; i++)
                if (every > 5 ? i % every > 0 : i % every == 0)
                    mask[i] = weights[i] = 0;
        trainer.Parameters.SetMask(mask);
        trainer.Parameters.SetWeights(weights);
    }

    private static DataSet Data(int count)
    {
        var random = new Random(11);
        var labels = Enumerable.Range(0, count).Select(i => i % Shape.Classes).ToArray();
        byte[] pixels =
        [
            .. labels.SelectMany(l => Enumerable.Range(0, Shape.BytesPerImage)
                .Select(i => (byte)Math.Clamp(random.Next(256) + (i % 3 == l ? 60 : -30), 0, 255))),
        ];
        return new DataSet(Shape, pixels, [.. labels.Select(l => (ushort)l)]);
    }
}
