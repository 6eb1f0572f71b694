using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Kernels;

/// <summary>Neighbours that are not blank: <see cref="Count"/> of them from <see cref="First"/> on.</summary>
internal readonly record struct Run(int First, int Count);

/// <summary>Rows and columns outside of which an image, its border counted, is blank; none where it is blank altogether.</summary>
internal readonly record struct Box(int Top, int Bottom, int Left, int Right)
{
    /// <summary>What encloses both.</summary>
    public Box With(Box other) => Bottom < Top ? other : other.Bottom < other.Top ? this : new(
        Math.Min(Top, other.Top), Math.Max(Bottom, other.Bottom), Math.Min(Left, other.Left), Math.Max(Right, other.Right));
}

/// <summary>
/// Finds what is exactly zero in the input of a layer - paper around the ink of 16 images, neurons that a ReLU shut off for all of them - so that
/// sums leave it out. Adding zero changes no sum, so results are the same; a weight that is NaN where all is blank stays unseen there.
/// </summary>
internal static unsafe class Blank
{
    /// <summary>Runs that <paramref name="count"/> neighbours can have at most, <paramref name="gap"/> as in <see cref="Runs"/>.</summary>
    public static int MostRuns(int count, int gap) => count / (gap + 2) + 1;

    /// <summary>The runs among vectors that are not blank in either of two groups of 16 lanes.</summary>
    /// <param name="x">First group.</param>
    /// <param name="group">Floats to the second; 0 if there is none.</param>
    /// <param name="step">Floats from one to the next.</param>
    /// <param name="count">How many neighbours.</param>
    /// <param name="gap">Blanks between two runs that are not worth ending one.</param>
    /// <param name="runs">Room for <see cref="MostRuns"/>.</param>
    /// <returns>How many runs there are.</returns>
    public static int Runs(float* x, nint group, nint step, int count, int gap, Run* runs)
    {
        int found = 0, first = 0, end = -1;
        for (int i = 0; i < count; i++, x += step)
        {
            if (IsBlank(x) && IsBlank(x + group))
                continue;
            if (end >= 0 && i - end > gap)
            {
                runs[found++] = new Run(first, end - first);
                first = i;
            }
            else if (end < 0)
            {
                first = i;
            }
            end = i + 1;
        }
        if (end >= 0)
            runs[found++] = new Run(first, end - first);
        return found;
    }

    /// <summary>The ink of each block of 16 images, if these have one channel; of others it is taken to be everywhere.</summary>
    public static void Ink(in Tensor x, Box* boxes)
    {
        for (int block = 0; block < x.Blocks; block++)
            boxes[block] = x.Shape.Channels == 1 ? Ink(x, block)
                : new Box(0, x.Shape.Height + 2 * x.Shape.Padding - 1, 0, x.Shape.Width + 2 * x.Shape.Padding - 1);
    }

    private static Box Ink(in Tensor x, int block)
    {
        var s = x.Shape;
        int height = s.Height + 2 * s.Padding, width = s.Width + 2 * s.Padding;
        float* image = x.Pointer + (nint)block * s.BlockStride;
        int top = 0, bottom = height - 1, left = 0, right = width - 1;
        while (top <= bottom && IsBlank(image, top, top, left, right, s.RowStride))
            top++;
        if (top > bottom)
            return new Box(0, -1, 0, -1);
        while (IsBlank(image, bottom, bottom, left, right, s.RowStride))
            bottom--;
        while (IsBlank(image, top, bottom, left, left, s.RowStride))
            left++;
        while (IsBlank(image, top, bottom, right, right, s.RowStride))
            right--;
        return new Box(top, bottom, left, right);
    }

    private static bool IsBlank(float* image, int top, int bottom, int left, int right, nint pitch)
    {
        for (int row = top; row <= bottom; row++)
            for (int column = left; column <= right; column++)
                if (!IsBlank(image + row * pitch + column * Layout.Lanes))
                    return false;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsBlank(float* lanes) => Vector512.EqualsAll(Vector512.Load(lanes), Vector512<float>.Zero);
}
