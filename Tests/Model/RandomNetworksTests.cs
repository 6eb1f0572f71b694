using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;

namespace Tests.ModelTests;

/// <summary>Any line of tokens is refused in one line, or is a network that learns and gives the right answers, dense and pruned.</summary>
[Collection(nameof(KernelSuite))]
public sealed class RandomNetworksTests
{
    private const ulong Seed = 20261128;
    private const int Images = 3;

    private static readonly double[] Densities = [1, 0.3, 0.1, 0];

    /// <summary>PRUNING_LONG=1 tries thousands.</summary>
    private static readonly int Lines = Environment.GetEnvironmentVariable("PRUNING_LONG") == "1" ? 6000 : 80;

    [Fact]
    public void A_line_is_refused_or_a_network_that_works()
    {
        var random = new Random64(Seed);
        int refused = 0;
        for (int n = 0; n < Lines; n++)
        {
            string line = RandomLines.Next(random);
            double density = Densities[random.NextInt(Densities.Length)];
            try
            {
                NetworkDescription.Parse(line);
            }
            catch (UserException error) when (error.Kind == ErrorKind.Usage)
            {
                Assert.DoesNotContain('\n', error.Message);
                refused++;
                continue;
            }
            try
            {
                Try(line, density, batch: 1 + random.NextInt(Images), seed: n);
            }
            catch (Exception error)
            {
                Assert.Fail($"seed {Seed}, line {n}, '{line}', density {density}: {error}");
            }
        }
        Assert.InRange(refused, Lines / 20, Lines * 3 / 4);
    }

    private static void Try(string line, double density, int batch, int seed)
    {
        var device = TestDevices.Get(TestDevices.FastCpus.First());
        var model = PlainNetwork.Random(line, Math.Max(density, 1e-9), 0, seed);
        byte[] pixels = PlainNetwork.Images(Images, seed);
        var images = new DataSet(Mnist.Shape, pixels, [.. Enumerable.Range(0, Images).Select(i => (byte)(i % 10))]);
        using (var trainer = new Trainer(device, model.Network, new TrainerOptions(batch), images, images, images))
        {
            trainer.Parameters.SetWeights(model.Weights);
            trainer.Parameters.SetMask(model.Mask);
            double before = trainer.Evaluate(Part.Test).Loss;
            double[] losses = [.. Enumerable.Range(0, Images).Select(i => Loss(model, images.Image(i), images.Labels[i]))];
            Assert.Equal(losses.Average(), before, 1e-3 * (1 + losses.Max()));
            trainer.Train(2, _ => new StepRates(1e-3));
            var weights = trainer.Parameters.GetWeights().Zip(trainer.Parameters.GetMask());
            Assert.All(weights, w => Assert.True(float.IsFinite(w.First) && (w.Second != 0 || w.First == 0)));
        }
        foreach (int count in (int[])[1, Images])
        {
            using var inference = new Predictor(device, model, count);
            pixels.AsSpan(0, count * Mnist.Shape.BytesPerImage).CopyTo(inference.Images);
            inference.Run(count);
            for (int i = 0; i < count; i++)
            {
                var (logits, bounds) = PlainNetwork.Run(model, images.Image(i));
                for (int k = 0; k < logits.Length; k++)
                    Assert.InRange(
                        inference.Logits[i * Mnist.Shape.Classes + k],
                        logits[k] - 2 * bounds[k] - 1e-6, logits[k] + 2 * bounds[k] + 1e-6);
            }
        }
    }

    private static double Loss(Checkpoint model, ReadOnlySpan<byte> image, int label)
    {
        double[] logits = PlainNetwork.Run(model, image).Logits;
        double largest = logits.Max();
        return largest + Math.Log(logits.Sum(l => Math.Exp(l - largest))) - logits[label];
    }
}
