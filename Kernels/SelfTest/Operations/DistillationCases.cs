namespace Secateurs.Kernels.SelfTest;

/// <summary>A teacher's answers are written down image by image, then mixed into the gradient of a student's loss.</summary>
internal static class DistillationCases
{
    private const int Images = 70, Step = 1, Steps = 2, Batch = 29, Views = 5;

    private static readonly (int Blocks, int Classes, float Share, float Temperature)[] Shapes =
        [(1, 10, 0.5f, 4), (2, 10, 1, 2.5f), (2, 7, 0.25f, 1), (1, 1, 0.5f, 3)];

    public static IEnumerable<SelfTestCase> All => Shapes.Select(s => new Lesson(s.Blocks, s.Classes, s.Share, s.Temperature).Case());

    private sealed class Lesson(int blocks, int classes, float share, float temperature)
    {
        private readonly int _slots = blocks * Layout.Lanes;

        private float[] Teacher => [.. new Numbers(1).Uniform(_slots * classes).Select(z => 6 * z)];
        private float[] Student => [.. new Numbers(2).Uniform(_slots * classes).Select(z => 4 * z)];

        /// <summary>No image comes twice; every seventh slot is blank, every other image moved.</summary>
        private int[] Order => [.. Enumerable.Range(0, Steps * _slots).Select(
            i => i % 7 == 6 ? -1 : Gather.Entry((3 * i + 5) % Images, i % 2 * (1 + i / 2 % 4)))];

        private int Entry(int slot) => Order[Step * _slots + slot];

        private int[] Labels => [.. new Numbers(3).Integers(_slots, classes).Select((label, slot) => Entry(slot) < 0 ? -1 : label)];

        public SelfTestCase Case() => new(
            FormattableString.Invariant($"distillation {blocks} blocks {classes} classes share {share} temperature {temperature}"), Compute,
            Expect);

        private double[][] Compute(DeviceMemory memory)
        {
            var device = memory.Device;
            var shape = TensorShape.Vector(classes);
            var course = new Course(memory.Allocate<int>(Order), memory.Allocate<int>([Step]));
            var targets = memory.Allocate<float>([.. Enumerable.Repeat(SelfTest.Images.Untouched, Views * Images * classes)]);
            var answers = new TeacherAnswers(targets, Images, temperature);
            var student = memory.Upload(Student, shape, 0, 0);
            var dLogits = memory.Result(shape, _slots);
            device.Run(
                Distillation.Record(device, memory.Upload(Teacher, shape, 0, 0), course, answers),
                SoftmaxCrossEntropy.Of(
                    device, "test", student, memory.Allocate<int>(Labels), Batch, dLogits,
                    new(memory.Allocate<float>(Steps * _slots), memory.Allocate<int>(Steps * _slots), course.Step)),
                Distillation.Mix(device, student, dLogits, course, answers, share, Batch));
            return [memory.Read(targets), memory.Read(dLogits, _slots)];
        }

        private Expected[] Expect()
        {
            double[] targets = [.. Enumerable.Repeat((double)SelfTest.Images.Untouched, Views * Images * classes)];
            double[] targetBound = new double[targets.Length];
            double[] gradient = new double[_slots * classes], gradientBound = new double[_slots * classes];
            for (int slot = 0; slot < _slots; slot++)
            {
                if (Entry(slot) < 0)
                    continue;
                int view = Gather.View(Entry(slot)), at = (view * Images + Gather.Image(Entry(slot))) * classes;
                float[] teacher = Teacher[(slot * classes)..((slot + 1) * classes)];
                float[] student = Student[(slot * classes)..((slot + 1) * classes)];
                double[] q = Softmax(teacher), soft = Softmax(student);
                Distillation.Reference(student, teacher, Labels[slot], share, temperature, Batch).CopyTo(gradient, slot * classes);
                // exp errs by some units and by the rounding of its argument, here up to 12 after a division; the sum adds one per class.
                double relative = (3 * 12 + classes + 12) * Expected.Rounding;
                for (int k = 0; k < classes; k++)
                {
                    targets[at + k] = q[k];
                    targetBound[at + k] = relative * q[k];
                    gradientBound[slot * classes + k] = relative * (1 - share + share * temperature * (soft[k] + q[k])) / Batch;
                }
            }
            return [new("targets", targets, targetBound), new("gradient", gradient, gradientBound)];
        }

        private double[] Softmax(float[] z) =>
            [.. z.Select(v => Math.Exp(v / (double)temperature) / z.Sum(u => Math.Exp(u / (double)temperature)))];
    }
}
