using System.Numerics;
using System.Runtime.InteropServices;

namespace Secateurs.Pruning.Export.C;

/// <summary>The values of <see cref="Lanes"/> images at once, image innermost; element 0 is the images as they are given.</summary>
internal sealed class Values<T>(int count) where T : unmanaged
{
    /// <summary>Images that are computed together: a multiple of any vector's length.</summary>
    public const int Lanes = 64;

    private readonly T[]?[] _numbers = new T[count][];

    /// <summary>The numbers of a value, all zero at first.</summary>
    public Span<T> Of(int value, Place place) => _numbers[value] ??= new T[place.Length * Lanes];

    /// <summary>Those of a value that was computed.</summary>
    public Span<T> this[int value] => _numbers[value];
}

/// <summary>A value with how it lies.</summary>
/// <param name="Value">Its number.</param>
/// <param name="Place">How it lies.</param>
/// <param name="Border">What stands for zero in its border: one number, or one a channel.</param>
internal readonly record struct Placed<T>(int Value, Place Place, T[] Border);

/// <summary>
/// A call in the C code: reads values, gives one. It computes the very numbers that the C code computes, for many images at once.
/// </summary>
internal abstract class Step<T>(Placed<T> output) where T : unmanaged, INumber<T>
{
    /// <summary>The value that it gives.</summary>
    public int Output => output.Value;

    /// <summary>How that lies.</summary>
    public Place Place => output.Place;

    /// <summary>What stands for zero in its border.</summary>
    protected T[] Border => output.Border;

    /// <summary>The values that it reads.</summary>
    public abstract IReadOnlyList<int> Inputs { get; }

    /// <summary>Whether it gives the scores.</summary>
    public virtual bool IsLast => false;

    public abstract void Run(Values<T> values);

    /// <summary>Writes functions, tables and the call.</summary>
    /// <param name="source">The file.</param>
    /// <param name="addresses">In C, of the values that it reads and then of the one that it gives.</param>
    public abstract void Write(Source<T> source, params string[] addresses);

    /// <summary>Fills the value that it gives, if that has a border, with what stands for zero there.</summary>
    protected void FillBorder(Span<T> numbers)
    {
        if (Place.Border == 0)
            return;
        for (int i = 0; i < Place.Length; i++)
            numbers.Slice(i * Values<T>.Lanes, Values<T>.Lanes).Fill(Border[i % Border.Length]);
    }

    /// <summary>Copies <see cref="Values{T}.Lanes"/> numbers.</summary>
    protected static void Copy(ReadOnlySpan<T> from, int at, Span<T> to, int target) =>
        from.Slice(at * Values<T>.Lanes, Values<T>.Lanes).CopyTo(to[(target * Values<T>.Lanes)..]);

    protected static Vector<T> Load(ReadOnlySpan<T> from, int index) =>
        Vector.LoadUnsafe(ref MemoryMarshal.GetReference(from), (nuint)index);
}
