using System.Numerics;
using Secateurs.Model;
using Secateurs.Pruning.Methods;

namespace Secateurs.Pruning.Compression;

/// <summary>How much of a network a file keeps.</summary>
/// <param name="Values">Shared values at most, per layer.</param>
/// <param name="Mantissa">Bits of shared values and biases.</param>
/// <param name="Biases">Different biases of a layer at most; 0 where each bias is kept.</param>
/// <param name="Dropped">Percent of the live weights that go (<see cref="RateDistortion"/>).</param>
internal sealed record Widths(int[] Values, int Mantissa, int Biases, int Dropped)
{
    /// <summary>Bits of a weight index, pruned included, per layer.</summary>
    public int[] Bits => [.. Values.Select(n => BitOperations.Log2((uint)n) + 1)];

    public override string ToString() => $"{string.Join("/", Values)} shared values"
        + (Biases > 0 ? $", {Biases} of biases" : "") + (Mantissa < 23 ? $", mantissas of {Mantissa} bits" : "")
        + (Dropped > 0 ? $", {Dropped} % of the weights dropped" : "");
}

/// <summary>A network after weight sharing.</summary>
/// <param name="Widths">What it keeps.</param>
/// <param name="Layers">Shared values and who has which, per layer.</param>
/// <param name="State">All parameters, biases too.</param>
/// <param name="Judgement">On the validation images.</param>
internal sealed record SharedState(Widths Widths, IReadOnlyList<SharedWeights> Layers, ParameterState State, Judgement Judgement);

