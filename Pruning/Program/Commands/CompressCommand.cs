using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Program.Runs;
using Secateurs.Pruning.Coding;
using Secateurs.Pruning.Compression;
using Secateurs.Pruning.Methods;

namespace Secateurs.Program.Commands;

/// <summary><c>compress</c>: a pruned network's weights are shared and trained, and the network becomes a coded file.</summary>
internal static class CompressCommand
{
    /// <summary>A number that is given, or none where it is to be found.</summary>
    private readonly record struct Sought(int? Number)
    {
        public override string ToString() => Number?.ToString(CultureInfo.InvariantCulture) ?? "auto";
    }

    private static readonly CompressOptions Default = new();

    private static readonly Option<Sought> Bits = Found(
        "--bits", "of a weight index in every layer, 2^N - 1 shared values; auto: as few values in each as accuracy bears", 1, 8);

    private static readonly Option<string?> Dense = Options.Path(
        "--dense", "FILE", "the network before pruning, or its run, to judge against; else dense.safetensors beside --model, else it");

    private static readonly Option<string> Coder = Options.Choice(
        "--coder", "range: adaptive, smaller; huffman: as in Deep Compression", "range", "huffman");
    private static readonly Option<int> Epochs = Options.Number(
        "--epochs", "epochs of training the shared values in each try", Default.Epochs, 0, 100_000);
    private static readonly Option<int> Batch = Settings.Batch.Typed;
    private static readonly Option<double> MaxDrop = Options.Number(
        "--max-drop", "points of validation accuracy that pruning and compression may cost together; unsaid, what it was pruned within",
        Default.MaxDrop, 0, 100);
    private static readonly Option<int> TargetBytes = Options.Number(
        "--target-bytes",
        "bytes of the file to end at, beyond the budget if need be, but not beyond a --max-drop that is given; 0: as few as the budget "
        + "bears",
        0, 0, 1_000_000_000);
    private static readonly Option<double> Rate = Options.Number("--learning-rate", "peak of the schedule", Default.LearningRate, 1e-7, 10);
    private static readonly Option<Sought> Mantissa = Found(
        "--mantissa-bits", "that shared values and biases keep, 7 as in bfloat16; auto: found with --bits auto, else 23, all of fp32",
        1, 23);
    private static readonly Option<Sought> BiasBits = Found(
        "--bias-bits", "of a bias index where biases are shared too, 0: each is kept; auto: found with --bits auto, else 0", 0, 8);
    private static readonly Option<Sought> Drop = Found(
        "--drop", "percent of the live weights that go, those that cost the most bits for what they do; auto: found with --bits auto, "
        + "else 0", 0, 99);

    public static (Command, Action<Invocation>) Create()
    {
        var command = new Command("compress", "share a pruned network's weights and write it as a coded file");
        Option[] options =
        [
            Options.Model, Dense, MaxDrop, TargetBytes, Bits, BiasBits, Mantissa, Drop, Coder, Epochs, Rate, Batch, Options.Out,
            Options.Force, GivenWords.From, DryRun.Option, ReportCommand.None, .. Options.Machine,
        ];
        foreach (var option in options)
            command.Options.Add(option);
        return (command, Run);
    }

