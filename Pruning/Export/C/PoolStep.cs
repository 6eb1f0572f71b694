using System.Globalization;
using System.Numerics;

namespace Secateurs.Pruning.Export.C;

/// <summary>The largest number, or the mean, of each window of each channel; windows lie side by side.</summary>
internal sealed class PoolStep<T>(
    string name, int input, Place from, int output, Place place, int rows, int columns, bool mean, T[] border, Arithmetic<T> arithmetic)
    : Step<T>(output, place) where T : unmanaged, INumber<T>
{
    public override IReadOnlyList<int> Inputs => [input];

    public override void Run(Values<T> values)
    {
        ReadOnlySpan<T> x = values[input];
        var y = values.Of(Output, Place);
        FillBorder(y, border);
        for (int c = 0; c < Place.Channels; c++)
            for (int p = 0; p < Place.Height; p++)
                for (int q = 0; q < Place.Width; q++)
                {
                    var to = y.Slice(Place.Offset(c, p, q) * Values<T>.Lanes, Values<T>.Lanes);
                    for (int n = 0; n < to.Length; n++)
                        to[n] = Window(x, c, p * rows, q * columns, n);
                }
    }

    private T Window(ReadOnlySpan<T> x, int c, int h, int w, int n)
    {
        T largest = x[from.Offset(c, h, w) * Values<T>.Lanes + n], sum = T.Zero;
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < columns; s++)
            {
                T number = x[from.Offset(c, h + r, w + s) * Values<T>.Lanes + n];
                (largest, sum) = (T.Max(largest, number), sum + number);
            }
        return mean ? arithmetic.Average(sum, rows * columns) : largest;
    }

    public override void Write(Source<T> source, params string[] addresses)
    {
        string function = mean ? "average_pool" : "max_pool";
        source.Grid();
        if (mean)
            source.Average();
        source.Function(function, $$"""
            /* The {{(mean ? "mean" : "largest value")}} of each window of rows x columns. */
            static void {{function}}(const grid *g, const value *x, value *y, unsigned channels, unsigned rows, unsigned columns)
            {
                for (unsigned p = 0; p < g->height; p++)
                    for (unsigned q = 0; q < g->width; q++)
                        for (unsigned c = 0; c < channels; c++) {
                            const value *at = x + p * g->x_down + q * g->x_right + c;
            {{(mean ? """
                            total sum = 0;
                            for (unsigned r = 0; r < rows; r++)
                                for (unsigned s = 0; s < columns; s++)
                                    sum += at[r * g->x2 + s * g->x1];
                            y[p * g->y_down + q * g->y_right + c] = average(sum, rows * columns);
            """ : """
                            value most = *at;
                            for (unsigned r = 0; r < rows; r++)
                                for (unsigned s = 0; s < columns; s++)
                                    if (at[r * g->x2 + s * g->x1] > most)
                                        most = at[r * g->x2 + s * g->x1];
                            y[p * g->y_down + q * g->y_right + c] = most;
            """)}}
                        }
            }

            """);
        source.Border(name, addresses[1], Place, border);
        string grid = source.Grid(name, new Grid(
            Place.Height, Place.Width, from.Down * rows, from.Right * columns, Place.Down, Place.Right, [from.Right, from.Down, 0],
            [0, 0, 0], false));
        source.Call(string.Create(CultureInfo.InvariantCulture,
            $"{function}(&{grid}, {addresses[0]} + {from.Offset(0, 0, 0)}, {addresses[1]} + {Place.Offset(0, 0, 0)}, {Place.Channels}, "
            + $"{rows}, {columns});"));
    }
}
