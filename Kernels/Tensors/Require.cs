using ILGPU;
using ILGPU.Runtime;

namespace Secateurs.Kernels;

/// <summary>What launchers ask of their arguments before anything runs: an exception tells what was expected and what was found.</summary>
internal static class Require
{
    public static void Length(string name, string what, long found, long expected)
    {
        if (found != expected)
            throw new ArgumentException($"{name}: {what} has {found} values, expected {expected}");
    }

    public static void Like(string name, string what, Tensor found, Tensor expected)
    {
        if (found.Shape != expected.Shape || found.Blocks != expected.Blocks)
            throw new ArgumentException(
                $"{name}: {what} is {found.Shape}, {found.Blocks} blocks, expected {expected.Shape}, {expected.Blocks} blocks");
    }

    /// <summary>A gate lies as the gradient that it lets through.</summary>
    public static void Gate(string name, Tensor? gate, Tensor dInput)
    {
        if (gate is { } g && (g.Shape != dInput.Shape || g.Blocks != dInput.Blocks))
            throw new ArgumentException(
                $"{name}: gate is {g.Shape}, {g.Blocks} blocks, the gradient {dInput.Shape}, {dInput.Blocks} blocks");
    }

    /// <summary>A GPU loads four weights at once where rows are multiples of four, see <see cref="FullyConnectedThreads"/>.</summary>
    public static void Aligned(ComputeDevice device, string name, ArrayView<float> weight)
    {
        long start = ((IContiguousArrayView)weight).IndexInBytes;
        if (!device.RunsOnHost && start % (sizeof(float) * Quad.Images) != 0)
            throw new ArgumentException(
                $"{name}: weights begin at byte {start} of their buffer, expected a multiple of {sizeof(float) * Quad.Images}");
    }
}
