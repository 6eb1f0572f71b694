using System.Text;
using Secateurs.Model;
using static Tests.ModelTests.IdxFiles;

namespace Tests.ModelTests;

/// <summary>Sets of IDX files that are not of MNIST's form.</summary>
public sealed class IdxSetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ImageData Load(uint[] size, uint labelMagic = 0x801, params byte[][] labels)
    {
        int image = (int)size.Aggregate(1u, (a, b) => a * b), width = labelMagic == 0xB01 ? 2 : 1;
        uint magic = size.Length == 2 ? 0x803u : 0x804u, train = (uint)(labels[0].Length / width), test = (uint)(labels[1].Length / width);
        byte[] Pixels(uint count) => [.. Enumerable.Range(0, (int)count * image).Select(i => (byte)(i * 7))];
        _folder.Write("train-images-idx3-ubyte", Bytes([magic, train, .. size], Pixels(train)));
        _folder.Write("t10k-images-idx3-ubyte", Bytes([magic, test, .. size], Pixels(test)));
        _folder.Write("train-labels-idx1-ubyte", Bytes([labelMagic, train], labels[0]));
        _folder.Write("t10k-labels-idx1-ubyte", Bytes([labelMagic, test], labels[1]));
        return DataFolder.Load(_folder.Path, new DataOptions());
    }

    [Fact]
    public void Grey_keeps_mnists_scale_and_has_as_many_classes_as_labels_ask_for()
    {
        var data = Load([9, 5], 0x801, [0, 1, 2], [6, 0]);
        Assert.Equal("1x9x5 in 7 classes", data.Shape.Description);
        Assert.Equal((Mnist.Shape.Scale[0], 0), (data.Shape.Scale[0], data.Shape.Shift[0]));
        Assert.Equal("1x28x28 in 10 classes", Load([28, 28], 0x801, [0, 1], [2]).Shape.Description);
        Assert.Equal("1x28x28 in 12 classes", Load([28, 28], 0x801, [0, 11], [2]).Shape.Description);
        Assert.False(data.Train.InProportion);
    }

    [Fact]
    public void Colours_are_normalized_and_labels_may_have_two_bytes()
    {
        var data = Load([3, 4, 6], 0xB01, [3, 231, 0, 0], [0, 5]);
        Assert.Equal("3x4x6 in 1000 classes", data.Shape.Description);
        Assert.Equal([999, 0], data.Train.Labels);
        Assert.NotEqual(0, data.Shape.Shift[2]);
    }

    [Fact]
    public void A_list_beside_the_files_names_the_classes()
    {
        _folder.Write("classes.txt", Encoding.UTF8.GetBytes("T-shirt\nTrouser\r\nPull over\n"));
        var shape = Load([28, 28], 0x801, [0, 1], [1]).Shape;
        Assert.Equal(["T-shirt", "Trouser", "Pull over"], shape.Names);
        Assert.True(Mnist.IsLike(shape));
        Assert.Contains("labels 0-2, found label 3", Refusal.Message(
            ErrorKind.BadData, _folder.Combine("train-labels-idx1-ubyte"), () => Load([28, 28], 0x801, [0, 3], [1])));
        _folder.Write("classes.txt", Encoding.UTF8.GetBytes("one\none\n"));
        Assert.Contains("'one' twice", Refusal.Message(
            ErrorKind.BadData, _folder.Combine("classes.txt"), () => Load([28, 28], 0x801, [0, 1], [1])));
    }

    [Fact]
    public void Test_images_have_the_size_of_training_images()
    {
        Load([9, 5], 0x801, [0, 1], [1]);
        _folder.Write("t10k-images-idx3-ubyte", Bytes([0x803, 1, 9, 6], new byte[54]));
        Assert.Contains("columns of an image: 5, found 6", Refusal.Message(
            ErrorKind.BadData, _folder.Combine("t10k-images-idx3-ubyte"), () => DataFolder.Load(_folder.Path, new DataOptions())));
        _folder.Write("t10k-images-idx3-ubyte", Bytes([0x804, 1, 3, 9, 5], new byte[135]));
        Assert.Contains("images of 1x9x5", Refusal.Message(
            ErrorKind.BadData, _folder.Combine("t10k-images-idx3-ubyte"), () => DataFolder.Load(_folder.Path, new DataOptions())));
    }
}
