using System.Buffers.Binary;
using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class DataSetTests
{
    /// <summary>Every image carries its number in its first four bytes, and its label is the number's last digit.</summary>
    private static DataSet Numbered(int count)
    {
        byte[] images = new byte[count * Mnist.Shape.BytesPerImage];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(images.AsSpan(i * Mnist.Shape.BytesPerImage), i);
            labels[i] = i % 10;
        }

        return new DataSet(Mnist.Shape, images, labels);
    }

    private static int[] Numbers(DataSet set) =>
        [.. Enumerable.Range(0, set.Count).Select(i => BinaryPrimitives.ReadInt32LittleEndian(set.Image(i)))];

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(1009, 0)]
    [InlineData(1009, 100)]
    [InlineData(1009, 1008)]
    public void Split_puts_every_image_with_its_label_into_exactly_one_part(int count, int validation)
    {
        (DataSet training, DataSet held) = Numbered(count).Split(validation, seed: 1);

        Assert.Equal(validation, held.Count);
        Assert.Equal(count - validation, training.Count);
        Assert.Equal(Enumerable.Range(0, count), Numbers(training).Concat(Numbers(held)).Order());
        foreach (DataSet part in new[] { training, held })
            Assert.Equal(Numbers(part).Select(i => i % 10), part.Labels);
    }

    /// <summary>A split of another order would silently make two published runs incomparable.</summary>
    [Fact]
    public void Split_is_the_same_on_every_platform()
    {
        (DataSet training, DataSet held) = Numbered(20).Split(5, seed: 1);
        Assert.Equal([12, 5, 3, 13, 10], Numbers(held));
        Assert.Equal([17, 8, 6, 9, 19, 7, 1, 0, 15, 4, 2, 14, 16, 11, 18], Numbers(training));
    }

    [Fact]
    public void Split_differs_by_seed_and_draws_from_everywhere()
    {
        DataSet set = Numbered(1000);
        int[] first = Numbers(set.Split(200, seed: 1).Validation), second = Numbers(set.Split(200, seed: 2).Validation);
        Assert.NotEqual(first.Order(), second.Order());
        Assert.InRange(first.Average(), 499.5 - 100, 499.5 + 100);
        Assert.InRange(first.Intersect(second).Count(), 15, 65);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(10)]
    [InlineData(5000)]
    public void Split_refuses_to_leave_nothing_to_train_on(int validation)
    {
        string line = Refusal.Message(ErrorKind.Usage, "validation images", () => Numbered(10).Split(validation, seed: 1));
        Assert.EndsWith($"0 to 9 of 10, found {validation}", line);
    }

    [Fact]
    public void What_is_cut_is_there_once_and_what_is_joined_is_in_order()
    {
        var (first, others) = Numbered(7).Cut(3);
        Assert.Equal([0, 1, 2], Numbers(first));
        Assert.Equal([3, 4, 5, 6], Numbers(others));
        Assert.Equal([3, 4, 5, 6], others.Labels.Select(l => (int)l));
        var joined = DataSet.Join(others, first);
        Assert.Equal([3, 4, 5, 6, 0, 1, 2], Numbers(joined));
        Assert.Equal([3, 4, 5, 6, 0, 1, 2], joined.Labels.Select(l => (int)l));
    }

    [Fact]
    public void Test_images_can_be_drawn_anew_from_all_and_each_is_in_one_part()
    {
        var all = Numbered(1000);
        var (train, test) = all.Cut(800);
        var data = new ImageData(train, test, "");
        Assert.Same(data, data.Redrawn(0));
        ImageData one = data.Redrawn(1), two = data.Redrawn(2);
        foreach (var drawn in (ImageData[])[one, two])
        {
            Assert.Equal((800, 200), (drawn.Train.Count, drawn.Test.Count));
            Assert.Equal(Enumerable.Range(0, 1000), Numbers(drawn.Train).Concat(Numbers(drawn.Test)).Order());
        }
        Assert.Equal(Numbers(one.Test), Numbers(data.Redrawn(1).Test));
        // A fifth of each is in the other, and a fifth of the set's own test images in each.
        Assert.InRange(Numbers(one.Test).Intersect(Numbers(two.Test)).Count(), 15, 65);
        Assert.InRange(Numbers(one.Test).Count(i => i >= 800), 15, 65);
        // What is set aside by the same number is drawn by another order.
        Assert.NotEqual(Numbers(all.Split(200, 1).Validation), Numbers(one.Test));
    }

    [Fact]
    public void Pixels_and_labels_must_fit_together() =>
        Assert.Throws<ArgumentException>(() => new DataSet(Mnist.Shape, new byte[784 * 2], new int[3]));

    [Theory]
    [InlineData(-1)]
    [InlineData(10)]
    public void A_label_is_a_class(int label) =>
        Assert.Contains("labels 0-9", Assert.Throws<ArgumentException>(() => new DataSet(Mnist.Shape, new byte[784], [label])).Message);
}
