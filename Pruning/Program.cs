using System.Diagnostics;
using Kernels;
using Model;

var data = Mnist.Load(null, Console.Error.WriteLine);
var (training, validation) = data.Train.Split(5000, 1);
string name = args[0]; int batch = int.Parse(args[1]), epochs = int.Parse(args[2]); double lr = double.Parse(args[3]); int workers = args.Length > 4 ? int.Parse(args[4]) : 0; int bits = args.Length > 5 ? int.Parse(args[5]) : 0;
using var device = ComputeDevice.Cpu(workers, bits);
using var trainer = new Trainer(device, NetworkDescription.Parse(name), new TrainerOptions(batch), training, validation, data.Test);
for (int e = 0; e < epochs; e++)
{
    var sw = Stopwatch.StartNew();
    int n = trainer.StepsPerEpoch;
    var score = trainer.Train(n, i => new StepRates(lr * 0.5 * (1 + Math.Cos(Math.PI * (e + (double)i / n) / epochs))));
    double t = sw.Elapsed.TotalSeconds;
    var v = trainer.Evaluate(Part.Validation);
    Console.WriteLine($"epoch {e + 1}: {t:F3} s, loss {score.Loss:F4}, train {score.Accuracy:F2}, validation {v.Accuracy:F2} {sw.Elapsed.TotalSeconds - t:F3} s");
}
Console.WriteLine($"test {trainer.Evaluate(Part.Test).Accuracy:F2}");
foreach (var (op, s) in trainer.TrainingStep.Profile(300).OrderByDescending(x => x.Seconds)) Console.WriteLine($"{op.Name,-24} {s / 300 * 1e6,9:F1} us {op.Flops / (s / 300) / 1e9 ,8:F1} GFLOP/s");
