using Kernels;
using Kernels.SelfTest;

namespace Tests.KernelTests;

/// <summary>What is blank is found whole, and nothing else.</summary>
public sealed unsafe class BlankTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("x", "0+1")]
    [InlineData(".", "")]
    [InlineData("..xx.x...x", "2+4 9+1")]
    [InlineData("x..x...x", "0+4 7+1")]
    [InlineData("x...x...x...", "0+1 4+1 8+1")]
    public void Runs_end_where_more_than_a_gap_is_blank(string pattern, string expected)
    {
        const int Gap = 2, Group = 1000;
        float* x = stackalloc float[Group + (pattern.Length + 1) * Layout.Lanes];
        // Ink is in one lane of one of the two groups, in turn.
        for (int i = 0; i < pattern.Length; i++)
            if (pattern[i] == 'x')
                x[i % 2 * Group + i * Layout.Lanes + i % Layout.Lanes] = i % 3 == 0 ? float.NaN : -1;
        int most = Blank.MostRuns(pattern.Length, Gap);
        Run* runs = stackalloc Run[most];
        int count = Blank.Runs(x, Group, Layout.Lanes, pattern.Length, Gap, runs);
        Assert.InRange(count, 0, most);
        Assert.Equal(expected, string.Join(' ', new ReadOnlySpan<Run>(runs, count).ToArray().Select(r => $"{r.First}+{r.Count}")));
    }

    [Fact]
    public void Ink_lies_in_its_box_and_touches_all_sides_of_it()
    {
        using var memory = new DeviceMemory(TestDevices.Get(TestDevices.FastCpus.First()));
        const int Images = 64, Height = 7, Width = 9;
        float[] plain = new float[Images * Height * Width];
        // Block 0: two pixels of different images; block 1: nothing; block 2: a corner; block 3: everything.
        plain[(3 * Height + 2) * Width + 7] = plain[(9 * Height + 5) * Width + 4] = plain[(40 * Height + 6) * Width] = 1;
        Array.Fill(plain, 1, 48 * Height * Width, 16 * Height * Width);
        var x = memory.Upload(plain, new TensorShape(1, Height, Width, 2), 0, 0);
        Box* boxes = stackalloc Box[4];
        Blank.Ink(x, boxes);
        Assert.Equal(new Box(4, 7, 6, 9), boxes[0]);
        Assert.True(boxes[1].Bottom < boxes[1].Top);
        Assert.Equal(new Box(8, 8, 2, 2), boxes[2]);
        Assert.Equal(new Box(2, 8, 2, 10), boxes[3]);
        Assert.Equal(new Box(4, 8, 2, 9), boxes[0].With(boxes[2]));
        Assert.Equal(boxes[0], boxes[0].With(boxes[1]));
        Assert.Equal(boxes[0], boxes[1].With(boxes[0]));
    }
}
