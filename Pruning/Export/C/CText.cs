using System.Globalization;
using System.Numerics;
using Secateurs.Model;

namespace Secateurs.Pruning.Export.C;

/// <summary>The text of the two files around what the steps write.</summary>
/// <param name="model">The network as it was given.</param>
/// <param name="file">Name of the files, without .c and .h.</param>
/// <param name="data">Images.</param>
/// <param name="floatCorrect">Test images that it classifies as labelled in floats.</param>
internal sealed class CText(Checkpoint model, string file, ImageData data, int floatCorrect)
{
    private readonly string name = CFiles.Identifier(file);

    public CProgram Of<T>(Plan<T> plan, Arithmetic<T> arithmetic, T[] scores) where T : unmanaged, INumber<T>
    {
        var source = new Source<T>(arithmetic);
        var (addresses, length) = Scratch.Of(plan);
        foreach (var step in plan.Steps)
        {
            string output = step.IsLast ? "scores" : Address(step.Output, addresses);
            step.Write(source, [.. step.Inputs.Select(i => Address(i, addresses)), output]);
        }
        int bytes = length * (arithmetic.ReadsBytes ? 1 : 4), correct = CFiles.Correct(scores, data.Test);
        string about = About(arithmetic, source.Flash, bytes, correct), upper = name.ToUpperInvariant();
        string score = arithmetic is ByteArithmetic ? "int32_t" : "float";
        string c = $$"""
            /* {{about}} */
            #include "{{file}}.h"

            {{arithmetic.Types}}typedef {{source.ExtentType}} extent;    /* a length or distance */

            typedef struct {
                const uint8_t *steps;   /* of each weight: how many values behind the one before its own lies */
                const weight *weights;
                const total *biases;    /* one of each output */
                const extent *counts;   /* weights of each output */
                extent outputs;
                extent runs, length, gap; /* where all weights are there: values in a row, and those left out between two rows */
                uint8_t bits;           /* where a step and a weight share a byte: bits of the weight's number */
                {{arithmetic.Fields}}
            } layer;

            {{(length > 0 ? $"static value scratch[{upper}_SCRATCH];\n\n" : "")}}{{arithmetic.Functions}}
            {{source.Inner}}void {{name}}_scores(const uint8_t *image, {{score}} *scores)
            {
            {{source.Calls}}}

            int {{name}}_classify(const uint8_t *image)
            {
                {{score}} scores[{{upper}}_CLASSES];
                int best = 0;
                {{name}}_scores(image, scores);
                for (int k = 1; k < {{upper}}_CLASSES; k++)
                    if (scores[k] > scores[best])
                        best = k;
                return best;
            }

            """;
        string unit = arithmetic is ByteArithmetic b
            ? string.Create(CultureInfo.InvariantCulture, $"; a score of 1 is {b.ScoreScale:G4} of the network's own") : "";
        string header = $$"""
            /* {{about}} */
            #ifndef {{upper}}_H
            #define {{upper}}_H

            #include <stdint.h>

            #define {{upper}}_IMAGE {{data.Shape.BytesPerImage}} /* bytes of an image: {{Shape}} */
            #define {{upper}}_CLASSES {{data.Shape.Classes}}
            #define {{upper}}_SCRATCH {{length}} /* {{(arithmetic.ReadsBytes ? "bytes" : "floats")}} of memory, which calls share */

            #ifdef __cplusplus
            extern "C" {
            #endif

            /* The class of an image, from 0. Calls must not overlap, since they share their memory. */
            int {{name}}_classify(const uint8_t *image);

            /* The score of each class, the larger the likelier{{unit}}. */
            void {{name}}_scores(const uint8_t *image, {{score}} *scores);

            #ifdef __cplusplus
            }
            #endif

            #endif

            """;
        return new CProgram(c, header, source.Flash, bytes, correct, floatCorrect, data.Test.Count);
    }

    private string Shape => string.Create(
        CultureInfo.InvariantCulture,
        $"{data.Shape.Channels} plane{(data.Shape.Channels == 1 ? "" : "s")} of {data.Shape.Height} rows of {data.Shape.Width}");

    private string About<T>(Arithmetic<T> arithmetic, long flash, int scratch, int correct) where T : unmanaged, INumber<T>
    {
        string before = arithmetic is ByteArithmetic ? $" (in float {Percent(floatCorrect)} %)" : "";
        return string.Create(CultureInfo.InvariantCulture, $"""
            {model.Network.Name}: {data.Shape.Description}, {model.Kept} of {model.Total} weights, {arithmetic.Name} arithmetic.
               Classifies {Percent(correct)} % of {data.Test.Count} test images as labelled{before}.
               Flash: {flash} bytes of tables, and the code. Memory: {scratch} bytes, and {4 * data.Shape.Classes} of scores on the stack.
               int class = {name}_classify(image), where image is {data.Shape.BytesPerImage} bytes: {Shape}.
            """);
    }

    private string Percent(int correct) =>
        (100.0 * correct / Math.Max(1, data.Test.Count)).ToString("F2", CultureInfo.InvariantCulture);

    private static string Address(int value, int[] addresses) => value == 0 ? "image"
        : addresses[value] == 0 ? "scratch" : string.Create(CultureInfo.InvariantCulture, $"scratch + {addresses[value]}");
}
