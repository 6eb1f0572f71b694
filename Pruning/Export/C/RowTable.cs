using System.Globalization;
using System.Numerics;

namespace Secateurs.Pruning.Export.C;

/// <summary>How the weights of a layer lie in flash.</summary>
internal enum RowFormat
{
    /// <summary>All weights of the window, zeros too.</summary>
    Dense,

    /// <summary>Of each live weight a byte, how far behind the one before it lies, and the weight.</summary>
    Sparse,

    /// <summary>Of each live weight one byte: that distance in the upper bits, below it the weight's number among shared ones.</summary>
    Shared,
}

/// <summary>
/// A layer's weights in the format that takes the fewest bytes; only where nearly all weights live are dead ones computed too, since a
/// convolution takes its time by weights.
/// </summary>
/// <param name="Format">Which one.</param>
/// <param name="Bits">Of a shared weight's number.</param>
/// <param name="Shared">Weights by their numbers.</param>
/// <param name="Bytes">Of flash, biases too.</param>
/// <param name="Window">Of a dense layer: (runs, length of a run, what is left out between two).</param>
internal sealed record RowTable<T>(RowFormat Format, int Bits, T[] Shared, long Bytes, (int Runs, int Length, int Gap) Window)
    where T : unmanaged, INumber<T>
{
    private const int LongestStep = 255, CountBytes = 2;

    /// <summary>Share of live weights from which a step costs more time than the dead weights that it leaves out.</summary>
    private const double DenseFrom = 0.8;

    /// <summary>Chooses.</summary>
    public static RowTable<T> Of(Rows<T> rows, (int Runs, int Length, int Gap) window, (int Weight, int Bias) bytes)
    {
        long biases = (long)rows.Count * bytes.Bias, counts = rows.Count * CountBytes;
        var best = new RowTable<T>(
            RowFormat.Sparse, 0, [], Entries(rows, LongestStep) * (1 + bytes.Weight) + biases + counts, window);
        long all = (long)rows.Count * window.Runs * window.Length;
        if (rows.Weights.Length >= DenseFrom * all)
            Consider(new RowTable<T>(RowFormat.Dense, 0, [], all * bytes.Weight + biases, window));
        T[] shared = [T.Zero, .. rows.Weights.Distinct().Order()];
        for (int bits = BitOperations.Log2((uint)shared.Length - 1) + 1; bits < 8; bits++)
        {
            Consider(new RowTable<T>(
                RowFormat.Shared, bits, shared,
                Entries(rows, LongestStep >> bits) + biases + counts + shared.Length * bytes.Weight, window));
        }
        return best;

        void Consider(RowTable<T> table)
        {
            if (table.Bytes < best.Bytes)
                best = table;
        }
    }

    /// <summary>Writes tables and structure; gives the structure's name.</summary>
    public string Write(Source<T> source, string name, Rows<T> rows, string finish)
    {
        var text = source.Arithmetic.Text;
        List<string> fields = [$".outputs = {source.Extent(rows.Count)}", finish];
        fields.Add($".biases = {source.Array("total", $"{name}_biases", rows.Biases.Select(text))}");
        if (Format == RowFormat.Dense)
        {
            fields.Add($".weights = {source.Array("weight", $"{name}_weights", All(rows).Select(text))}");
            fields.Add(
                $".runs = {source.Extent(Window.Runs)}, .length = {source.Extent(Window.Length)}, .gap = {source.Extent(Window.Gap)}");
            return source.Structure("layer", name, fields);
        }
        int longest = LongestStep >> Bits;
        var (steps, weights, counts) = (new List<int>(), new List<T>(), new List<int>());
        for (int k = 0; k < rows.Count; k++)
        {
            int at = 0, before = steps.Count;
            for (int i = rows.Starts[k]; i < rows.Starts[k + 1]; i++)
            {
                for (; rows.Offsets[i] - at > longest; at += longest)
                {
                    steps.Add(longest);
                    weights.Add(T.Zero);
                }
                steps.Add(rows.Offsets[i] - at);
                weights.Add(rows.Weights[i]);
                at = rows.Offsets[i];
            }
            counts.Add(steps.Count - before);
        }
        if (Format == RowFormat.Shared)
        {
            fields.Add($".weights = {source.Array("weight", $"{name}_weights", Shared.Select(text))}");
            steps = [.. steps.Zip(weights, (step, w) => step << Bits | Array.IndexOf(Shared, w))];
            fields.Add(string.Create(CultureInfo.InvariantCulture, $".bits = {Bits}"));
        }
        else
            fields.Add($".weights = {source.Array("weight", $"{name}_weights", weights.Select(text))}");
        fields.Add($".steps = {source.Array("uint8_t", $"{name}_steps", steps.Select(Whole))}");
        fields.Add($".counts = {source.Array("extent", $"{name}_counts", counts.Select(source.Extent))}");
        return source.Structure("layer", name, fields);

        static string Whole(int number) => number.ToString(CultureInfo.InvariantCulture);
    }

    private static long Entries(Rows<T> rows, int longest)
    {
        long entries = 0;
        for (int k = 0; k < rows.Count; k++)
        {
            int at = 0;
            foreach (int offset in rows.OffsetsOf(k))
            {
                entries += 1 + Math.Max(0, (offset - at - 1) / longest);
                at = offset;
            }
        }
        return entries;
    }

    private IEnumerable<T> All(Rows<T> rows)
    {
        for (int k = 0; k < rows.Count; k++)
        {
            int i = rows.Starts[k];
            for (int run = 0; run < Window.Runs; run++)
                for (int at = run * (Window.Length + Window.Gap), end = at + Window.Length; at < end; at++)
                    yield return i < rows.Starts[k + 1] && rows.Offsets[i] == at ? rows.Weights[i++] : T.Zero;
        }
    }
}
