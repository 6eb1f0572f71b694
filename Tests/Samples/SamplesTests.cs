using System.Collections.Concurrent;
using Secateurs.Model;
using Tests.ModelTests;
using Tests.PruningTests;

namespace Tests.Samples;

/// <summary>The programs that a reader copies from do what they say.</summary>
public sealed class SamplesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentQueue<string> _said = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_network_of_ones_own_is_pruned_and_answers_pictures()
    {
        string data = SmallSet.Write(_folder.Combine("data")), model = _folder.Combine("light.safetensors");
        PruneYourNetwork.Run(data, model, _said.Enqueue);
        Assert.Contains(_said, l => l.Contains(" times lighter, test accuracy ", StringComparison.Ordinal));
        Assert.InRange(Checkpoint.Load(model).Kept, 1, Checkpoint.Load(model).Total);

        var images = SmallSet.Make(100, 3);
        int[] classes = AnswerPictures.Run(model, images.Images, _said.Enqueue);
        Assert.InRange(classes.Zip(images.Labels).Count(p => p.First == p.Second), 60, 100);
        Assert.Equal(images.Count, _said.Count(l => l.StartsWith("image ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_strategy_of_ones_own_keeps_as_many_weights_as_it_says()
    {
        var light = AddAStrategy.Run(SmallSet.Write(_folder.Combine("data")), _said.Enqueue);
        Assert.Equal(light.Model.Total / 8, light.Model.Kept);
        Assert.Equal((1, "one-shot"), (light.Outcome.Tries, light.Model.Notes["state"]));
        Assert.StartsWith("8.0 times lighter, ", Assert.Single(_said), StringComparison.Ordinal);
    }
}
