using Secateurs.Model;
using Tests.ModelTests;

namespace Tests.PruningTests;

/// <summary>
/// A set that is not MNIST and is learned in an epoch or two: each class has its own square of ink, and noise lies over all.
/// </summary>
internal static class SmallSet
{
    public const int TrainCount = 480, TestCount = 80;

    private static readonly string[] Names =
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

    /// <summary>Writes the four files.</summary>
    /// <param name="folder">Made if absent.</param>
    /// <param name="wrongTestLabels">Whether the test labels are all shifted by one.</param>
    /// <returns>The folder.</returns>
    public static string Write(string folder, bool wrongTestLabels = false)
    {
        var train = Make(TrainCount, 1);
        var test = Make(TestCount, 2);
        Directory.CreateDirectory(folder);
        int[] labels = wrongTestLabels ? [.. test.Labels.Select(l => (l + 1) % 10)] : test.Labels;
        byte[][] files =
            [IdxFiles.Images(train.Images), Bytes(train.Labels), IdxFiles.Images(test.Images), Bytes(labels)];
        for (int i = 0; i < files.Length; i++)
            File.WriteAllBytes(Path.Combine(folder, Names[i]), files[i]);
        return folder;

        static byte[] Bytes(int[] labels) => IdxFiles.Labels([.. labels.Select(l => (byte)l)]);
    }

    public static DataSet Make(int count, ulong seed)
    {
        var random = new Random64(seed);
        byte[] images = new byte[count * Mnist.Shape.BytesPerImage];
        int[] labels = new int[count];
        for (int n = 0; n < count; n++)
        {
            labels[n] = random.NextInt(10);
            for (int i = 0; i < Mnist.Shape.BytesPerImage; i++)
            {
                int row = i / Mnist.Shape.Width, column = i % Mnist.Shape.Width;
                bool ink = row / 14 == labels[n] / 5 && column / 6 == labels[n] % 5;
                images[n * Mnist.Shape.BytesPerImage + i] = (byte)((ink ? 90 : 0) + random.NextInt(140));
            }
        }
        return new DataSet(Mnist.Shape, images, labels);
    }
}
