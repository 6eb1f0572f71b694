using System.Numerics;

namespace Secateurs.Model;

/// <summary>
/// A copy of the flat buffers of <see cref="Parameters"/> on the host, to come back to bit by bit. A search keeps dozens of them, most of
/// light networks: where the mask is 0 weight and moments are 0 too, so only live entries are stored, and the mask as a bit each.
/// </summary>
public sealed class ParameterState
{
    /// <summary>Bit i % 64 of word i / 64: entry i lives. Null where the buffers are stored as they are.</summary>
    private readonly ulong[]? _live;

    private readonly float[] _weight, _firstMoment, _secondMoment;
    private readonly float[]? _mask;
    private readonly int _length;

    public ParameterState(float[] weight, float[] firstMoment, float[] secondMoment, float[] mask)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(firstMoment);
        ArgumentNullException.ThrowIfNull(secondMoment);
        ArgumentNullException.ThrowIfNull(mask);
        (_weight, _firstMoment, _secondMoment, _mask, _length) = (weight, firstMoment, secondMoment, mask, mask.Length);
        var live = new ulong[(_length + 63) / 64];
        for (int i = 0; i < _length; i++)
        {
            if (mask[i] == 1)
                live[i / 64] |= 1UL << (i % 64);
            else if ((Bits(mask[i]) | Bits(weight[i]) | Bits(firstMoment[i]) | Bits(secondMoment[i])) != 0)
                return; // not what pruning leaves, so nothing may be left out
        }
        (_live, _mask) = (live, null);
        int count = live.Sum(BitOperations.PopCount);
        (_weight, _firstMoment, _secondMoment) = (Packed(weight, count), Packed(firstMoment, count), Packed(secondMoment, count));

        static int Bits(float value) => BitConverter.SingleToInt32Bits(value);
    }

    public float[] Weight => Unpacked(_weight);
    public float[] FirstMoment => Unpacked(_firstMoment);
    public float[] SecondMoment => Unpacked(_secondMoment);
    public float[] Mask => _mask ?? Unpacked([.. _weight.Select(_ => 1f)]);

    /// <summary>Bytes that this copy takes.</summary>
    public long Bytes => sizeof(float) * (3L * _weight.Length + (_mask?.Length ?? 0)) + sizeof(ulong) * (_live?.Length ?? 0L);

    private float[] Packed(float[] flat, int count)
    {
        if (count == _length)
            return flat;
        var packed = new float[count];
        for (int i = 0, n = 0; i < _length; i++)
        {
            if (Lives(i))
                packed[n++] = flat[i];
        }
        return packed;
    }

    private float[] Unpacked(float[] packed)
    {
        if (packed.Length == _length)
            return packed;
        var flat = new float[_length];
        for (int i = 0, n = 0; i < _length; i++)
        {
            if (Lives(i))
                flat[i] = packed[n++];
        }
        return flat;
    }

    private bool Lives(int i) => (_live![i / 64] >> (i % 64) & 1) != 0;
}
