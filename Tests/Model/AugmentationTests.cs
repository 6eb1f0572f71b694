using Secateurs.Kernels;
using Secateurs.Model;
using Tests.PruningTests;

namespace Tests.ModelTests;

/// <summary>What training shows of its images, and with which optimizer it learns from them.</summary>
public sealed class AugmentationTests
{
    [Fact]
    public void Crops_and_mirrored_images_are_all_there_once_the_image_itself_first()
    {
        var usual = new Augmentation(4, true);
        Assert.Equal(162, usual.Views.Count);
        Assert.Equal(162, usual.Views.Distinct().Count());
        Assert.Equal(default, usual.Views[0]);
        Assert.All(usual.Views.Chunk(2), pair => Assert.Equal((false, pair[0] with { Mirrored = true }), (pair[0].Mirrored, pair[1])));
        Assert.All(usual.Views, v => Assert.Equal(v, ImageView.Of(v.Packed)));
        Assert.All(usual.Views, v => Assert.True(Math.Abs(v.Right) <= 4 && Math.Abs(v.Down) <= 4 && !v.Wraps));
        Assert.Equal((162, 8), (usual.Shown, usual.Taught));
        Assert.Equal([default, new ImageView(0, 0, Mirrored: true)], new Augmentation(0, true).Views);
        Assert.Equal((1, 5), (Augmentation.None.Shown, Augmentation.None.Taught));
        // An order of another seed would silently make two published runs incomparable.
        Assert.Equal([new ImageView(-2, 0), new ImageView(-2, 0, true), new ImageView(1, 4)], usual.Views.Skip(2).Take(3));
    }

    [Theory]
    [InlineData(32, 32, 2)]
    [InlineData(224, 300, 5)]
    [InlineData(28, 40, 1)]
    [InlineData(12, 10, 0)]
    public void Small_images_are_moved_less(int height, int width, int shift) =>
        Assert.Equal(shift, Augmentation.UsualShift(new DataShape(1, height, width, 2, [1], [0])));

    /// <summary>
    /// Every image once an epoch, in views of which none is preferred, half of them mirrored, in the next the others; the same again after
    /// a new start.
    /// </summary>
    [Fact]
    public void An_epoch_shows_every_image_once_in_some_view()
    {
        const int images = 2000, batch = 50, slots = 64;
        var order = new ImageOrder(7, images, batch, slots, new Augmentation(1, true));
        int[] first = order.NextEpoch(images / batch), second = order.NextEpoch(images / batch);
        foreach (int[] epoch in (int[][])[first, second])
        {
            Assert.Equal(Enumerable.Range(0, images), epoch.Where(e => e >= 0).Select(Gather.Image).Order());
            var views = epoch.Where(e => e >= 0).CountBy(Gather.View).ToDictionary();
            Assert.Equal(18, views.Count);
            Assert.All(views.Values, n => Assert.InRange(n, 60, 170));
        }
        Assert.NotEqual(first, second);
        HashSet<int> once = Mirrored(first), then = Mirrored(second);
        Assert.InRange(once.Count, 900, 1100);
        Assert.Equal(Enumerable.Range(0, images).Except(once).Order(), then.Order());
        order.Restart();
        Assert.Equal(first, order.NextEpoch(images / batch));
        Assert.All(order.InTurn(0, 10, 0).Take(10), e => Assert.Equal(0, Gather.View(e)));

        static HashSet<int> Mirrored(int[] epoch) =>
            [.. epoch.Where(e => e >= 0 && new Augmentation(1, true).Views[Gather.View(e)].Mirrored).Select(Gather.Image)];
    }

    [Fact]
    public void A_teacher_of_colours_answers_for_some_views_and_afterwards_all_are_shown_again()
    {
        using var device = ComputeDevice.Cpu(2);
        var data = SmallSet.Make(200, 1);
        var options = new TrainerOptions(20) { Augmentation = new Augmentation(2, true) };
        using var trainer = new Trainer(device, NetworkDescription.Parse("fc16r fc10"), options, data, data, data);
        Assert.Equal(8, trainer.TaughtViews);
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Teach(0.5, 2, 9));
        var start = trainer.Save();
        float[] alone = Learn();
        trainer.Teach(0.5, 2, trainer.TaughtViews);
        Assert.NotEqual(alone, Learn());
        trainer.DismissTeacher();
        Assert.Equal(alone, Learn());
        Assert.Equal(trainer.Evaluate(Part.Training), trainer.Evaluate(Part.Test));

        float[] Learn()
        {
            trainer.Restore(start);
            trainer.RestartOrder();
            trainer.Train(15, _ => new StepRates(1e-3));
            return trainer.Parameters.GetWeights();
        }
    }

    /// <summary>The simulated GPU sees the same images in the same views, and learns the same from them.</summary>
    [Fact]
    public void Devices_learn_the_same_from_augmented_images_by_sgd_and_smoothed_labels()
    {
        using var device = ComputeDevice.Cpu(2);
        using Trainer cpu = Open(device), simulator = Open(KernelTests.TestDevices.Get(KernelTests.TestDevices.Simulator));
        using var poor = Open(device, UpdateRule.Momentum);
        Assert.Throws<ArgumentException>(() => poor.Rule = UpdateRule.Adam);
        cpu.Rule = simulator.Rule = UpdateRule.Momentum;
        for (int step = 0; step < 4; step++)
            Assert.Equal(
                cpu.Train(1, _ => new StepRates(0.02, 1e-3)).Loss, simulator.Train(1, _ => new StepRates(0.02, 1e-3)).Loss, 1e-5);

        static Trainer Open(ComputeDevice device, UpdateRule rule = UpdateRule.Adam)
        {
            var data = SmallSet.Make(100, 1);
            var options = new TrainerOptions(20, rule)
            {
                Augmentation = new Augmentation(3, true),
                Momentum = 0.8,
                LabelSmoothing = 0.1,
            };
            return new Trainer(device, NetworkDescription.Parse("fc10"), options, data, DataSet.Empty(data.Shape), data);
        }
    }

    /// <summary>A loss that counts on other classes can only be larger where the answer is sure.</summary>
    [Fact]
    public void Smoothing_is_for_learning_and_not_for_measuring()
    {
        using var device = ComputeDevice.Cpu(2);
        var data = SmallSet.Make(200, 1);
        double Learned(double smoothing, out double measured)
        {
            var options = new TrainerOptions(20) { LabelSmoothing = smoothing };
            using var trainer = new Trainer(device, NetworkDescription.Parse("fc10"), options, data, data, data);
            trainer.Train(100, _ => new StepRates(1e-3));
            measured = trainer.Evaluate(Part.Training).Loss;
            return trainer.Train(10, _ => new StepRates(0)).Loss;
        }
        Assert.Equal(Learned(0, out double plain), plain, 1e-3);
        Assert.True(Learned(0.2, out double smooth) > smooth + 0.2);
    }
}
