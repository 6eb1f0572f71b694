using ILGPU;

namespace Kernels;

/// <summary>Adds one value per thread of a group in a fixed order, so that a sum repeats bit for bit.</summary>
internal static class GroupSum
{
    /// <summary>Largest group that the shared array serves.</summary>
    public const int MaxGroup = 128;

    /// <summary>The sum, in every thread. All threads of the group must call it; the group is at most <see cref="MaxGroup"/>.</summary>
    public static float Of(float value)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        shared[Group.IdxX] = value;
        GroupBarrier.Wait();
        int width = Group.DimX;
        while (width > 1)
        {
            int half = (width + 1) / 2;
            if (Group.IdxX < width - half)
                shared[Group.IdxX] += shared[Group.IdxX + half];
            GroupBarrier.Wait();
            width = half;
        }
        float sum = shared[0];
        GroupBarrier.Wait();
        return sum;
    }
}