    private static void Run(Invocation invocation)
    {
        var (path, model) = EvalCommand.Load(invocation);
        if (model.Validation == 0)
        {
            throw new UserException(
                ErrorKind.Usage,
                $"{path}: expected a network that says which images were set aside for validation (model.safetensors), "
                + "found one that does not");
        }
        var options = new CompressOptions
        {
            Bits = invocation.Get(Bits).Number,
            Coder = invocation.Get(Coder) == "range" ? Pruning.Coding.Coder.Range : Pruning.Coding.Coder.Huffman,
            Epochs = invocation.Get(Epochs),
            MaxDrop = invocation.IsGiven(MaxDrop) ? invocation.Get(MaxDrop) : BudgetOf(path, model) ?? Default.MaxDrop,
            TargetBytes = invocation.Get(TargetBytes) is var bytes and > 0 ? bytes : null,
            IsBudgetFirm = invocation.IsGiven(MaxDrop),
            LearningRate = invocation.Get(Rate),
            MantissaBits = invocation.Get(Mantissa).Number,
            BiasBits = invocation.Get(BiasBits).Number,
            Dropped = invocation.Get(Drop).Number,
        };
        if (options is { TargetBytes: not null, IsBudgetFirm: false, Dropped: not null })
        {
            throw new UserException(
                ErrorKind.Usage, $"{TargetBytes.Name}: expected without {Drop.Name}, or with {MaxDrop.Name}, found with {Drop.Name} alone");
        }
        var dense = FindDense(invocation, path, model);
        if (DryRun.IsAsked(invocation))
        {
            var timed = new PruneOptions { Batch = invocation.Get(Batch), Seed = model.Seed, Validation = model.Validation };
            using var bench = Workbench.Open(invocation, timed, Compaction.Of(model));
            DryRun.Say(invocation, bench, timed, [JobPlan.Compress(options, model.Network)], networks: 0);
            return;
        }
        var all = Workbench.LoadData(invocation);
        var data = all.Redrawn(model.Split);
        if (invocation.Get(Batch) is var batch && batch > data.Train.Count - model.Validation)
        {
            throw new UserException(
                ErrorKind.Usage, $"batch: expected 1 to {data.Train.Count - model.Validation} training images, found {batch}");
        }
        using var device = Workbench.OpenDevice(invocation);
        using var folder = invocation.OpenFolder(
            $"{model.Network.Name}-compress-seed{model.Seed}", RunOutputs.OfCompression(path));
        invocation.Terminal.Say($"{path}: {model.Network.Name}, {model.Kept:N0} of {model.Total:N0} weights -> {folder.Path}");
        invocation.Terminal.Say(dense is { } found ? $"judged against the dense network {found.Path}"
            : "judged against itself: there is no dense network beside it (--dense names one)");
        folder.WriteJson(RunFolder.CompressOptions, new
        {
            Verb = "compress",
            Arguments = GivenWords.Of(invocation),
            Model = path,
            Dense = dense?.Path,
            Data = data.Folder,
            Device = invocation.Device.ToString(),
            Batch = batch,
            Options = options,
            Environment = RunEnvironment.Of(device),
        });
        float[] weights = [.. model.Weights, .. dense?.Network.Weights ?? []];
        var journal = folder.Begin(RunIdentity.Of(device, data, new { batch, options }, weights));
        var compressed = Run(
            invocation, new(device, model, dense?.Network, data, batch), options, folder, journal,
            new([JobPlan.Compress(options, model.Network)]));
        folder.Finish();
        Show(invocation.Terminal, model.Network.Name, compressed);
        ReportCommand.AtEnd(invocation, folder.Path, all);
        if (compressed.File.Length > options.TargetBytes)
        {
            string within = options.IsBudgetFirm ? $" within {options.MaxDrop:0.##} points" : "";
            throw new UserException(
                ErrorKind.Failed,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{folder.File(RunFolder.Coded)}: expected at most {options.TargetBytes} bytes, found {compressed.File.Length}, ")
                + $"the smallest that was found{within}");
        }
        invocation.Next("eval", "--model", folder.File(RunFolder.Coded));
        if (invocation.Get(Options.Json))
            invocation.Terminal.Result(Result(folder, compressed));
    }

    /// <summary>
    /// The dense network that is named, or that lies beside the pruned one or in the folder around it and was judged by the same images.
    /// </summary>
    private static (string Path, Checkpoint Network)? FindDense(Invocation invocation, string path, Checkpoint model)
    {
        if (invocation.Find(Dense) is { } named)
        {
            // A run that trained it has it beside what it was pruned to.
            string ofRun = Path.Combine(named, RunFolder.Dense), there = File.Exists(ofRun) ? ofRun : ModelFile.Find(named);
            var network = ModelFile.Load(there);
            Compressor.DemandSameImages(model, network);
            return (there, network);
        }
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (string around in (string[])[folder, Path.Combine(folder, "..")])
        {
            string file = Path.Combine(around, RunFolder.Dense);
            if (!File.Exists(file) || FilePaths.AreSame(file, path))
                continue;
            var dense = ModelFile.Load(file);
            if (Compressor.AreOfTheSameImages(model, dense) && model.Network.HasLayersOf(dense.Network))
                return (file, dense);
        }
        return null;
    }

