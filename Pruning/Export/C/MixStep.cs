using System.Globalization;
using System.Numerics;

namespace Secateurs.Pruning.Export.C;

/// <summary>y(c) = Biases[c] + Σ Factors[t][c] x(t, c) of values t in channels c.</summary>
internal sealed record Mix<T>(T[][] Factors, T[] Biases);

/// <summary>
/// The sum of branches, each times a number or one a channel; a batch normalisation on its own is such a sum of one value.
/// </summary>
internal sealed class MixStep<T>(
    string name, Placed<T>[] inputs, Placed<T> output, Mix<T> mix, IFinish<T> finish)
    : Step<T>(output) where T : unmanaged, INumber<T>
{
    public override IReadOnlyList<int> Inputs => [.. inputs.Select(i => i.Value)];

    public override void Run(Values<T> values)
    {
        const int lanes = Values<T>.Lanes;
        var y = values.Of(Output, Place);
        FillBorder(y);
        for (int c = 0; c < Place.Channels; c++)
            for (int h = 0; h < Place.Height; h++)
                for (int w = 0; w < Place.Width; w++)
                {
                    var sums = y.Slice(Place.Offset(c, h, w) * lanes, lanes);
                    sums.Fill(mix.Biases[c]);
                    for (int t = 0; t < inputs.Length; t++)
                    {
                        var x = values[inputs[t].Value].Slice(inputs[t].Place.Offset(c, h, w) * lanes, lanes);
                        for (int n = 0; n < lanes; n++)
                            sums[n] += mix.Factors[t][c] * x[n];
                    }
                    for (int n = 0; n < lanes; n++)
                        sums[n] = finish.Of(sums[n]);
                }
    }

    public override void Write(Source<T> source, params string[] addresses)
    {
        source.Function("mix", """
            typedef struct {
                const total *factors;   /* one, or one of each channel */
                extent each;            /* from one to the next: 0 or 1 */
                extent down;            /* from a row of x to the next */
            } term;

            typedef struct {
                const term *terms;
                extent count, each;     /* of terms; from a bias to the next: 0 or 1 */
                extent height, width, down;
            } mixture;

            /* The sum of values, each times its factors. */
            static void mix(const layer *l, const mixture *m, const value *const *x, value *y)
            {
                for (unsigned h = 0; h < m->height; h++) {
                    value *to = y + h * m->down;
                    for (unsigned w = 0, i = 0; w < m->width; w++)
                        for (unsigned c = 0; c < l->outputs; c++, i++) {
                            total sum = l->biases[c * m->each];
                            for (unsigned t = 0; t < m->count; t++) {
                                const term *a = m->terms + t;
                                sum += a->factors[c * a->each] * (total)x[t][h * a->down + i];
                            }
                            to[i] = narrow(sum, l);
                        }
                }
            }

            """);
        string[] terms =
        [
            .. mix.Factors.Select((f, t) => string.Create(
                CultureInfo.InvariantCulture,
                $"{{ {Table(source, $"{name}_factors{t}", f)}, {Each(f)}, {source.Extent(inputs[t].Place.Down)} }}")),
        ];
        string layer = source.Structure("layer", name,
        [
            $".outputs = {source.Extent(Place.Channels)}", finish.Fields, $".biases = {Table(source, $"{name}_biases", mix.Biases)}",
        ]);
        string mixture = source.Structure("mixture", $"{name}_mixture",
        [
            $".terms = {source.Array("term", $"{name}_terms", terms)}, .count = {inputs.Length}, .each = {Each(mix.Biases)}",
            $".height = {source.Extent(Place.Height)}, .width = {source.Extent(Place.Width)}, .down = {source.Extent(Place.Down)}",
        ]);
        source.Border(name, addresses[^1], Place, Border);
        string x = string.Join(", ", inputs.Select((i, t) => At(addresses[t], i.Place)));
        source.Call($"mix(&{layer}, &{mixture}, (const value *const[]){{ {x} }}, {At(addresses[^1], Place)});");
    }

    private static string At(string address, Place place) =>
        string.Create(CultureInfo.InvariantCulture, $"{address} + {place.Offset(0, 0, 0)}");

    private static bool IsOne(T[] numbers) => numbers.All(n => n == numbers[0]);

    private static string Each(T[] numbers) => IsOne(numbers) ? "0" : "1";

    private static string Table(Source<T> source, string name, T[] numbers) =>
        source.Array("total", name, numbers.Take(IsOne(numbers) ? 1 : numbers.Length).Select(source.Arithmetic.Text));
}
