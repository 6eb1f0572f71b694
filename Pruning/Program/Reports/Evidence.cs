using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Commands;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Compression;

namespace Secateurs.Program.Reports;

/// <summary>The networks of a run and what they answer to the test images: what its tables do not say.</summary>
/// <param name="Dense">Before pruning.</param>
/// <param name="Pruned">After it.</param>
/// <param name="Test">The test images.</param>
/// <param name="DenseAnswers">One an image.</param>
/// <param name="PrunedAnswers">One an image.</param>
internal sealed record Evidence(Checkpoint Dense, Checkpoint Pruned, DataSet Test, int[] DenseAnswers, int[] PrunedAnswers)
{
    /// <summary>Loads both networks and lets them answer; null where one of them is not there any more.</summary>
    /// <param name="invocation">For the device.</param>
    /// <param name="pruned">Folder of the pruned network.</param>
    /// <param name="dense">Places where the dense one may be.</param>
    /// <param name="data">The set that both were trained on, as it is read; the network says which of its images are for tests.</param>
    /// <exception cref="UserException">BadFile: a file is damaged.</exception>
    public static Evidence? Find(Invocation invocation, string pruned, IEnumerable<string> dense, ImageData data)
    {
        string model = Path.Combine(pruned, RunFolder.Model);
        if (!File.Exists(model) || dense.FirstOrDefault(File.Exists) is not { } denseFile)
            return null;
        Checkpoint before = ModelFile.Load(denseFile), after = ModelFile.Load(model);
        if (before.Network.Text != after.Network.Text || !before.Network.Data.Image.Equals(data.Shape.Image))
            return null;
        var test = data.Redrawn(after.Split).Test;
        using var device = Workbench.OpenDevice(invocation);
        return new Evidence(before, after, test, Answers(device, before), Answers(device, after));

        int[] Answers(ComputeDevice on, Checkpoint network)
        {
            using var trainer = Workbench.ForMeasuring(on, network, test);
            return trainer.Answers(Part.Test, invocation.Cancellation);
        }
    }
}
