using System.CommandLine;
using System.Globalization;
using Secateurs.Model;
using Secateurs.Model.Imaging;
using Secateurs.Program.Runs;

namespace Secateurs.Program.Commands;

/// <summary><c>predict</c>: what is on a picture, and how sure the network is.</summary>
internal static class PredictCommand
{
    /// <summary>Images of a call of the network.</summary>
    private const int Batch = 1024;

    /// <summary>Bytes of images of a call, or one image.</summary>
    private const int BytesAtOnce = 1 << 28;

    private static readonly Argument<string[]> Images = new("IMAGES")
    {
        Description = "pictures (PNG, JPEG, WebP, GIF, BMP, TGA), of digits one each, or IDX files of images",
        Arity = ArgumentArity.ZeroOrMore,
        // Everything that is no option would be taken for a file, a misspelt option too.
        Validators =
        {
            Options.DemandPaths,
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
        var shape = model.Network.Data;
        var images = Read(invocation, shape);
        using var device = Workbench.OpenDevice(invocation);
        using var predictor = new Predictor(device, model, Math.Clamp(BytesAtOnce / shape.BytesPerImage, 1, Math.Min(Batch, images.Count)));
        var table = new TextTable("image", "class", "probability");
        var results = new List<object>();
        foreach (var batch in images.Chunk(predictor.Batch))
        {
            invocation.Cancellation.ThrowIfCancellationRequested();
            for (int i = 0; i < batch.Length; i++)
                batch[i].Pixels.Span.CopyTo(predictor.Images[(i * predictor.Shape.BytesPerImage)..]);
            predictor.Run(batch.Length);
            for (int i = 0; i < batch.Length; i++)
            {
                double[] probabilities = predictor.Probabilities(i);
                int best = predictor.Classes[i];
                table.Add(batch[i].Name, shape.NameOf(best), probabilities[best].ToString("F4", CultureInfo.InvariantCulture));
                results.Add(new
                {
                    Image = batch[i].Name,
                    Class = best,
                    Name = shape.NameOf(best),
                    Probability = probabilities[best],
                    Probabilities = probabilities,
                });
            }
        }
        invocation.Terminal.Print(table.ToString());
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(new { Network = model.Network.Name, Classes = shape.Names, Predictions = results });
    }

    private static List<NamedImage> Read(Invocation invocation, DataShape shape)
    {
        string[] files = invocation.Arguments.GetValue(Images) ?? [];
        if (files.Length == 0)
            throw new UserException(ErrorKind.Usage, "IMAGES: expected at least one picture or IDX file, found none");
        var images = new List<NamedImage>();
        foreach (string file in files)
        {
            invocation.Cancellation.ThrowIfCancellationRequested();
            images.AddRange(Pictures.Read(file, shape, invocation.Cancellation));
            if (images.Count > Pictures.MostImages)
                throw new UserException(ErrorKind.Usage, $"IMAGES: expected at most {Pictures.MostImages} images at once, found more");
        }
        return images;
    }
}
