using System.CommandLine;
using System.Globalization;
using Model;
using Pruning.Runs;

namespace Pruning.Commands;

/// <summary><c>predict</c>: which digit is on a picture, and how sure the network is.</summary>
internal static class PredictCommand
{
    private static readonly Argument<string[]> Images = new("IMAGES")
    {
        Description = "pictures (PNG, JPEG, BMP, GIF, TGA) of one digit each, or IDX files of images",
        Arity = ArgumentArity.ZeroOrMore,
        // Everything that is no option would be taken for a file, a misspelt option too.
        Validators =
        {
            result =>
            {
                if (result.Tokens.FirstOrDefault(t => t.Value.StartsWith("--", StringComparison.Ordinal)) is { } token)
                    result.AddError($"unknown option '{token.Value}'");
            },
        },
    };

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("predict", "classify images") { Images };
        foreach (var option in (Option[])[Options.Model, Options.Device, Options.Workers, Options.Simd, Options.Json])
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        var (_, model) = EvalCommand.Load(invocation);
        var files = invocation.Arguments.GetRequiredValue(Images);
        if (files.Length == 0)
            throw new UserException(ExitCode.Usage, "IMAGES: expected at least one picture or IDX file, found none");
        var images = files.SelectMany(Pictures.Read).ToArray();
        using var device = Workbench.OpenDevice(invocation);

        // The loss with the label c is -ln of the probability of c, so each image is measured once with each label.
        const int classes = DataSet.Classes;
        var repeated = new DataSet(
            [.. images.SelectMany(i => Enumerable.Repeat(i.Pixels, classes)).SelectMany(p => p)],
            [.. images.SelectMany(_ => Enumerable.Range(0, classes).Select(c => (byte)c))]);
        using var trainer = Workbench.ForMeasuring(device, model, repeated);
        var loss = trainer.EvaluateEach(Part.Test).Loss;

        var table = new TextTable("image", "class", "probability");
        var results = new List<object>();
        for (int i = 0; i < images.Length; i++)
        {
            double[] probabilities = [.. loss.AsSpan(i * classes, classes).ToArray().Select(l => Math.Exp(-l))];
            int best = Array.IndexOf(probabilities, probabilities.Max());
            table.Add(images[i].Name, Csv.Whole(best), probabilities[best].ToString("F4", CultureInfo.InvariantCulture));
            results.Add(new { Image = images[i].Name, Class = best, Probability = probabilities[best], Probabilities = probabilities });
        }
        invocation.Terminal.Say(table.ToString());
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Network = model.Network.Name, Predictions = results });
    }
}