/// <summary>
/// Trained quantisation (Han, Mao and Dally 2016, section 3): k-means per layer (<see cref="Clustering"/>), then the shared values are
/// trained, taught by the network that came in. How much is kept is given, or found: bits of all layers together go down from 5, judged as
/// thresholds are; then the number of values of one layer after the other and of biases, and bits of mantissas; then weights go that are
/// not worth their bits, and the others are retrained. Where a size is asked for, the way ends at the first file that has it; it goes on
/// beyond the budget, by weights that go, where that is allowed.
/// </summary>
/// <param name="trainer">Holds the network that comes in.</param>
/// <param name="reference">What is judged against, on the validation images.</param>
/// <param name="options">What is asked for.</param>
/// <param name="say">Takes lines for humans.</param>
/// <param name="keep">Takes each network that is better than all before; gives the bytes of its file.</param>
/// <param name="cancellation">Ctrl-C.</param>
/// <param name="journal">Where tries are recorded, and what was recorded before is taken from; null for nowhere.</param>
/// <param name="progress">Told how far the training of each try is; null for nobody.</param>
internal sealed class WeightSharing(
    Trainer trainer, Outcomes reference, CompressOptions options, Action<string> say, Func<SharedState, int> keep,
    CancellationToken cancellation, Journal? journal = null, Action<PruneProgress>? progress = null)
{
    /// <summary>Bits that the way down begins with, the most there are, and doubtful tries in a row that end the way down.</summary>
    private const int First = 5, Most = 8, Patience = 2;

    /// <summary>Of what else is kept: where its way down begins, and all; of biases in bits of an index.</summary>
    private const int FirstMantissa = 5, AllMantissa = 23, FirstBiases = 4, AllBiases = 0;

    /// <summary>The search for a number ends where it could gain no more than so much of it.</summary>
    private const double FinestStep = 1.0 / 8;

    /// <summary>Percent of weights that go at a time.</summary>
    private const int DropStep = 5;

    private readonly TrainerState _start = trainer.Save();

    /// <summary>The best network so far, and the bytes of its file.</summary>
    private SharedState? _best;
    private int _bytes = int.MaxValue;

    /// <summary>Networks outside the budget, by percent of weights that went.</summary>
    private readonly Dictionary<int, SharedState> _tooLight = [];

    /// <summary>Networks that were tried.</summary>
    public int Tries { get; private set; }

    /// <summary>Whether the file is as small as was asked for: nothing that costs accuracy is tried any more.</summary>
    private bool IsSmallEnough => _bytes <= options.TargetBytes;

    /// <summary>Shares and trains; the trainer ends as it came.</summary>
    /// <returns>
    /// The best network within the budget, or where none is, one with the most bits; where a size is asked for, the first that has it, or
    /// the smallest.
    /// </returns>
    public SharedState Run()
    {
        if (options.TeacherShare > 0)
            trainer.Teach(options.TeacherShare, options.Temperature, cancellation: cancellation);
        bool beyond = options is { TargetBytes: not null, IsBudgetFirm: false, Dropped: null };
        if (options.Bits is { } bits)
            Take(Try(Uniform(bits, AllMantissa, AllBiases)));
        else if (FindBits())
            Refine();
        else if (beyond && !IsSmallEnough)
            Take(Try(Uniform(First, FirstMantissa, FirstBiases)));
        for (int dropped = _best!.Widths.Dropped + DropStep; beyond && !IsSmallEnough && dropped < 100; dropped += DropStep)
            Take(_tooLight.GetValueOrDefault(dropped) ?? Try(_best.Widths with { Dropped = dropped }));
        trainer.DismissTeacher();
        trainer.Restore(_start);
        return _best!;
    }

    /// <summary>The same bits in all layers, and of what is not asked for so many.</summary>
    private Widths Uniform(int bits, int mantissa, int biases) => new(
        [.. trainer.Parameters.Layers.Select(_ => ValuesOf(bits))], options.MantissaBits ?? mantissa,
        ValuesOf(options.BiasBits ?? biases), options.Dropped ?? 0);

    /// <summary>What an index of so many bits tells apart beside 0.</summary>
    private static int ValuesOf(int bits) => (1 << bits) - 1;

    /// <summary>As few bits for all layers as the budget bears; false where it bears none.</summary>
    private bool FindBits()
    {
        for (int bits = First, misses = 0; bits >= 1 && misses < Patience && !IsSmallEnough; bits--)
        {
            var tried = Try(Uniform(bits, FirstMantissa, FirstBiases));
            if (tried.Judgement.Verdict == Verdict.Within)
            {
                Take(tried);
                misses = 0;
            }
            else
                misses = tried.Judgement.Verdict == Verdict.Damaged ? Patience : misses + 1;
        }
        for (int bits = First + 1; _best is null; bits++)
        {
            var tried = Try(Uniform(bits, AllMantissa, AllBiases));
            if (tried.Judgement.Verdict == Verdict.Within || bits == Most)
                Take(tried);
        }
        return _best.Judgement.Verdict == Verdict.Within;
    }

    /// <summary>What else the budget bears.</summary>
    private void Refine()
    {
        // The layer with the most live weights has most to give.
        int[] order =
        [
            .. Enumerable.Range(0, _best!.Widths.Values.Length)
                .OrderByDescending(i => _best.Layers[i].Indices.Length - _best.Layers[i].Indices.Count(0)),
        ];
        foreach (int layer in order)
            Lower(w => w.Values[layer], (w, n) => w with { Values = [.. w.Values.Select((v, i) => i == layer ? n : v)] });
        if (options.BiasBits is null)
            Lower(w => w.Biases, (w, n) => w with { Biases = n });
        if (options.MantissaBits is null)
            Lower(w => w.Mantissa, (w, n) => w with { Mantissa = n });
        // Last, since those that stay are retrained, which makes up for some of it.
        if (options.Dropped is null)
        {
            for (int dropped = DropStep, misses = 0; dropped < 100 && misses < Patience && !IsSmallEnough; dropped += DropStep)
                misses = IsBetter(_best.Widths with { Dropped = dropped }) ? 0 : misses + 1;
        }

        void Lower(Func<Widths, int> number, Func<Widths, int, Widths> with)
        {
            int tooFew = 0;
            while (!IsSmallEnough && Next(number(_best.Widths), tooFew) is { } next)
            {
                if (!IsBetter(with(_best.Widths, next)))
                    tooFew = next;
            }
        }

        bool IsBetter(Widths widths)
        {
            var tried = Try(widths);
            if (tried.Judgement.Verdict != Verdict.Within)
            {
                _tooLight[widths.Dropped] = tried;
                return false;
            }
            Take(tried);
            return true;
        }
    }

    /// <summary>What to try between a number that is enough and one that is too few (0 where none is known): the middle.</summary>
    /// <returns>Null where that would gain next to nothing.</returns>
    internal static int? Next(int enough, int tooFew)
    {
        int middle = (enough + tooFew) / 2;
        return middle == tooFew || tooFew > 0 && enough - tooFew <= FinestStep * enough ? null : middle;
    }

    private void Take(SharedState tried)
    {
        _best = tried;
        _bytes = keep(tried);
    }

    private SharedState Try(Widths widths)
    {
        trainer.Restore(_start);
        trainer.RestartOrder();
        float[] weights = trainer.Parameters.GetWeights(), mask = trainer.Parameters.GetMask();
        if (widths.Dropped > 0)
        {
            foreach (var l in trainer.Parameters.Layers)
                RateDistortion.Drop(
                    weights.AsSpan(l.WeightOffset, l.WeightCount), mask.AsSpan(l.WeightOffset, l.WeightCount), l.Filter.Filters,
                    widths.Dropped);
            trainer.Parameters.SetWeights(weights);
            trainer.Parameters.SetMask(mask);
            Step(() =>
            {
                Train("retrain");
                return widths.Dropped;
            });
            weights = trainer.Parameters.GetWeights();
            trainer.ResetOptimizer();
        }
        SharedWeights[] shared =
        [
            .. trainer.Parameters.Layers.Select((l, i) => Clustering.Of(
                weights.AsSpan(l.WeightOffset, l.WeightCount), mask.AsSpan(l.WeightOffset, l.WeightCount), widths.Values[i])),
        ];
        var (codebooks, judgement) = Step(() => Trained(widths, shared));
        Tries++;
        say($"{widths}: {judgement}");
        return new SharedState(
            widths, [.. shared.Zip(codebooks, (s, c) => s with { Codebook = c })], trainer.Parameters.Save(), judgement);
    }

    /// <summary>Trains shared values, and judges what is stored of the network then, which the trainer ends with.</summary>
    private (float[][] Codebooks, Judgement Judgement) Trained(Widths widths, SharedWeights[] shared)
    {
        trainer.Share(shared);
        Train("share");
        float[][] codebooks = [.. trainer.Codebooks.Select(c => Array.ConvertAll(c, v => Rounding.Of(v, widths.Mantissa)))];
        RoundBiases(widths);
        // The rounded values go to their weights, for what is judged must be what is stored.
        trainer.Share([.. shared.Zip(codebooks, (s, c) => s with { Codebook = c })]);
        trainer.Share(null);
        return (codebooks, Judgement.Of(reference, trainer.EvaluateEach(Part.Validation), options.MaxDrop));
    }

    private T Step<T>(Func<T> train) => journal is null ? train() : journal.Step(trainer, train);

    /// <summary>Epochs in which the learning rate falls to zero.</summary>
    private void Train(string phase)
    {
        int steps = options.Epochs * trainer.StepsPerEpoch, piece = PruneSession.Piece(trainer);
        for (int done = 0, taken; done < steps; done += taken)
        {
            taken = Math.Min(piece, steps - done);
            var score = trainer.Train(taken, PruneSession.Cosine(options.LearningRate, 0, done, steps), cancellation);
            progress?.Invoke(new(phase, (double)(done + taken) / trainer.StepsPerEpoch, options.Epochs, score.Loss, null));
        }
    }

    /// <summary>Biases shared and rounded as asked; scales and shifts rounded, running averages in them.</summary>
    private void RoundBiases(Widths widths)
    {
        float[] weights = Folding.Reduced(trainer.Network, trainer.Parameters.GetWeights());
        foreach (var layer in trainer.Parameters.Layers)
        {
            float[] biases = weights[layer.BiasOffset..(layer.BiasOffset + layer.BiasCount)];
            if (widths.Biases > 0)
                biases = Rounding.Shared(biases, widths.Biases);
            Array.ConvertAll(biases, b => Rounding.Of(b, widths.Mantissa)).CopyTo(weights, layer.BiasOffset);
        }
        foreach (var parameter in trainer.Network.Parameters.Where(p => p.Role is ParameterRole.Scale or ParameterRole.Shift))
            foreach (ref float value in weights.AsSpan(parameter.Offset, parameter.Count))
                value = Rounding.Of(value, widths.Mantissa);
        trainer.Parameters.SetWeights(weights);
    }
}
