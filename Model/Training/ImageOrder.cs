using System.Diagnostics.CodeAnalysis;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>
/// Where the order of images stands, which follows from its seed: what was drawn since it began, and how much of that was seen.
/// </summary>
/// <param name="Drawn">All epochs that were drawn, in their order.</param>
/// <param name="Views">How many views of images the next one shows.</param>
/// <param name="Position">Steps of the last one that are done.</param>
public sealed record OrderPlace(IReadOnlyList<DrawnEpochs> Drawn, int Views, int Position);

/// <summary>Epochs in a row that show as many views of images.</summary>
public readonly record struct DrawnEpochs(int Views, int Count);

/// <summary>
/// Which image stands in which slot of which step, as entries for <see cref="Gather"/>; a step has 16 slots per block, blank ones
/// are -1.
/// </summary>
internal sealed class ImageOrder
{
    private readonly ulong _seed;
    private readonly int _batch, _slots;
    private readonly Augmentation _augmentation;
    private readonly int[] _shuffled;

    /// <summary>Whether an image is mirrored in epochs 0, 2, 4 and so on, or in the others.</summary>
    private readonly bool[] _even;
    private readonly List<DrawnEpochs> _drawn = [];
    private Random64 _random;

    /// <param name="seed">Of the shuffling.</param>
    /// <param name="images">Training images; they come first in the data set.</param>
    /// <param name="batch">Images per step.</param>
    /// <param name="slots">Slots per step.</param>
    /// <param name="augmentation">Which views there are.</param>
    public ImageOrder(ulong seed, int images, int batch, int slots, Augmentation augmentation)
    {
        (_seed, _batch, _slots, _augmentation, Views) = (seed, batch, slots, augmentation, augmentation.Shown);
        _shuffled = new int[images];
        var sides = new Random64(seed, stream: 3);
        _even = [.. Enumerable.Range(0, augmentation.Mirror ? images : 0).Select(_ => sides.NextInt(2) == 0)];
        Restart();
    }

    /// <summary>
    /// How many of its views an epoch shows of images: with augmentation any in any slot, of mirrored ones those whose turn it is, else in
    /// every other slot one that is not the image itself.
    /// </summary>
    public int Views { get; set; }

    /// <summary>Epochs that were drawn since construction or the last <see cref="Restart"/>.</summary>
    public IReadOnlyList<DrawnEpochs> Drawn => [.. _drawn];

    /// <summary>Orders come again as they came after construction.</summary>
    [MemberNotNull(nameof(_random))]
    public void Restart()
    {
        _drawn.Clear();
        _random = new Random64(_seed, stream: 2);
        for (int i = 0; i < _shuffled.Length; i++)
            _shuffled[i] = i;
    }

    /// <summary>The next epoch of so many steps, shuffled.</summary>
    public int[] NextEpoch(int steps)
    {
        if (_drawn is [.., var last] && last.Views == Views)
            _drawn[^1] = last with { Count = last.Count + 1 };
        else
            _drawn.Add(new DrawnEpochs(Views, 1));
        _random.Shuffle(_shuffled.AsSpan());
        bool even = _drawn.Sum(d => d.Count) % 2 == 1;
        var order = new int[steps * _slots];
        for (int i = 0; i < order.Length; i++)
        {
            int image = i % _slots < _batch ? _shuffled[i / _slots * _batch + i % _slots] : -1;
            order[i] = image >= 0 ? Gather.Entry(image, View(image, i)) : -1;
        }
        return order;

        int View(int image, int slot)
        {
            if (Views == 1)
                return 0;
            if (_augmentation.Mirror)
                return 2 * _random.NextInt(Views / 2) + (_even[image] == even ? 1 : 0);
            return _augmentation.IsOn ? _random.NextInt(Views) : slot % 2 == 1 ? 1 + _random.NextInt(Views - 1) : 0;
        }
    }

    /// <summary>Draws until <see cref="Drawn"/> is as given.</summary>
    /// <param name="drawn">Epochs that the same order drew before.</param>
    /// <param name="steps">Of each.</param>
    /// <returns>The last of them; empty where there is none.</returns>
    public int[] Draw(IReadOnlyList<DrawnEpochs> drawn, int steps)
    {
        int[] views = Each(drawn), before = Each(_drawn);
        int known = before.Length < views.Length && views.AsSpan().StartsWith(before) ? before.Length : 0;
        if (known == 0)
            Restart();
        int[] order = [];
        foreach (int shown in views.AsSpan(known))
        {
            Views = shown;
            order = NextEpoch(steps);
        }
        return order;

        static int[] Each(IReadOnlyList<DrawnEpochs> runs) => [.. runs.SelectMany(r => Enumerable.Repeat(r.Views, r.Count))];
    }

    /// <summary>A part of the data set one by one, all of it in one view, in whole steps.</summary>
    public int[] InTurn(int first, int count, int view)
    {
        var order = new int[(count + _slots - 1) / _slots * _slots];
        for (int i = 0; i < order.Length; i++)
            order[i] = i < count ? Gather.Entry(first + i, view) : -1;
        return order;
    }
}
