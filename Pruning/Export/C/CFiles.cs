using System.Globalization;
using System.Numerics;
using System.Text;
using Secateurs.Model;

namespace Secateurs.Pruning.Export.C;

/// <summary>What the C code computes with.</summary>
public enum CArithmetic
{
    /// <summary>Bytes, with sums of 32 bits; no floating point.</summary>
    Bytes,

    /// <summary>Single precision.</summary>
    Floats,
}

/// <summary>A network as C code, and what it is worth.</summary>
/// <param name="Source">Of the .c file.</param>
/// <param name="Header">Of the .h file.</param>
/// <param name="TableBytes">Of flash, beside the code.</param>
/// <param name="ScratchBytes">Of memory.</param>
/// <param name="Correct">Test images that the C code classifies as labelled: counted with its own numbers.</param>
/// <param name="FloatCorrect">The same of the network in floats.</param>
/// <param name="Images">Test images.</param>
public sealed record CProgram(
    string Source, string Header, long TableBytes, long ScratchBytes, int Correct, int FloatCorrect, int Images)
{
    /// <summary>Points of accuracy that the arithmetic costs.</summary>
    public double Lost => Images == 0 ? 0 : 100.0 * (FloatCorrect - Correct) / Images;
}

/// <summary>
/// A network as one C99 file and its header, for a microcontroller: no memory is asked for, no library called, tables are constant, and
/// without <see cref="CArithmetic.Floats"/> there is no floating point. Dead neurons and channels are left out
/// (<see cref="Compaction"/>), and of a sparse layer only its live weights are there, as steps from one to the next.
/// </summary>
public static class CFiles
{
    /// <summary>Products of the images by which the ranges of bytes are measured: a few seconds.</summary>
    private const long RangeProducts = 4_000_000_000;

    /// <summary>How many these are at least and at most.</summary>
    private const int FewestImages = 256, MostImages = 4096;

    /// <summary>Makes the code and measures it.</summary>
    /// <param name="model">Any network.</param>
    /// <param name="name">Of the files, without .c and .h; names in C begin with it.</param>
    /// <param name="arithmetic">What it computes with.</param>
    /// <param name="data">Ranges of bytes are measured on training images; test images are only counted.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    /// <exception cref="UserException">Failed: a network that cannot be computed so.</exception>
    public static CProgram Of(
        Checkpoint model, string name, CArithmetic arithmetic, ImageData data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        model.Network.Demand(data.Shape);
        var small = Prepared(model);
        var real = Plan<float>.Of(small, new FloatArithmetic());
        float[] scores = NetworkNumbers.Scores(real, data.Test, cancellation);
        var text = new CText(model, name, data, Correct(scores, data.Test));
        if (arithmetic == CArithmetic.Floats)
            return text.Of(real, new FloatArithmetic(), scores);
        var (plan, numbers) = InBytes(real, small, data, cancellation);
        return text.Of(plan, numbers, NetworkNumbers.Scores(plan, data.Test, cancellation));
    }

    /// <summary>A name of C made of any: letters, digits, and _ for all else.</summary>
    public static string Identifier(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string letters = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')).Trim('_');
        return letters.Length > 0 && char.IsAsciiLetter(letters[0]) ? letters : $"net_{letters}";
    }

    /// <summary>The network that is computed: without dropout, normalisations where they fold, dead neurons and channels.</summary>
    internal static Checkpoint Prepared(Checkpoint model) => Compaction.Of(Folding.Of(model));

    /// <summary>The network in bytes, by ranges of images that it has seen in training, where the checkpoint says which.</summary>
    internal static (Plan<int> Plan, ByteArithmetic Arithmetic) InBytes(
        Plan<float> real, Checkpoint model, ImageData data, CancellationToken cancellation = default)
    {
        var training = model.Validation < data.Train.Count ? data.Train.Split(model.Validation, model.Seed).Training : data.Train;
        long products = Math.Max(1, model.Network.Layers.Sum(l => l.Products));
        int count = (int)Math.Clamp(RangeProducts / products, FewestImages, MostImages);
        var arithmetic = new ByteArithmetic(
            NetworkNumbers.Ranges(real, training.Take(Math.Min(count, training.Count)), cancellation));
        return (Plan<int>.Of(model, arithmetic), arithmetic);
    }

    internal static int Correct<T>(T[] scores, DataSet images) where T : INumber<T> =>
        NetworkNumbers.Classes(scores, images.Shape.Classes).Zip(images.Labels).Count(p => p.First == p.Second);
}
