using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Secateurs.Model;

/// <summary>
/// A copy of the flat buffers of <see cref="Parameters"/> on the host, to come back to bit by bit. A search keeps dozens of them, most of
/// light networks: where the mask is 0 weight and moments are 0 too, so only other entries are stored, and a bit each that tells them
/// apart. Some that are pruned are -0, which is kept.
/// </summary>
public sealed class ParameterState
{
    private const string WeightName = "weight", MomentName = "moment", MaskName = "mask", LiveName = "live", LengthName = "length";

    /// <summary>Bit i % 64 of word i / 64: entry i is stored, since not all of its bits are 0.</summary>
    private readonly ulong[] _live;

    private readonly float[] _weight;
    private readonly float[][] _moments;

    /// <summary>Null where it is 1 of all that are stored.</summary>
    private readonly float[]? _mask;
    private readonly int _length;

    /// <summary>Takes the arrays, which must not change any more; all have the same length.</summary>
    public ParameterState(float[] weight, float[] mask, params float[][] moments)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentNullException.ThrowIfNull(moments);
        _length = mask.Length;
        _live = new ulong[(_length + 63) / 64];
        for (int i = 0; i < _length; i++)
            if ((Bits(mask[i]) | Bits(weight[i])) != 0 || moments.Any(m => Bits(m[i]) != 0))
                _live[i / 64] |= 1UL << (i % 64);
        int count = _live.Sum(BitOperations.PopCount);
        (_weight, _moments) = (Packed(weight, count), Array.ConvertAll(moments, m => Packed(m, count)));
        float[] stored = Packed(mask, count);
        _mask = stored.AsSpan().ContainsAnyExcept(1f) ? stored : null;

        static int Bits(float value) => BitConverter.SingleToInt32Bits(value);
    }

    /// <summary>What <see cref="Tensors"/> gave.</summary>
    /// <param name="file">Where these were written to.</param>
    internal ParameterState(SafeTensors file)
    {
        var tensors = file.Tensors.ToDictionary(t => t.Name);
        _weight = tensors[WeightName].ToSingles();
        _moments = [.. Enumerable.Range(0, tensors.Keys.Count(n => n.StartsWith(MomentName, StringComparison.Ordinal)))
            .Select(i => tensors[$"{MomentName}{i}"].ToSingles())];
        _mask = tensors.GetValueOrDefault(MaskName)?.ToSingles();
        _live = MemoryMarshal.Cast<byte, ulong>(tensors[LiveName].Data).ToArray();
        _length = int.Parse(file.Metadata[LengthName], CultureInfo.InvariantCulture);
    }

    public float[] Weight => Unpacked(_weight);

    /// <summary>The optimizer's, in its order.</summary>
    public IReadOnlyList<float[]> Moments => [.. _moments.Select(Unpacked)];

    public float[] Mask => Unpacked(_mask ?? [.. _weight.Select(_ => 1f)]);

    /// <summary>Bytes that this copy takes.</summary>
    public long Bytes =>
        sizeof(float) * ((1L + _moments.Length) * _weight.Length + (_mask?.Length ?? 0)) + sizeof(ulong) * (long)_live.Length;

    /// <summary>The buffers as they are stored here, for a file.</summary>
    internal IEnumerable<SafeTensor> Tensors()
    {
        yield return Of(WeightName, _weight);
        for (int i = 0; i < _moments.Length; i++)
            yield return Of($"{MomentName}{i}", _moments[i]);
        if (_mask is not null)
            yield return Of(MaskName, _mask);
        yield return SafeTensor.Of(LiveName, [_live.Length * sizeof(ulong)], MemoryMarshal.AsBytes<ulong>(_live));

        static SafeTensor Of(string name, float[] values) => SafeTensor.Of(name, [values.Length], values);
    }

    /// <summary>What the tensors do not say by themselves.</summary>
    internal IEnumerable<KeyValuePair<string, string>> Texts =>
        [new(LengthName, _length.ToString(CultureInfo.InvariantCulture))];

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

    private bool Lives(int i) => (_live[i / 64] >> (i % 64) & 1) != 0;
}
