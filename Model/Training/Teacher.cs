using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>The answers of a network to all training images, which another learns from: see <see cref="Distillation"/>.</summary>
/// <param name="memory">Where the answers are.</param>
/// <param name="builder">Of the network, which teaches as it is when its answers are recorded.</param>
/// <param name="batches">Where the images come from.</param>
/// <param name="views">Of an image that it answers for at most.</param>
internal sealed class Teacher(DeviceMemory memory, StepBuilder builder, Batches batches, int views)
{
    private readonly ArrayView<float> _answers =
        memory.Allocate<float>((long)batches.Count(Part.Training) * views * builder.Logits.Shape.Features);

    /// <summary>Records answers; the last operation of a forward pass.</summary>
    public Operation Record(double temperature) =>
        Distillation.Record(memory.Device, builder.Logits, batches.Course, Answers(temperature));

    /// <summary>Mixes them into the gradient of the logits.</summary>
    /// <param name="share">The teacher's share of the gradient, 0 to 1.</param>
    /// <param name="temperature">How soft its answers are made.</param>
    public Operation Mix(double share, double temperature) => Distillation.Mix(
        memory.Device, builder.Logits, builder.LogitGradients, batches.Course, Answers(temperature), (float)share, batches.Size);

    private TeacherAnswers Answers(double temperature) => new(_answers, batches.Count(Part.Training), (float)temperature);
}
