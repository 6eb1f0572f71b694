using System.Globalization;
using System.Reflection;
using ILGPU.Runtime.Cuda;
using Secateurs.Kernels;
using Secateurs.Model;
using Tests.KernelTests;

namespace Tests.Ptx;

/// <summary>
/// What the launches of a training step ask of a GPU, a batch of 128: instructions per product are held, since a value that is computed
/// anew in every turn of a loop shows nowhere else. PRUNING_PROFILE=FILE has the table written.
/// </summary>
[Collection(nameof(KernelSuite))]
public sealed class PtxProfileTests
{
    private const int Batch = 128;

    private static readonly string? Table = Environment.GetEnvironmentVariable("PRUNING_PROFILE");

    /// <summary>Groups of a launch that are looked at.</summary>
    private static readonly int Samples = Table is null ? 12 : 120;

    /// <summary>Floating point operations of a launch that is judged.</summary>
    private const double Large = 2e7;

    /// <summary>
    /// Instructions for each product of the launches that are judged, 3 % more than they were: the counts are the same everywhere.
    /// </summary>
    private static readonly Dictionary<string, (string Launch, double Most)[]> Bounds = new()
    {
        ["lenet-300-100"] = [("fc1 forward", 2.02), ("fc1 backward weight", 3.07)],
        ["lenet-5"] = [("conv1 forward", 3.02), ("conv2 forward", 2.28), ("conv2 backward data", 2.7), ("conv1 backward weight", 2.58)],
        ["lenet-5-caffe"] =
        [
            ("conv1 forward", 2.94), ("conv2 forward", 1.72), ("fc1 forward", 1.99), ("fc1 backward data", 1.92),
            ("conv2 backward data", 1.73),
            ("conv1 backward weight", 2.84), ("conv2 backward weight", 1.65),
        ],
    };

    public static TheoryData<string> Networks => [.. Bounds.Keys];

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_large_launch_spends_few_instructions_on_each_product(string network)
    {
        byte[] images = [.. Enumerable.Range(0, Batch * Mnist.Shape.BytesPerImage).Select(i => (byte)(i * 7))];
        var data = new DataSet(Mnist.Shape, images, new int[Batch]);
        using var trainer = new Trainer(
            TestDevices.Get(TestDevices.Ptx), NetworkDescription.Parse(network), new TrainerOptions(Batch), data,
            DataSet.Empty(Mnist.Shape), DataSet.Empty(Mnist.Shape));
        var lines = new List<string>();
        var found = new Dictionary<string, double>();
        foreach (var launch in trainer.TrainingStep.Launches)
        {
            var profile = Profile(launch);
            double all = (double)launch.Groups / profile.Groups;
            lines.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{network,-13} {launch.Groups,5} {profile.Instructions * all / 1e3,8:0.0} {profile.Additions * all / 1e3,8:0.0} "
                    + $"{profile.Wavefronts * all / 1e3,8:0.0} {profile.SharedWavefronts * all / 1e3,7:0.0} "
                    + $"{profile.Bytes * all / 1e6,6:0.0} {profile.LongestThread,6:0}  {string.Join(", ", launch.Names)}"));
            if (launch.Flops >= Large)
                found.Add(launch.Names[0], profile.Instructions / profile.Additions);
        }
        if (Table is not null)
            File.AppendAllLines(Table, lines);
        Assert.Equal(Bounds[network].Select(b => b.Launch), found.Keys);
        Assert.All(Bounds[network], b => Assert.True(
            found[b.Launch] <= b.Most, $"{b.Launch}: {found[b.Launch]:0.00} instructions per product, expected {b.Most} at most"));
    }

    private static PtxProfile Profile(Launch launch)
    {
        object body = launch.GetType().GetField("_body", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(launch)!;
        return (PtxProfile)typeof(PtxProfileTests).GetMethod(nameof(ProfileBody), BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(body.GetType()).Invoke(null, [launch, body])!;
    }

    /// <summary>Groups from everywhere in the grid, at no regular distance.</summary>
    private static PtxProfile ProfileBody<TBody>(Launch launch, TBody body) where TBody : struct
    {
        using var context = ComputeDevice.CreateContext(b => b);
        var text = new PtxText(PtxDevice.Assemble(context, launch.Kernel, CudaArchitecture.SM_90));
        var profile = new PtxProfile(text, Launch.MostThreads);
        int samples = Math.Min(Samples, launch.Groups);
        PtxDevice.Run(
            new PtxCode(text, counted: true),
            Enumerable.Range(0, samples).Select(i => samples == launch.Groups ? i : (int)(i * 0.6180339887 % 1 * launch.Groups)).Distinct(),
            Launch.MostThreads, body, profile);
        return profile;
    }
}
