using System.Globalization;
using System.Numerics;

namespace Secateurs.Pruning.Export.C;

/// <summary>The windows that a layer with weights looks through.</summary>
/// <param name="Height">Windows down.</param>
/// <param name="Width">Windows across.</param>
/// <param name="Stride">Pixels from one to the next.</param>
/// <param name="Pooled">Whether the largest of four windows, two down and two across, is given: Height and Width count these.</param>
/// <param name="First">Where the first begins in what is read.</param>
internal sealed record Windows(int Height, int Width, int Stride, bool Pooled, int First)
{
    /// <summary>A fully connected layer's.</summary>
    public bool IsOne => Height == 1 && Width == 1 && !Pooled;
}

/// <summary>A fully connected layer or a convolution, with a pooling of 2x2 behind it if there is one.</summary>
internal sealed class WeightedStep<T>(
    string name, Placed<T> input, Placed<T> output, Windows windows, Rows<T> rows, RowTable<T> table, IFinish<T> finish, bool last)
    : Step<T>(output) where T : unmanaged, INumber<T>
{
    public override IReadOnlyList<int> Inputs => [input.Value];

    public override bool IsLast => last;

    public override void Run(Values<T> values)
    {
        const int lanes = Values<T>.Lanes;
        ReadOnlySpan<T> x = values[input.Value];
        var y = values.Of(Output, Place);
        FillBorder(y);
        int right = input.Place.Right * windows.Stride, down = input.Place.Down * windows.Stride;
        Span<T> sums = stackalloc T[lanes], more = stackalloc T[lanes];
        for (int k = 0; k < rows.Count; k++)
            for (int p = 0; p < windows.Height; p++)
                for (int q = 0; q < windows.Width; q++)
                {
                    if (windows.Pooled)
                    {
                        int at = windows.First + 2 * p * down + 2 * q * right;
                        Sum(x, at, k, sums);
                        foreach (int next in (ReadOnlySpan<int>)[at + right, at + down, at + down + right])
                        {
                            Sum(x, next, k, more);
                            for (int n = 0; n < lanes; n++)
                                sums[n] = T.Max(sums[n], more[n]);
                        }
                    }
                    else
                        Sum(x, windows.First + p * down + q * right, k, sums);
                    var to = y.Slice(Place.Offset(k, p, q) * lanes, lanes);
                    for (int n = 0; n < lanes; n++)
                        to[n] = finish.Of(sums[n]);
                }
    }

    private void Sum(ReadOnlySpan<T> x, int at, int row, Span<T> sums)
    {
        var offsets = rows.OffsetsOf(row);
        var weights = rows.WeightsOf(row);
        for (int lane = 0; lane < sums.Length; lane += Vector<T>.Count)
        {
            var sum = new Vector<T>(rows.Biases[row]);
            for (int i = 0; i < offsets.Length; i++)
                sum += new Vector<T>(weights[i]) * Load(x, (at + offsets[i]) * Values<T>.Lanes + lane);
            sum.CopyTo(sums[lane..]);
        }
    }

    public override void Write(Source<T> source, params string[] addresses)
    {
        string layer = table.Write(source, name, rows, finish.Fields), format = RowCode.Name(table.Format);
        string x = string.Create(CultureInfo.InvariantCulture, $"{addresses[0]} + {windows.First}");
        source.Border(name, addresses[1], Place, Border);
        if (windows.IsOne)
        {
            source.Function($"full_{format}", RowCode.Full(table.Format));
            source.Call(IsLast ? $"full_{format}(&{layer}, {x}, 0, {addresses[1]});"
                : string.Create(CultureInfo.InvariantCulture,
                    $"full_{format}(&{layer}, {x}, {addresses[1]} + {Place.Offset(0, 0, 0)}, 0);"));
            return;
        }
        source.Grid();
        source.Function("row", RowCode.Row);
        source.Function($"convolve_{format}", RowCode.Convolve(table.Format));
        source.Call(string.Create(CultureInfo.InvariantCulture,
            $"convolve_{format}(&{layer}, &{source.Grid(name, Grid())}, {x}, {addresses[1]} + {Place.Offset(0, 0, 0)});"));
    }

    private Grid Grid()
    {
        int right = input.Place.Right * windows.Stride, down = input.Place.Down * windows.Stride;
        if (windows.Pooled)
        {
            return new Grid(
                windows.Height, windows.Width, 2 * down, 2 * right, Place.Down, Place.Right, [right, down, down + right], [0, 0, 0], true);
        }
        // Where there are less than four across, the others of the four are the last one again.
        int[] others = [.. Enumerable.Range(1, 3).Select(i => Math.Min(i, windows.Width - 1))];
        return new Grid(
            windows.Height, Math.Max(windows.Width, 4), down, right, Place.Down, Place.Right, [.. others.Select(i => i * right)],
            [.. others.Select(i => i * Place.Right)], false);
    }
}
