using System.Diagnostics.CodeAnalysis;
using Secateurs.Kernels;

namespace Secateurs.Model;

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
        Restart();
    }

    /// <summary>
    /// How many of its views an epoch shows of images: with augmentation any in any slot, else in every other slot one that is not the
    /// image itself.
    /// </summary>
    public int Views { get; set; }

    /// <summary>Orders come again as they came after construction.</summary>
    [MemberNotNull(nameof(_random))]
    public void Restart()
    {
        _random = new Random64(_seed, stream: 2);
        for (int i = 0; i < _shuffled.Length; i++)
            _shuffled[i] = i;
    }

    /// <summary>The next epoch of so many steps, shuffled.</summary>
    public int[] NextEpoch(int steps)
    {
        _random.Shuffle(_shuffled.AsSpan());
        var order = new int[steps * _slots];
        for (int i = 0; i < order.Length; i++)
        {
            int image = i % _slots < _batch ? _shuffled[i / _slots * _batch + i % _slots] : -1;
            bool moved = Views > 1 && image >= 0 && (_augmentation.IsOn || i % 2 == 1);
            order[i] = moved ? Gather.Entry(image, _augmentation.IsOn ? _random.NextInt(Views) : 1 + _random.NextInt(Views - 1)) : image;
        }
        return order;
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