    /// <summary>
    /// What a network was pruned within: as the folder of a further budget is named, or as its notes say; null of others.
    /// </summary>
    private static double? BudgetOf(string path, Checkpoint model)
    {
        if (RunFolder.BudgetOf(Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))!)) is { } budget)
            return budget;
        try
        {
            using var options = JsonDocument.Parse(model.Notes.GetValueOrDefault("options", "{}"));
            if (options.RootElement.ValueKind != JsonValueKind.Object || !options.RootElement.TryGetProperty("max_drop", out var said))
                return null;
            if (said.ValueKind == JsonValueKind.Array && said.GetArrayLength() > 0)
                said = said[0];
            return said.ValueKind == JsonValueKind.Number && said.TryGetDouble(out double points) && points is >= 0 and <= 100 ? points
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Compresses, and writes the file and its tables; the smallest file so far is on the disk at any time.</summary>
    public static Compressed Run(
        Invocation invocation, CompressTask task, CompressOptions options, RunFolder folder, Journal journal, JobProgress job)
    {
        bool kept = false;
        job.Begin(JobPlan.CompressName);
        job.Show(invocation.Terminal, JobPlan.CompressName);
        try
        {
            var compressed = Compressor.Run(
                task, options, invocation.Terminal.Say, Keep, invocation.Cancellation, journal, p => job.Show(invocation.Terminal, p));
            AtomicFile.Write(folder.File(RunFolder.Coded), stream => stream.Write(compressed.File));
            CompressionTables.Write(folder.File(RunFolder.Compression), compressed);
            return compressed;
        }
        catch (OperationCanceledException)
        {
            string file = folder.File(RunFolder.Coded);
            invocation.Terminal.Say(kept ? $"interrupted: the smallest file so far is {file}" : $"interrupted: there was no {file} yet");
            throw;
        }

        void Keep(byte[] file)
        {
            AtomicFile.Write(folder.File(RunFolder.Coded), stream => stream.Write(file));
            kept = true;
        }
    }

    /// <summary>What a compression came to.</summary>
    public static void Show(Terminal terminal, string network, Compressed compressed)
    {
        terminal.Print($"\n{CompressionTables.Layers(compressed)}\n\n{CompressionTables.Accountings(compressed, network)}");
        terminal.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"\n{compressed.File.Length:N0} bytes, {compressed.FileRatio:F1}x smaller than the dense network; "
            + $"test {compressed.Before.Accuracy:F2} -> {compressed.After.Accuracy:F2} %; "
            + $"{compressed.Tries} tries, coded in {compressed.EncodeSeconds:F2} s, "
            + $"decoded in {compressed.DecodeSeconds:F2} s to the same bits"));
        if (compressed.Judgement.Verdict != Pruning.Methods.Verdict.Within)
            terminal.Say($"warning: {compressed.Judgement}");
    }

    /// <summary>For --json.</summary>
    public static object Result(RunFolder folder, Compressed c) => new
    {
        Out = folder.Path,
        c.Bits,
        Bytes = c.File.Length,
        c.DenseBytes,
        c.FileRatio,
        c.HanRatio,
        c.PruningRatio,
        c.Kept,
        TestBefore = c.Before.Accuracy,
        TestAfter = c.After.Accuracy,
        WithinBudget = c.Judgement.Verdict == Pruning.Methods.Verdict.Within,
        c.EncodeSeconds,
        c.DecodeSeconds,
    };

    private static Option<Sought> Found(string name, string description, int least, int most) => new(name)
    {
        HelpName = $"auto|{least}-{most}",
        Description = description,
        DefaultValueFactory = _ => default,
        CustomParser = result =>
        {
            string word = result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;
            if (word == "auto")
                return default;
            if (int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most)
                return new Sought(number);
            result.AddError($"{name}: expected auto or a number from {least} to {most}, found '{word}'");
            return default;
        },
    };
}
