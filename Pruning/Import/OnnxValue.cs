namespace Secateurs.Pruning.Import;

/// <summary>What a name in an ONNX graph stands for.</summary>
internal abstract record OnnxValue
{
    /// <summary>Integers that it stands for; null where it is something else.</summary>
    public virtual OnnxNumbers? Numbers => null;
}

/// <summary>What a piece gives.</summary>
/// <param name="Piece">It.</param>
/// <param name="Flat">Whether as (N, C H W), not (N, C, H, W).</param>
/// <param name="IsEnd">Whether it went through a softmax, which only the end of a network may.</param>
/// <param name="Rim">Rows and columns of zeros on each side, which are padding to what reads it.</param>
internal sealed record OnnxFeatures(Piece Piece, bool Flat, bool IsEnd = false, int Rim = 0) : OnnxValue;

/// <summary>What a piece gives, without its rows or without its columns: (N, C, L). Only a node that leaves out L may follow.</summary>
/// <param name="Piece">It.</param>
/// <param name="Left">L.</param>
/// <param name="IsMean">Whether a mean took them, or else there was only one.</param>
internal sealed record OnnxHalf(Piece Piece, int Left, bool IsMean) : OnnxValue;

/// <summary>A constant of the file.</summary>
internal sealed record OnnxConstant(OnnxTensor Tensor) : OnnxValue
{
    public override OnnxNumbers? Numbers => !Tensor.IsInteger || Tensor.Shape.Length > 1 ? null
        : new OnnxNumbers([.. Tensor.Integers().Select(v => (long?)v)], Tensor.Shape.Length == 0);
}

/// <summary>Sizes that the graph computes with, in one dimension; null for the number of images, or what follows from it.</summary>
internal sealed record OnnxNumbers(long?[] Items, bool IsScalar) : OnnxValue
{
    private const int Most = OnnxTensor.MostIntegers;

    public override OnnxNumbers Numbers => this;

    /// <summary>A list of bounded length.</summary>
    public static OnnxNumbers Of(IEnumerable<long?> items, bool isScalar = false)
    {
        long?[] few = [.. items.Take(Most + 1)];
        return few.Length <= Most ? new(few, isScalar) : throw new InvalidDataException($"more than {Most} sizes in one list");
    }

    /// <summary>A number of one list with each of another, or with its only one.</summary>
    public static OnnxNumbers? Combined(OnnxNumbers a, OnnxNumbers b, Func<long, long, long> combine)
    {
        int count = Math.Max(a.Items.Length, b.Items.Length);
        if ((a.Items.Length != count && a.Items.Length != 1) || (b.Items.Length != count && b.Items.Length != 1))
            return null;
        return new(
            [.. Enumerable.Range(0, count).Select(i => a.Items[i % a.Items.Length] is { } x && b.Items[i % b.Items.Length] is { } y
                ? combine(x, y) : (long?)null)],
            a.IsScalar && b.IsScalar);
    }
}
