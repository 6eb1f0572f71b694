using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Secateurs.Kernels;

/// <summary>Neighbours that are not blank: <see cref="Count"/> of them from <see cref="First"/> on.</summary>
internal readonly record struct Run(int First, int Count);

/// <summary>
/// Finds what is exactly zero in the input of a fully connected layer - paper around the ink of some images, neurons that a ReLU shut off
/// for all of them - so that sums leave it out. Adding zero changes no sum, so results are the same; a weight that is NaN where all is
/// blank stays unseen there.
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsBlank(float* lanes) => Vector512.EqualsAll(Vector512.Load(lanes), Vector512<float>.Zero);
}
