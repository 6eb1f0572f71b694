using System.Globalization;
using System.Text.Json;
using Secateurs.Model;

namespace Tests.PruningTests;

/// <summary>Reads what a run wrote, as plainly as a user's script would.</summary>
internal static class RunFiles
{
    public const string Iterations =
        "iteration,epoch,phase,elapsed_s,learning_rate,train_loss,validation_loss,validation_accuracy,kept,total,density,decision,"
        + "ratio,annealed,origin,lost,gained,allowed,reason";
    public const string Layers = "iteration,layer,threshold,deviation,kept,total,density";
    public const string Summary =
        "network,method,device,seed,dense_epochs,prune_epochs,dense_seconds,prune_seconds,dense_validation_accuracy,dense_test_accuracy,"
        + "validation_accuracy,test_accuracy,kept,total,ratio,confidence,certified_loss";


    public static JsonDocument Json(string text) => JsonDocument.Parse(text);

    public static double Number(Dictionary<string, string> row, string column) => double.Parse(row[column], CultureInfo.InvariantCulture);

    public static byte[] Weights(string run) =>
        [.. SafeTensors.Read(Path.Combine(run, "model.safetensors")).Tensors.SelectMany(t => t.Data)];

    /// <summary>What Results/compare-lenet-300-100 says of a side, whichever run was published last.</summary>
    public static double Published(string side, string column)
    {
        string run = Path.Combine(Repository.Root, "Results", "compare-lenet-300-100", side);
        return Number(Assert.Single(ReadCsv(run, "summary.csv", Summary)), column);
    }

    /// <summary>All that a run decided and measured but for its time.</summary>
    public static string Course(string run)
    {
        var iterations = ReadCsv(run, "iterations.csv", Iterations);
        iterations.ForEach(r => r.Remove("elapsed_s"));
        return string.Join('\n', iterations.Select(r => string.Join(',', r.Values))) + File.ReadAllText(Path.Combine(run, "layers.csv"));
    }

    public static void AssertSameCourse(string a, string b)
    {
        Assert.Equal(Course(a), Course(b));
        Assert.Equal(File.ReadAllBytes(Path.Combine(a, "model.safetensors")), File.ReadAllBytes(Path.Combine(b, "model.safetensors")));
    }

    /// <summary>Read as plainly as a user's script would, by commas alone: no field but the last may need quotes.</summary>
    public static List<Dictionary<string, string>> ReadCsv(string run, string name, string header)
    {
        string text = File.ReadAllText(Path.Combine(run, name));
        Assert.DoesNotContain('\r', text);
        Assert.EndsWith("\n", text);
        string[] lines = text[..^1].Split('\n'), columns = header.Split(',');
        Assert.Equal(header, lines[0]);
        return [.. lines.Skip(1).Select(line =>
        {
            string[] fields = line.Split(',', columns.Length);
            Assert.Equal(columns.Length, fields.Length);
            Assert.True(!fields[^1].Contains(',', StringComparison.Ordinal) || (fields[^1][0] == '"' && fields[^1][^1] == '"'), line);
            return columns.Zip(fields).ToDictionary();
        })];
    }
}
