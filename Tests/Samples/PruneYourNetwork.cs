using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning;
using Secateurs.Pruning.Methods;

namespace Tests.Samples;

/// <summary>
/// A network of one's own, from a line of layers to a small file: trained, pruned within a budget of accuracy, saved, and exported for
/// another program. In a program of your own this is all of <c>Main</c>.
/// </summary>
public static class PruneYourNetwork
{
    /// <param name="folder">Four IDX files, CIFAR-10's binary version, or a folder for each class.</param>
    /// <param name="target">Where the light network goes.</param>
    /// <param name="say">Takes a line of text: Console.WriteLine.</param>
    public static void Run(string folder, string target, Action<string> say)
    {
        using var device = ComputeDevice.Cpu();
        var data = DataFolder.Load(folder, new DataOptions());
        // A layer a token: eight filters of 5x5 with a ReLU, the largest of each 2x2, 32 neurons, and one for each class.
        string network = $"conv8@5r pool2 fc32r fc{data.Shape.Classes}";
        var options = new PruneOptions { MaxDrop = 2, DenseEpochs = 3, Epochs = 1, Validation = data.Train.Count / 6, Batch = 16 };

        var told = new Progress<PruneProgress>(p =>
        {
            if (p.Iteration is { } row)
                say($"{row.Phase}: {row.ValidationAccuracy:F2} % right, {100 * row.Density:F2} % of the weights kept");
        });
        var light = Pruner.Prune(device, data, network, options, progress: told);

        light.Model.Save(target);
        say($"{light.Ratio:F1} times lighter, test accuracy {light.Test.Accuracy:F2} % instead of {light.Dense.Test.Accuracy:F2} %");
        say(light.IsWithinBudget ? "within the budget" : "no lighter network was within the budget");
    }
}
