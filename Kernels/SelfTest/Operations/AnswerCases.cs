namespace Secateurs.Kernels.SelfTest;

/// <summary>Logits out of their lanes: equal largest ones, images past the end, a later chunk.</summary>
internal static class AnswerCases
{
    private static readonly (int Count, int Blocks, int Classes, int Step)[] Shapes =
        [(1, 1, 10, 0), (33, 1, 10, 2), (40, 2, 7, 1), (9, 1, 1, 0)];

    public static IEnumerable<SelfTestCase> All => Shapes.Select(s => new SelfTestCase(
        $"answer {s.Count} images {s.Blocks} blocks {s.Classes} classes step {s.Step}",
        memory =>
        {
            var logits = memory.Upload(Logits(s.Blocks, s.Classes), TensorShape.Vector(s.Classes), 0, 0);
            var rows = memory.Allocate<float>([.. Enumerable.Repeat(Images.Untouched, s.Count * s.Classes)]);
            var classes = memory.Allocate<int>([.. Enumerable.Repeat(-1, s.Count)]);
            memory.Device.Run(Answer.Of(memory.Device, "test", logits, memory.Allocate<int>([s.Step]), rows, classes));
            return [memory.Read(rows), memory.Read(classes)];
        },
        () =>
        {
            float[] logits = Logits(s.Blocks, s.Classes), rows = [.. Enumerable.Repeat(Images.Untouched, s.Count * s.Classes)];
            int[] classes = [.. Enumerable.Repeat(-1, s.Count)];
            for (int n = 0; n < s.Blocks * Layout.Lanes && s.Step * s.Blocks * Layout.Lanes + n < s.Count; n++)
            {
                var row = logits.AsSpan(n * s.Classes, s.Classes);
                int target = s.Step * s.Blocks * Layout.Lanes + n;
                row.CopyTo(rows.AsSpan(target * s.Classes));
                classes[target] = Answer.Reference(row);
            }
            return [Expected.Exactly("rows", rows.Select(v => (double)v)), Expected.Exactly("classes", classes.Select(c => (double)c))];
        }));

    private static float[] Logits(int blocks, int classes) => new Numbers(1).Eighths(blocks * Layout.Lanes * classes);
}
