using System.Numerics;

namespace Secateurs.Pruning.Export.C;

/// <summary>The numbers that the C code computes with: floats, or bytes with 32-bit sums.</summary>
internal abstract class Arithmetic<T> where T : unmanaged, INumber<T>
{
    /// <summary>As the option says it.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a first layer may read the bytes of the image where they lie.</summary>
    public abstract bool ReadsBytes { get; }

    /// <summary>What the numbers of each value stand for, as far as its layer has been turned into a step.</summary>
    public Dictionary<int, Encoding> Encodings { get; } = [];

    /// <summary>Bytes of a weight and of a bias.</summary>
    public abstract (int Weight, int Bias) Bytes { get; }

    /// <summary>Turns the weights of a layer into numbers and settles what the numbers of its output stand for.</summary>
    /// <param name="output">The value that it gives.</param>
    /// <param name="rows">Of real numbers, with the scale of the input multiplied in.</param>
    /// <param name="zeros">Of each weight, the number of the input that stands for zero.</param>
    /// <param name="relu">Whether max(0, x) follows.</param>
    /// <param name="last">Whether the sums are the scores.</param>
    public abstract (Rows<T> Rows, IFinish<T> Finish) Weighted(int output, Rows<double> rows, double[] zeros, bool relu, bool last);

    /// <summary>What stands for zero in the border of a value.</summary>
    public abstract T Border(double zero);

    /// <summary>Turns the factors of a sum of values into numbers and settles what the numbers of its output stand for.</summary>
    /// <param name="output">The value that it gives.</param>
    /// <param name="inputs">The values that it adds up.</param>
    /// <param name="factors">Of each of these, one a channel, for real numbers.</param>
    /// <param name="biases">One a channel.</param>
    /// <param name="relu">Whether max(0, x) follows.</param>
    public abstract (Mix<T> Mix, IFinish<T> Finish) Mixed(
        int output, IReadOnlyList<int> inputs, double[][] factors, double[] biases, bool relu);

    /// <summary>Settles what the means of so many numbers stand for.</summary>
    public abstract IFinish<T> Mean(int output, int input, int count);

    /// <summary>Of a sum of so many numbers, what the mean is finished from.</summary>
    public abstract T MeanOf(T sum, int count);

    /// <summary>A number in C.</summary>
    public abstract string Text(T number);

    /// <summary>Of values, weights and sums in C.</summary>
    public abstract string Types { get; }

    /// <summary>What the structure of a layer has beside tables, in C.</summary>
    public abstract string Fields { get; }

    /// <summary>How a sum becomes a value, in C.</summary>
    public abstract string Functions { get; }

    /// <summary><see cref="MeanOf"/> of sum, rows and columns, in C.</summary>
    public abstract string MeanInC { get; }
}

/// <summary>From a sum to what the next layer reads.</summary>
internal interface IFinish<T>
{
    T Of(T sum);

    /// <summary>The fields of the layer's structure that say so.</summary>
    string Fields { get; }
}
