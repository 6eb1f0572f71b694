using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;
using Tests.PruningTests;

namespace Tests.ModelTests;

/// <summary>What a profile and an interruption leave behind.</summary>
[Collection(nameof(KernelSuite))]
public sealed class TrainerTests
{
    private const string Convolutional = "conv4@5r pool2 conv6@3r pool2 fc12r fc10";

    private static readonly StepRates Rates = new(1e-3);

    /// <summary>Dense, and with layers of packed live weights; at the beginning of an epoch and in the middle of one.</summary>
    [Theory]
    [InlineData("fc16r fc10", 1, 0)]
    [InlineData("fc16r fc10", 0.1, 0)]
    [InlineData("fc16r fc10", 0.1, 3)]
    [InlineData(Convolutional, 1, 0)]
    [InlineData(Convolutional, 0.1, 0)]
    [InlineData(Convolutional, 0.1, 7)]
    public void A_profiled_epoch_is_a_trained_one(string layers, double density, int before)
    {
        foreach (string device in TestDevices.FastCpus.Take(2))
        {
            using Trainer profiled = Open(device, layers, density), trained = Open(device, layers, density);
            profiled.Train(before, _ => Rates);
            trained.Train(before, _ => Rates);
            var entries = profiled.ProfileEpoch(i => new StepRates(1e-3 * (i + 1)));
            trained.Train(trained.StepsPerEpoch, i => new StepRates(1e-3 * (i + 1)));
            AssertEqual(trained, profiled);
            Assert.Equal(
                [.. profiled.TrainingStep.Operations.Select(o => o.Name), "waiting for other workers"],
                entries.Select(e => e.Name));
            Assert.All(entries, e => Assert.True(e.Seconds > 0));

            Assert.Equal(trained.Train(5, _ => Rates), profiled.Train(5, _ => Rates));
            AssertEqual(trained, profiled);
        }
    }

    [Fact]
    public void A_profile_of_weights_that_are_no_numbers_is_an_error()
    {
        using var trainer = Open(TestDevices.FastCpus.First(), "fc16r fc10", 1);
        trainer.Parameters.SetWeights([.. trainer.Parameters.GetWeights().Select(_ => float.NaN)]);
        Assert.Equal(ErrorKind.Diverged, Assert.Throws<UserException>(() => trainer.ProfileEpoch(_ => Rates)).Kind);
    }

    /// <summary>In the middle of an epoch, wherever that is: what was done counts, and training goes on from there.</summary>
    [Theory]
    [InlineData("fc16r fc10", 1, false)]
    [InlineData(Convolutional, 0.1, false)]
    [InlineData("pool2 fc10", 1, true)]
    public async Task An_interrupted_training_is_in_a_whole_state(string layers, double density, bool gpu)
    {
        foreach (string device in gpu ? [TestDevices.Ptx] : TestDevices.FastCpus.Take(2))
        {
            using Trainer stopped = Open(device, layers, density), whole = Open(device, layers, density);
            using var cancellation = new CancellationTokenSource();
            var training = Task.Run(() => stopped.Train(1_000_000, _ => Rates, cancellation.Token), CancellationToken.None);
            while (stopped.Updates < 2 * stopped.StepsPerEpoch)
                await Task.Yield();
            await cancellation.CancelAsync();
            await Assert.ThrowsAsync<OperationCanceledException>(() => training);

            int steps = (int)stopped.Updates;
            whole.Train(steps, _ => Rates);
            AssertEqual(whole, stopped);
            whole.Train(5, _ => Rates);
            stopped.Train(5, _ => Rates);
            AssertEqual(whole, stopped);
        }
    }

    [Fact]
    public void What_is_cancelled_before_it_begins_changes_nothing()
    {
        using Trainer trainer = Open(TestDevices.FastCpus.First(), "fc16r fc10", 0.1);
        using Trainer untouched = Open(TestDevices.FastCpus.First(), "fc16r fc10", 0.1);
        var cancelled = new CancellationToken(canceled: true);
        Assert.Throws<OperationCanceledException>(() => trainer.Train(3, _ => Rates, cancelled));
        Assert.Throws<OperationCanceledException>(() => trainer.ProfileEpoch(_ => Rates, cancelled));
        Assert.Throws<OperationCanceledException>(() => trainer.Evaluate(Part.Test, cancelled));
        AssertEqual(untouched, trainer);
        trainer.Train(3, _ => Rates);
        untouched.Train(3, _ => Rates);
        AssertEqual(untouched, trainer);
    }

    /// <summary>
    /// A new trainer that gets the state out of a file, and the place in the order of images, trains on to the same bits: in the middle of
    /// an epoch and at its end, after a restart of the order, with views, drop-out, running averages and pruned weights.
    /// </summary>
    [Theory]
    [InlineData("fc16r fc10", 1, 13, false)]
    [InlineData("fc16r fc10", 0.1, 20, false)]
    [InlineData("conv4@5br pool2 drop0.5 fc12r fc10", 1, 27, true)]
    [InlineData("conv4@5r pool2 fc12r fc10", 0.1, 5, true)]
    public void A_state_on_the_disk_is_all_that_training_depends_on(string layers, double density, int steps, bool augmented)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Combine("state.safetensors"), device = TestDevices.FastCpus.First();
        using Trainer trained = Open(device, layers, density, augmented), other = Open(device, layers, density, augmented);
        trained.Train(17, _ => Rates);
        trained.RestartOrder();
        trained.Train(steps, _ => Rates);
        StateFile.Save(file, trained.Save());
        var place = trained.Place;
        other.Train(4, _ => Rates);
        other.Restore(StateFile.Load(file));
        other.Place = place;
        AssertEqual(trained, other);
        Assert.Equal(trained.Evaluate(Part.Validation), other.Evaluate(Part.Validation));
        Assert.Equal(trained.Train(24, _ => Rates), other.Train(24, _ => Rates));
        AssertEqual(trained, other);
        Assert.Equal(trained.Place.Drawn, other.Place.Drawn);

        // Further on in the same order, and back.
        var further = trained.Place;
        StateFile.Save(file, trained.Save());
        other.Place = place;
        other.Place = further;
        other.Restore(StateFile.Load(file));
        Assert.Equal(trained.Train(3, _ => Rates), other.Train(3, _ => Rates));
    }

    private static void AssertEqual(Trainer expected, Trainer found)
    {
        TrainerState right = expected.Save(), state = found.Save();
        Assert.Equal(right.Parameters.Weight, state.Parameters.Weight);
        Assert.Equal(right.Parameters.Moments, state.Parameters.Moments);
        Assert.Equal(right.Updates, state.Updates);
    }

    private static Trainer Open(string device, string layers, double density, bool augmented = false)
    {
        var model = PlainNetwork.Random(layers, density, dead: 0, seed: 4);
        var data = SmallSet.Make(200, 1);
        var trainer = new Trainer(TestDevices.Get(device), model.Network, new TrainerOptions(20)
        {
            Augmentation = augmented ? new Augmentation(2, Mirror: true) : Augmentation.None,
        }, data, data, data);
        trainer.Parameters.SetWeights(model.Weights);
        trainer.Parameters.SetMask(model.Mask);
        return trainer;
    }
}
