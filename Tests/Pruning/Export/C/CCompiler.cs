using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Secateurs.Pruning.Export.C;
using Tests.ModelTests;

namespace Tests.PruningTests.Export.C;

/// <summary>A C compiler of this machine: it compiles what the program writes as others would, and runs it on images.</summary>
internal static class CCompiler
{
    private static readonly string[] Flags =
    [
        "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-O1",
    ];

    private static readonly string[] Sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

    /// <summary>Compilers that have the libraries of their sanitizers, which are packages of their own.</summary>
    private static readonly ConcurrentDictionary<string, bool> Sanitizing = new();

    /// <summary>Those that are there.</summary>
    public static string[] All { get; } = [.. new[] { "gcc", "clang" }.Where(IsThere)];

    /// <summary>Skips a test where there is none.</summary>
    public static void Demand() => Assert.SkipUnless(All.Length > 0, "no C compiler here (gcc or clang)");

    /// <summary>Scores of all images, (N, classes), of which <c>NAME_classify</c> must give the first largest.</summary>
    public static T[] Run<T>(string compiler, CProgram program, string name, byte[] images, int classes) where T : unmanaged, IComparable<T>
    {
        using var folder = new TemporaryFolder();
        string letters = CFiles.Identifier(name), upper = letters.ToUpperInvariant(), exe = folder.Combine("net");
        File.WriteAllText(folder.Combine($"{name}.c"), program.Source);
        File.WriteAllText(folder.Combine($"{name}.h"), program.Header);
        File.WriteAllText(folder.Combine("main.c"), $$"""
            #include "{{name}}.h"
            #include <stdio.h>
            #include <stdlib.h>
            int main(void)
            {
                uint8_t *image = malloc({{upper}}_IMAGE);
                {{(typeof(T) == typeof(int) ? "int32_t" : "float")}} scores[{{upper}}_CLASSES];
                while (image && fread(image, 1, {{upper}}_IMAGE, stdin) == {{upper}}_IMAGE) {
                    int32_t k;
                    {{letters}}_scores(image, scores);
                    k = (int32_t){{letters}}_classify(image);
                    fwrite(scores, sizeof scores, 1, stdout);
                    fwrite(&k, sizeof k, 1, stdout);
                }
                free(image);
                return 0;
            }

            """);
        string[] sanitizers = Sanitizing.GetOrAdd(compiler, HasSanitizers) ? Sanitizers : [];
        Start(compiler, [.. Flags, .. sanitizers, folder.Combine($"{name}.c"), folder.Combine("main.c"), "-o", exe], []);
        byte[] output = Start(exe, [], images);
        int length = (classes + 1) * sizeof(int);
        var scores = new List<T>();
        foreach (byte[] one in output.Chunk(length))
        {
            T[] all = MemoryMarshal.Cast<byte, T>(one.AsSpan(0, length - sizeof(int))).ToArray();
            Assert.Equal(System.Array.IndexOf(all, all.Max()), BitConverter.ToInt32(one, length - sizeof(int)));
            scores.AddRange(all);
        }
        return [.. scores];
    }

    private static bool HasSanitizers(string compiler)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.Combine("main.c"), "int main(void) { return 0; }\n");
        return Try(compiler, [.. Sanitizers, folder.Combine("main.c"), "-o", folder.Combine("main")], []).Code == 0;
    }

    private static byte[] Start(string file, string[] arguments, byte[] input)
    {
        var (code, output, errors) = Try(file, arguments, input);
        Assert.True(code == 0, $"{file}: exit code {code}: {errors}");
        return output;
    }

    private static (int Code, byte[] Output, string Errors) Try(string file, string[] arguments, byte[] input)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var output = new MemoryStream();
        var errors = process.StandardError.ReadToEndAsync();
        var reading = process.StandardOutput.BaseStream.CopyToAsync(output);
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        reading.Wait();
        process.WaitForExit();
        return (process.ExitCode, output.ToArray(), errors.Result);
    }

    private static bool IsThere(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, name)));
}
