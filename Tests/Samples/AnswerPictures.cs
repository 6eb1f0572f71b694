using Secateurs.Kernels;
using Secateurs.Model;

namespace Tests.Samples;

/// <summary>A network that was saved answers pictures: what they show, and how sure it is of it.</summary>
public static class AnswerPictures
{
    /// <param name="model">A file that <see cref="Checkpoint.Save"/> or the program wrote.</param>
    /// <param name="pixels">Images one after another, each of them (C, H, W) bytes as the network was trained on them.</param>
    /// <param name="say">Takes a line of text: Console.WriteLine.</param>
    /// <returns>The class of each image.</returns>
    public static int[] Run(string model, byte[] pixels, Action<string> say)
    {
        using var device = ComputeDevice.Cpu();
        var network = Checkpoint.Load(model);
        int bytes = network.Network.Data.BytesPerImage, count = pixels.Length / bytes;
        // Made once for calls of up to so many images; dead neurons are left out, and light layers computed from their live weights.
        using var predictor = new Predictor(device, network, Math.Min(count, 64));
        var classes = new List<int>();
        for (int first = 0; first < count; first += predictor.Batch)
        {
            int now = Math.Min(predictor.Batch, count - first);
            pixels.AsSpan(first * bytes, now * bytes).CopyTo(predictor.Images);
            predictor.Run(now);
            classes.AddRange(predictor.Classes);
            for (int i = 0; i < now; i++)
                say($"image {first + i}: {predictor.Shape.NameOf(predictor.Classes[i])}, {100 * predictor.Probabilities(i).Max():F1} %");
        }
        return [.. classes];
    }
}
