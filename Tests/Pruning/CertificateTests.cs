using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Tests.PruningTests;

public sealed class CertificateTests
{
    private static readonly PruneOptions Short = new() { DenseEpochs = 4, Epochs = 1, MaxDrop = new Budgets(10), Confidence = 0.8 };

    [Fact]
    public void The_bound_is_the_loss_seen_and_the_errors_of_both_samples()
    {
        // d = 30 / 10,000; v = 91 / 10,000 - d^2; z of 0.975 is 1.95996.
        var certificate = new Certificate(0.6, 0.975, 1, 5, Images: 10_000, NewImages: 5000, Lost: 60, Gained: 30);
        double variance = 0.0091 - 0.003 * 0.003;
        Assert.Equal(0.3 + 100 * 1.959964 * Math.Sqrt(variance * (1e-4 + 2e-4)), certificate.Bound, 1e-6);
        Assert.Equal((false, true), (certificate.Holds, (certificate with { Budget = 0.63 }).Holds));
    }

    /// <summary>
    /// Of pairs of samples of one population the bound from the first holds for the second in a share of at least the confidence, less two
    /// standard errors of the simulation and what a normal distribution is off where few images differ.
    /// </summary>
    [Theory]
    [InlineData(0.9, 5000, 10_000, 0.008, 0.006)]
    [InlineData(0.9, 5000, 10_000, 0.05, 0.04)]
    [InlineData(0.8, 10_000, 10_000, 0.012, 0.004)]
    [InlineData(0.95, 2000, 1000, 0.02, 0.01)]
    [InlineData(0.9, 300, 300, 0.02, 0.01)]
    [InlineData(0.9, 1000, 1000, 0.001, 0.0005)]
    public void It_holds_for_new_images_in_the_share_that_it_says(double confidence, int images, int newImages, double lost, double gained)
    {
        const int trials = 2000;
        var random = new Random(12345);
        int held = 0;
        for (int i = 0; i < trials; i++)
        {
            var (lostSeen, gainedSeen) = Draw(images);
            var (lostNew, gainedNew) = Draw(newImages);
            var certificate = new Certificate(1, confidence, 1, 5, images, newImages, lostSeen, gainedSeen);
            held += 100.0 * (lostNew - gainedNew) / newImages <= certificate.Bound ? 1 : 0;
        }
        double share = (double)held / trials;
        Assert.InRange(share, confidence - 2 * Math.Sqrt(confidence * (1 - confidence) / trials), 1);
        // Nor is it so wide that it says nothing.
        Assert.InRange(share, 0, confidence + (1 - confidence) * 0.6);

        (int Lost, int Gained) Draw(int count)
        {
            int lose = 0, gain = 0;
            for (int i = 0; i < count; i++)
            {
                double x = random.NextDouble();
                lose += x < lost ? 1 : 0;
                gain += x >= lost && x < lost + gained ? 1 : 0;
            }
            return (lose, gain);
        }
    }

    [Fact]
    public void Networks_are_tested_from_heavy_to_light_until_one_fails_and_the_last_that_holds_is_the_result()
    {
        var (outcome, rows, _) = Search(SmallSet.Make(400, 4));
        var tested = outcome.Certificates!;
        Assert.NotEmpty(tested);
        Assert.All(tested.Zip(tested.Skip(1)), p => Assert.True(p.First.Kept > p.Second.Kept && p.First.Holds));
        var certificate = Assert.IsType<Certificate>(outcome.Certificate);
        Assert.Equal((certificate.Iteration, true), (outcome.Iteration, outcome.WithinBudget));
        Assert.Equal((400, 40, 0.8, 10), (certificate.Images, certificate.NewImages, certificate.Confidence, certificate.Budget));
        Assert.InRange(outcome.Uncertified, 1, certificate.Kept);
        // Validation images leave room for it.
        var judged = rows.Single(r => r.Iteration == outcome.Iteration).Judged!.Judgement;
        Assert.True(judged.Margin > 0 && judged.Lost - judged.Gained + judged.Margin <= judged.Allowed);
    }

    [Fact]
    public void Images_that_certify_decide_nothing_else_and_what_they_refuse_is_the_dense_network()
    {
        var right = SmallSet.Make(400, 4);
        // Labels of other images: what is right on them is luck, of the dense network as of pruned ones.
        var (_, rows, _) = Search(right);
        var (outcome, other, dense) = Search(new DataSet(right.Shape, right.Images, SmallSet.Make(400, 5).Labels), budget: 0);
        var (_, same, _) = Search(new DataSet(right.Shape, right.Images, SmallSet.Make(400, 5).Labels));
        Assert.Equal(rows.Select(r => r.Judged), same.Select(r => r.Judged));
        Assert.True(other.Count > 4);
        Assert.Null(outcome.Certificate);
        Assert.Equal((0, false), (outcome.Iteration, outcome.WithinBudget));
        Assert.Equal(dense, outcome.State.Parameters.Weight);
    }

    private static (PruneOutcome Outcome, IReadOnlyList<IterationRow> Rows, float[] Dense) Search(DataSet certification, double budget = 10)
    {
        using var device = ComputeDevice.Cpu(2);
        using var trainer = new Trainer(
            device, NetworkDescription.Parse("fc8r fc10"), new TrainerOptions(16), SmallSet.Make(400, 1), SmallSet.Make(400, 2),
            SmallSet.Make(40, 3), certification);
        var rows = new IterationRows();
        var session = new PruneSession(trainer, Short with { MaxDrop = new Budgets(budget) }, rows, CancellationToken.None);
        session.TrainDense();
        float[] dense = trainer.Parameters.GetWeights();
        return (Assert.Single(new DynamicPruning().Run(session)), rows.All, dense);
    }
}
