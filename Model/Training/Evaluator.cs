using ILGPU;
using Secateurs.Kernels;

namespace Secateurs.Model;

/// <summary>Losses and right answers of the images that steps saw, counted on the device.</summary>
internal sealed class Evaluator
{
    private readonly DeviceMemory _memory;
    private readonly Batches _batches;
    private readonly ArrayView<float> _loss, _tally;
    private readonly ArrayView<int> _correct, _count;
    private readonly StepProgram _sum;

    public Evaluator(DeviceMemory memory, Batches batches)
    {
        (_memory, _batches) = (memory, batches);
        _loss = memory.Allocate<float>((long)batches.MostSteps * batches.Slots);
        _correct = memory.Allocate<int>((long)batches.MostSteps * batches.Slots);
        _count = memory.Allocate<int>(1);
        _tally = memory.Allocate<float>(Tally.ResultLength);
        _sum = Sum(_loss, _correct);
    }

    /// <summary>The loss, which writes what is counted, and the gradient of the logits.</summary>
    /// <param name="builder">Has both.</param>
    /// <param name="input">Which of its inputs the labels belong to.</param>
    /// <param name="smoothing">Of the labels; 0 where it is measured.</param>
    public Operation Loss(StepBuilder builder, int input, double smoothing = 0) => SoftmaxCrossEntropy.Of(
        _memory.Device, "softmax cross-entropy", builder.Logits, _batches.Labels(input), _batches.Size, builder.LogitGradients,
        new(_loss, _correct, _batches.Step), (float)smoothing);

    /// <summary>Loss and accuracy on a part of the data.</summary>
    /// <param name="part">Of the data.</param>
    /// <param name="run">Runs so many steps that end with <see cref="Loss"/>, to their end.</param>
    public Score Score(Part part, Action<int> run)
    {
        _batches.InTurn(part, 0, run);
        int count = _batches.Count(part);
        return Read(0, (count + _batches.Slots - 1) / _batches.Slots, count, "evaluation");
    }

    /// <summary>The same image by image.</summary>
    public Outcomes Outcomes(Part part, Action<int> run)
    {
        _batches.InTurn(part, 0, run);
        int count = _batches.Count(part);
        float[] loss = _memory.Download(_loss.SubView(0, Math.Max(1, count)));
        int[] correct = _memory.Download(_correct.SubView(0, Math.Max(1, count)));
        return new Outcomes(loss[..count], [.. correct.Take(count).Select(c => c != 0)]);
    }

    /// <summary>What some steps wrote.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="steps">How many.</param>
    /// <param name="images">That are not blank.</param>
    /// <param name="where">For the error.</param>
    /// <exception cref="UserException">Diverged: a loss that is not finite.</exception>
    public Score Read(int first, int steps, int images, string where)
    {
        if (images == 0)
            return default;
        int slots = steps * _batches.Slots;
        var loss = _loss.SubView(first * _batches.Slots, slots);
        _memory.Upload([slots], _count);
        (first == 0 ? _sum : Sum(loss, _correct.SubView(first * _batches.Slots, slots))).Run();
        var (total, correct) = Tally.Read(_memory.Download(_tally));
        if (!double.IsFinite(total))
        {
            int bad = Array.FindIndex(_memory.Download(loss), x => !float.IsFinite(x)) / _batches.Slots + 1;
            throw new UserException(ErrorKind.Diverged, $"training diverged: the loss is {total} ({where}, batch {bad} from there)");
        }
        return new Score(total / images, correct, images);
    }

    private StepProgram Sum(ArrayView<float> loss, ArrayView<int> correct) =>
        new(_memory.Device, [Tally.Of(_memory.Device, loss, correct, _count, _tally)]);
}
