using System.Globalization;
using System.Numerics;
using Secateurs.Kernels;

namespace Secateurs.Pruning.Export.C;

/// <summary>
/// The mean, or the largest number, of each window of each channel. For a mean what is read has a border of what stands for zero; of a
/// largest number what lies over the edge is left out.
/// </summary>
/// <param name="name">In C.</param>
/// <param name="input">What is read.</param>
/// <param name="output">What is given.</param>
/// <param name="rows">Of a window.</param>
/// <param name="columns">Of a window.</param>
/// <param name="window">Its stride, and how far it reaches over the edge.</param>
/// <param name="mean">What becomes of a mean; null for the largest number.</param>
/// <param name="arithmetic">How a mean is computed.</param>
internal sealed class PoolStep<T>(
    string name, Placed<T> input, Placed<T> output, int rows, int columns, Window window, IFinish<T>? mean, Arithmetic<T> arithmetic)
    : Step<T>(output) where T : unmanaged, INumber<T>
{
    public override IReadOnlyList<int> Inputs => [input.Value];

    private Place From => input.Place;

    public override void Run(Values<T> values)
    {
        ReadOnlySpan<T> x = values[input.Value];
        var y = values.Of(Output, Place);
        FillBorder(y);
        for (int c = 0; c < Place.Channels; c++)
            for (int p = 0; p < Place.Height; p++)
                for (int q = 0; q < Place.Width; q++)
                {
                    var to = y.Slice(Place.Offset(c, p, q) * Values<T>.Lanes, Values<T>.Lanes);
                    int h = p * window.Stride - window.Padding, w = q * window.Stride - window.Padding;
                    for (int n = 0; n < to.Length; n++)
                        to[n] = mean is null ? Largest(x, c, h, w, n) : mean.Of(arithmetic.MeanOf(Sum(x, c, h, w, n), rows * columns));
                }
    }

    private T Sum(ReadOnlySpan<T> x, int c, int h, int w, int n)
    {
        var sum = T.Zero;
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < columns; s++)
                sum += x[From.Offset(c, h + r, w + s) * Values<T>.Lanes + n];
        return sum;
    }

    private T Largest(ReadOnlySpan<T> x, int c, int h, int w, int n)
    {
        var largest = x[From.Offset(c, Math.Max(0, h), Math.Max(0, w)) * Values<T>.Lanes + n];
        for (int r = Math.Max(0, h); r < Math.Min(From.Height, h + rows); r++)
            for (int s = Math.Max(0, w); s < Math.Min(From.Width, w + columns); s++)
                largest = T.Max(largest, x[From.Offset(c, r, s) * Values<T>.Lanes + n]);
        return largest;
    }

    public override void Write(Source<T> source, params string[] addresses)
    {
        source.Grid();
        source.Border(name, addresses[1], Place, Border);
        bool over = mean is null && window.Padding > 0;
        // Over the edge, from the first pixel; else from where the first window begins.
        int first = over ? From.Offset(0, 0, 0) : From.Offset(0, -window.Padding, -window.Padding), step = over ? 1 : window.Stride;
        string grid = source.Grid(name, new Grid(
            Place.Height, Place.Width, From.Down * step, From.Right * step, Place.Down, Place.Right, [From.Right, From.Down, 0],
            [0, 0, 0], false));
        string called = string.Create(
            CultureInfo.InvariantCulture,
            $"(&{grid}, {addresses[0]} + {first}, {addresses[1]} + {Place.Offset(0, 0, 0)}, {Place.Channels}, {rows}, ");
        if (mean is not null)
        {
            source.Function("average_pool", AveragePool(arithmetic.MeanInC));
            string layer = source.Structure("layer", name, [$".outputs = {source.Extent(Place.Channels)}", mean.Fields]);
            source.Call(string.Create(CultureInfo.InvariantCulture, $"average_pool{called}{columns}, &{layer});"));
        }
        else if (over)
        {
            source.Function("max_pool_over", MaxPoolOver);
            source.Call(string.Create(
                CultureInfo.InvariantCulture, $"max_pool_over{called}{window.Stride}, {window.Padding}, {From.Height}, {From.Width});"));
        }
        else
        {
            source.Function("max_pool", MaxPool);
            source.Call(string.Create(CultureInfo.InvariantCulture, $"max_pool{called}{columns});"));
        }
    }

    private static string AveragePool(string meanOfSum) => $$"""
        /* The mean of each window of rows x columns. */
        static void average_pool(
            const grid *g, const value *x, value *y, unsigned channels, unsigned rows, unsigned columns, const layer *l)
        {
            for (unsigned p = 0; p < g->height; p++)
                for (unsigned q = 0; q < g->width; q++)
                    for (unsigned c = 0; c < channels; c++) {
                        const value *at = x + p * g->x_down + q * g->x_right + c;
                        total sum = 0;
                        for (unsigned r = 0; r < rows; r++)
                            for (unsigned s = 0; s < columns; s++)
                                sum += at[r * g->x2 + s * g->x1];
                        y[p * g->y_down + q * g->y_right + c] = narrow({{meanOfSum}}, l);
                    }
        }

        """;

    private const string MaxPool = """
        /* The largest value of each window of rows x columns. */
        static void max_pool(const grid *g, const value *x, value *y, unsigned channels, unsigned rows, unsigned columns)
        {
            for (unsigned p = 0; p < g->height; p++)
                for (unsigned q = 0; q < g->width; q++)
                    for (unsigned c = 0; c < channels; c++) {
                        const value *at = x + p * g->x_down + q * g->x_right + c;
                        value most = *at;
                        for (unsigned r = 0; r < rows; r++)
                            for (unsigned s = 0; s < columns; s++)
                                if (at[r * g->x2 + s * g->x1] > most)
                                    most = at[r * g->x2 + s * g->x1];
                        y[p * g->y_down + q * g->y_right + c] = most;
                    }
        }

        """;

    private const string MaxPoolOver = """
        /* The first and the one behind the last of what a window covers, which may reach over either edge. */
        static void covered(unsigned window, unsigned size, unsigned stride, unsigned padding, unsigned length, unsigned *ends)
        {
            const unsigned first = window * stride, last = first + size;
            ends[0] = first < padding ? 0 : first - padding;
            ends[1] = last > length + padding ? length : last - padding;
        }

        /* The largest value of each window of size x size; what lies over the edge is left out. */
        static void max_pool_over(
            const grid *g, const value *x, value *y, unsigned channels, unsigned size, unsigned stride, unsigned padding,
            unsigned height, unsigned width)
        {
            for (unsigned p = 0; p < g->height; p++)
                for (unsigned q = 0; q < g->width; q++) {
                    unsigned rows[2], columns[2];
                    covered(p, size, stride, padding, height, rows);
                    covered(q, size, stride, padding, width, columns);
                    for (unsigned c = 0; c < channels; c++) {
                        value most = x[rows[0] * g->x_down + columns[0] * g->x_right + c];
                        for (unsigned h = rows[0]; h < rows[1]; h++)
                            for (unsigned w = columns[0]; w < columns[1]; w++) {
                                const value next = x[h * g->x_down + w * g->x_right + c];
                                if (next > most)
                                    most = next;
                            }
                        y[p * g->y_down + q * g->y_right + c] = most;
                    }
                }
        }

        """;
}
