using System.Globalization;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning.Export;

namespace Secateurs.Program.Commands;

/// <summary>
/// Measures an imported network on training images and warns where its preprocessing or the order of its layers cannot be right: the
/// accuracy is near chance, or with another usual preprocessing clearly better. Never on test images, which decide nothing, and never
/// fetching any.
/// </summary>
internal static class PreprocessingCheck
{
    private const int MostImages = 5000, FewestImages = 100;

    /// <summary>Multiplications of all images together: seconds of two cores.</summary>
    private const double Effort = 2e10;

    /// <summary>
    /// Accuracy below so many times chance is no accuracy; a preprocessing is better beyond so many deviations of McNemar's test.
    /// </summary>
    private const double NearChance = 3, Better = 3;

    /// <summary>The set of --data, else MNIST where it lies already, else none.</summary>
    /// <exception cref="UserException">BadData: the set of --data cannot be read.</exception>
    public static ImageData? Data(Invocation invocation)
    {
        if (invocation.Find(Options.Data) is not null)
            return Workbench.LoadData(invocation);
        try
        {
            return DataFolder.Load(
                Path.Combine(Environment.GetEnvironmentVariable("PRUNING_HOME") ?? ".", "data", "mnist"), new(), invocation.Cancellation);
        }
        catch (UserException)
        {
            return null;
        }
    }

    /// <summary>Says how the network does, with a warning if need be; null where there are no images.</summary>
    /// <param name="invocation">Device, and where to speak.</param>
    /// <param name="model">The network for this program's pixels.</param>
    /// <param name="raw">The same for images as the file wants them.</param>
    /// <param name="told">The preprocessing between both.</param>
    /// <param name="data">Training images of it are looked at.</param>
    public static Score? Run(Invocation invocation, Checkpoint model, Checkpoint raw, Preprocessing told, ImageData? data)
    {
        if (data is null || (invocation.Find(Options.Data) is null && !model.Network.Data.Fits(data.Shape)))
        {
            invocation.Terminal.Say($"not measured: there are no images of {model.Network.Data.Description} at hand (--data names some)");
            return null;
        }
        int count = (int)Math.Clamp(Effort / Products(model.Network), FewestImages, MostImages);
        var images = data.Train.Take(Math.Min(count, data.Train.Count));
        using var device = Workbench.OpenDevice(invocation);
        using var trainer = Workbench.ForMeasuring(device, model, images);
        var found = trainer.EvaluateEach(Part.Test);
        var score = found.Score;
        invocation.Terminal.Say(string.Create(
            CultureInfo.InvariantCulture, $"accuracy {score.Accuracy:F2} % on {score.Images} training images of {data.Folder}"));
        var (better, percent) = Best(device, images, raw, told, found.Correct);
        string hint = better is null
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $"; with {OptionWords.Of(better)} it has {percent:F2} %");
        if (score.Accuracy < NearChance * 100 / data.Shape.Classes)
        {
            invocation.Terminal.Say(
                $"warning: an accuracy near chance: another preprocessing, network or order of layers, or other data{hint}");
        }
        else if (better is not null)
            invocation.Terminal.Say($"warning: the preprocessing may be another one{hint}");
        return score;
    }

    /// <summary>The best of the usual preprocessings, if it is clearly better.</summary>
    private static (Preprocessing? Better, double Percent) Best(
        ComputeDevice device, DataSet images, Checkpoint raw, Preprocessing told, bool[] right)
    {
        (Preprocessing? Better, double Percent) best = default;
        foreach (var other in Preprocessing.Usual(raw.Network.Data.Channels).Where(p => !p.Is(told)))
        {
            using var trainer = Workbench.ForMeasuring(device, other.Apply(raw), images);
            bool[] others = trainer.EvaluateEach(Part.Test).Correct;
            int won = others.Zip(right).Count(p => p is (true, false)), lost = others.Zip(right).Count(p => p is (false, true));
            double percent = 100.0 * others.Count(c => c) / others.Length;
            if (won - lost > Better * Math.Sqrt(won + lost) && percent > best.Percent)
                best = (other, percent);
        }
        return best;
    }

    private static double Products(NetworkDescription network) => network.Layers.Sum(l => (double)l.Products);
}
