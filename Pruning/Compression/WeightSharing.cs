using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Secateurs.Pruning.Compression;

/// <summary>A network after weight sharing.</summary>
/// <param name="Bits">Of a weight index, per layer.</param>
/// <param name="Layers">Shared values and who has which, per layer.</param>
/// <param name="State">All parameters, biases too.</param>
/// <param name="Judgement">Against the network that came in, on the validation images.</param>
internal sealed record SharedState(int[] Bits, IReadOnlyList<SharedWeights> Layers, ParameterState State, Judgement Judgement);

/// <summary>
/// Trained quantisation (Han, Mao and Dally 2016, section 3): k-means per layer (<see cref="Clustering"/>), then the shared values are
/// trained, taught by the network that came in. Bits are given, or found: those of all layers together go down from 5, judged as the
/// threshold controller judges, then those of one layer after the other.
/// </summary>
/// <param name="trainer">Holds the network that comes in.</param>
/// <param name="options">What is asked for.</param>
/// <param name="say">Takes lines for humans.</param>
/// <param name="keep">Takes each network that is better than all before.</param>
/// <param name="cancellation">Ctrl-C.</param>
internal sealed class WeightSharing(
    Trainer trainer, CompressOptions options, Action<string> say, Action<SharedState> keep, CancellationToken cancellation)
{
    /// <summary>Bits that the way down begins with, the most there are, and doubtful tries in a row that end the way down.</summary>
    private const int First = 5, Most = 8, Patience = 2;

    private readonly TrainerState _start = trainer.Save();

    /// <summary>The network that comes in, on the validation images.</summary>
    public Outcomes Reference { get; } = trainer.EvaluateEach(Part.Validation);

    /// <summary>Networks that were tried.</summary>
    public int Tries { get; private set; }

    /// <summary>Shares and trains; the trainer ends as it came.</summary>
    /// <returns>The best network within the budget, or where none is, one with the most bits.</returns>
    public SharedState Run()
    {
        if (options.TeacherShare > 0)
            trainer.Teach(options.TeacherShare, options.Temperature, cancellation: cancellation);
        var best = options.Bits is { } bits ? Try(Uniform(bits)) : Find();
        trainer.DismissTeacher();
        trainer.Restore(_start);
        return best;
    }

    private int[] Uniform(int bits) => [.. trainer.Parameters.Layers.Select(_ => bits)];

    private SharedState Find()
    {
        SharedState? found = null;
        for (int bits = First, misses = 0; bits >= 1 && misses < Patience; bits--)
        {
            var tried = Try(Uniform(bits));
            if (tried.Judgement.Verdict == Verdict.Within)
            {
                (found, misses) = (tried, 0);
                keep(tried);
            }
            else
                misses = tried.Judgement.Verdict == Verdict.Damaged ? Patience : misses + 1;
        }
        for (int bits = First + 1; found is null && bits <= Most; bits++)
        {
            var tried = Try(Uniform(bits));
            found = tried.Judgement.Verdict == Verdict.Within || bits == Most ? tried : null;
        }
        var best = found!;
        // The layer with the most live weights has most to give.
        int[] order =
        [
            .. Enumerable.Range(0, best.Bits.Length)
                .OrderByDescending(i => best.Layers[i].Indices.Length - best.Layers[i].Indices.Count(0)),
        ];
        foreach (int layer in order)
        {
            while (best.Judgement.Verdict == Verdict.Within && best.Bits[layer] > 1
                && Better([.. best.Bits.Select((b, i) => i == layer ? b - 1 : b)]))
            {
            }
        }
        return best;

        bool Better(int[] bits)
        {
            var tried = Try(bits);
            if (tried.Judgement.Verdict != Verdict.Within)
                return false;
            keep(best = tried);
            return true;
        }
    }

    private SharedState Try(int[] bits)
    {
        trainer.Restore(_start);
        trainer.RestartOrder();
        float[] weights = trainer.Parameters.GetWeights(), mask = trainer.Parameters.GetMask();
        SharedWeights[] shared =
        [
            .. trainer.Parameters.Layers.Select((l, i) => Clustering.Of(
                weights.AsSpan(l.WeightOffset, l.WeightCount), mask.AsSpan(l.WeightOffset, l.WeightCount), (1 << bits[i]) - 1)),
        ];
        trainer.Share(shared);
        int steps = trainer.StepsPerEpoch;
        for (int epoch = 0; epoch < options.Epochs; epoch++)
            trainer.Train(steps, PruneSession.Cosine(options.LearningRate, 0, epoch * steps, options.Epochs * steps), cancellation);
        shared =
        [
            .. shared.Zip(
                trainer.Codebooks, (s, c) => s with { Codebook = Array.ConvertAll(c, v => Rounding.Of(v, options.MantissaBits)) }),
        ];
        RoundBiases();
        // The rounded values go to their weights, for what is judged must be what is stored.
        trainer.Share(shared);
        trainer.Share(null);
        var judgement = Judgement.Of(Reference, trainer.EvaluateEach(Part.Validation), options.MaxDrop);
        Tries++;
        say($"shared at {string.Join("/", bits)} bits: {judgement}");
        return new SharedState(bits, shared, trainer.Parameters.Save(), judgement);
    }

    /// <summary>Biases shared and rounded as asked; scales and shifts rounded, running averages in them.</summary>
    private void RoundBiases()
    {
        float[] weights = Folding.Reduced(trainer.Network, trainer.Parameters.GetWeights());
        foreach (var layer in trainer.Parameters.Layers)
        {
            float[] biases = weights[layer.BiasOffset..(layer.BiasOffset + layer.BiasCount)];
            if (options.BiasBits > 0)
                biases = Rounding.Shared(biases, options.BiasBits);
            Array.ConvertAll(biases, b => Rounding.Of(b, options.MantissaBits)).CopyTo(weights, layer.BiasOffset);
        }
        foreach (var parameter in trainer.Network.Parameters.Where(p => p.Role is ParameterRole.Scale or ParameterRole.Shift))
            foreach (ref float value in weights.AsSpan(parameter.Offset, parameter.Count))
                value = Rounding.Of(value, options.MantissaBits);
        trainer.Parameters.SetWeights(weights);
    }
}
