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
        {{Loop(format, "l", "l->counts[k]", 2, "sum += (total)w * *at;")}}
                if (scores)
                    scores[k] = sum;
                else
                    y[k] = narrow(sum, l);
            }
        }

        """;

    /// <summary>What the four sums of a convolution are made of. All that the loop needs is in one place, to spare registers.</summary>
    public const string Row = """
        typedef struct {
            const uint8_t *steps;
            const weight *weights;
            unsigned count;
            total bias;
            value *to;              /* where the first of the four goes */
            const layer *l;
            const grid *g;
            unsigned pooled, x1, x2, x3;
        } row;

        """;

    /// <summary>Many windows, four of them at a time, so that a weight is decoded for four products.</summary>
    public static string Convolve(RowFormat format) => $$"""
        /* Four windows of an output, {{Words(format)}}. */
        static void four_{{Name(format)}}(const row *r, const value *at)
        {
            const unsigned x1 = r->x1, x2 = r->x2, x3 = r->x3;
            {{Pointers(format).Replace("l->bits", "r->l->bits", StringComparison.Ordinal)
                .Replace("= l->", "= r->", StringComparison.Ordinal)}}
            total s0 = r->bias, s1 = s0, s2 = s0, s3 = s0;
        {{Loop(
            format, "r->l", "r->count", 1,
            "s0 += (total)w * *at;", "s1 += (total)w * at[x1];", "s2 += (total)w * at[x2];", "s3 += (total)w * at[x3];")}}
            if (r->pooled) {
                if (s1 > s0)
                    s0 = s1;
                if (s3 > s2)
                    s2 = s3;
                if (s2 > s0)
                    s0 = s2;
            } else {
                const grid *g = r->g;
                r->to[g->y1] = narrow(s1, r->l);
                r->to[g->y2] = narrow(s2, r->l);
                r->to[g->y3] = narrow(s3, r->l);
            }
            *r->to = narrow(s0, r->l);
        }

        /* A convolution. The last four windows of a row may be some of those before again. */
        static void convolve_{{Name(format)}}(const layer *l, const grid *g, const value *x, value *y)
        {
            const unsigned four = g->pooled ? 1u : 4u, last = g->width - four;
            row r = { l->steps, l->weights, 0, 0, y, l, g, g->pooled, g->x1, g->x2, g->x3 };
            for (unsigned k = 0; k < l->outputs; k++) {
                const value *down = x;
                {{(format == RowFormat.Dense ? "" : "r.count = l->counts[k];\n        ")}}r.bias = l->biases[k];
                for (unsigned p = 0; p < g->height; p++, down += g->x_down) {
                    const value *at = down;
                    r.to = y + p * g->y_down + k;
                    for (unsigned left = last; left > 0;) {
                        const unsigned next = left < four ? left : four;
                        four_{{Name(format)}}(&r, at);
                        left -= next;
                        at += next * g->x_right;
                        r.to += next * g->y_right;
                    }
                    four_{{Name(format)}}(&r, at);
                }
                {{Advance(format)}}
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

    private static string Advance(RowFormat format) => format switch
    {
        RowFormat.Dense => "r.weights += (unsigned)l->runs * l->length;",
        RowFormat.Sparse => "r.steps += r.count;\n        r.weights += r.count;",
        _ => "r.steps += r.count;",
    };

    private static string Loop(RowFormat format, string layer, string count, int depth, params string[] products)
    {
        string[] lines = format == RowFormat.Dense
            ?
            [
                $"for (unsigned run = {layer}->runs;; at += {layer}->gap) {{",
                $"    for (unsigned n = {layer}->length; n > 0; n--, at++) {{",
                "        const weight w = *weights++;",
                .. products.Select(p => $"        {p}"),
                "    }",
                "    if (--run == 0)",
                "        break;",
                "}",
            ]
            :
            [
                $"unsigned n = {count};",
                "if (n > 0)",
                "    do {",
                .. format == RowFormat.Sparse
                    ? (string[])["        at += *steps++;", "        const weight w = *weights++;"]
                    :
                    [
                        "        const unsigned both = *steps++;", "        at += both >> bits;",
                        "        const weight w = weights[both & mask];",
                    ],
                .. products.Select(p => $"        {p}"),
                "    } while (--n > 0);",
            ];
        string indent = new(' ', 4 * depth);
        return string.Join('\n', lines.Select(l => indent + l));
    }
}
