namespace Secateurs.Pruning.Export.C;

/// <summary>The loops of the C code that run over a layer's weights, for each format of the tables.</summary>
internal static class RowCode
{
    /// <summary>One window: a sum for each output.</summary>
    public static string Full(RowFormat format) => $$"""
        /* Sums of a layer that looks at all of x, {{Words(format)}}. */
        static void full_{{Name(format)}}(const layer *l, const value *x, value *y, total *scores)
        {
            {{Pointers(format)}}
            for (unsigned k = 0; k < l->outputs; k++) {
                const value *at = x;
                total sum = l->biases[k];
        {{Loop(format, 2, "sum += (total)w * *at;")}}
                if (scores)
                    scores[k] = sum;
                else
                    y[k] = narrow(sum, l);
            }
        }

        """;

    /// <summary>Many windows, four of them at a time, so that a weight is decoded for four products.</summary>
    public static string Convolve(RowFormat format) => $$"""
        /* Sums of a convolution, four windows at a time, {{Words(format)}}. */
        static void convolve_{{Name(format)}}(const layer *l, const grid *g, const value *x, value *y)
        {
            const unsigned x1 = g->x1, x2 = g->x2, x3 = g->x3, last = g->width - (g->pooled ? 1u : 4u);
            {{Pointers(format)}}
            for (unsigned k = 0; k < l->outputs; k++) {
                {{Starts(format)}}
                for (unsigned p = 0; p < g->height; p++) {
                    for (unsigned q = 0;;) {
                        const value *at = x + p * g->x_down + q * g->x_right;
                        value *to = y + p * g->y_down + q * g->y_right + k;
                        total s0 = l->biases[k], s1 = s0, s2 = s0, s3 = s0;
                        {{Restart(format)}}
        {{Loop(format, 4, "s0 += (total)w * *at;", "s1 += (total)w * at[x1];", "s2 += (total)w * at[x2];", "s3 += (total)w * at[x3];")}}
                        if (g->pooled) {
                            if (s1 > s0)
                                s0 = s1;
                            if (s3 > s2)
                                s2 = s3;
                            *to = narrow(s2 > s0 ? s2 : s0, l);
                            q++;
                        } else {
                            *to = narrow(s0, l);
                            to[g->y1] = narrow(s1, l);
                            to[g->y2] = narrow(s2, l);
                            to[g->y3] = narrow(s3, l);
                            q += 4;
                        }
                        /* The last four windows of a row may be some of those before again. */
                        if (q > last) {
                            if (q - last >= (g->pooled ? 1u : 4u))
                                break;
                            q = last;
                        }
                    }
                }
            }
        }

        """;

    /// <summary>As the names of functions end.</summary>
    public static string Name(RowFormat format) => format switch
    {
        RowFormat.Dense => "dense",
        RowFormat.Sparse => "sparse",
        _ => "shared",
    };

    private static string Words(RowFormat format) => format switch
    {
        RowFormat.Dense => "all weights in turn",
        RowFormat.Sparse => "by steps from one live weight to the next",
        _ => "by steps and numbers of shared weights, both in a byte",
    };

    private static string Pointers(RowFormat format) => format switch
    {
        RowFormat.Dense => "const weight *weights = l->weights;",
        RowFormat.Sparse => "const uint8_t *steps = l->steps;\n    const weight *weights = l->weights;",
        _ => "const uint8_t *steps = l->steps;\n    const weight *const weights = l->weights;\n    const unsigned bits = l->bits, "
            + "mask = (1u << bits) - 1u;",
    };

    private static string Starts(RowFormat format) => format switch
    {
        RowFormat.Dense => "const weight *const first = weights;",
        RowFormat.Sparse => "const uint8_t *const start = steps;\n        const weight *const first = weights;",
        _ => "const uint8_t *const start = steps;",
    };

    private static string Restart(RowFormat format) => format switch
    {
        RowFormat.Dense => "weights = first;",
        RowFormat.Sparse => "steps = start;\n                weights = first;",
        _ => "steps = start;",
    };

    private static string Loop(RowFormat format, int depth, params string[] products)
    {
        string[] lines = format == RowFormat.Dense
            ?
            [
                "for (unsigned run = l->runs;; at += l->gap) {",
                "    for (unsigned n = l->length; n > 0; n--, at++) {",
                "        const weight w = *weights++;",
                .. products.Select(p => $"        {p}"),
                "    }",
                "    if (--run == 0)",
                "        break;",
                "}",
            ]
            :
            [
                "for (unsigned n = l->counts[k]; n > 0; n--) {",
                .. format == RowFormat.Sparse
                    ? (string[])["    at += *steps++;", "    const weight w = *weights++;"]
                    : ["    const unsigned both = *steps++;", "    at += both >> bits;", "    const weight w = weights[both & mask];"],
                .. products.Select(p => $"    {p}"),
                "}",
            ];
        string indent = new(' ', 4 * depth);
        return string.Join('\n', lines.Select(l => indent + l));
    }
}
