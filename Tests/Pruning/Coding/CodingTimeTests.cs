using Secateurs.Pruning.Coding;
using static Tests.Coding.Networks;

namespace Tests.Coding;

/// <summary>Runs alone, and counts the processor time of this process: other programs on the machine do not fail it.</summary>
[CollectionDefinition(nameof(CodingTimeTests), DisableParallelization = true)]
[Collection(nameof(CodingTimeTests))]
public class CodingTimeTests
{
    [Theory, InlineData(Coder.Huffman), InlineData(Coder.Range)]
    public void Lenet_5_is_coded_and_decoded_in_less_than_a_second_each(Coder coder)
    {
        foreach (double density in new[] { 0.08, 1 })
        {
            var network = Lenet5Caffe(density, 256);
            byte[] file = [];
            double encode = Best(() => file = CodedFile.Encode(network, coder)), decode = Best(() => CodedFile.Decode(file, ""));
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{coder} at {density:P0}: {file.Length} B, encoding {encode:F3} s, decoding {decode:F3} s");
            Assert.InRange(encode, 0, 1);
            Assert.InRange(decode, 0, 1);
        }

        static double Best(Action action) => Enumerable.Range(0, 3).Min(_ =>
        {
            var before = Environment.CpuUsage.TotalTime;
            action();
            return (Environment.CpuUsage.TotalTime - before).TotalSeconds;
        });
    }
}
