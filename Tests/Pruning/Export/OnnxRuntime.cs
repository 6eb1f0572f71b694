using Microsoft.ML.OnnxRuntime;
using Secateurs.Model;

namespace Tests.PruningTests.Export;

/// <summary>A network in ONNX Runtime on the CPU, with two threads.</summary>
internal sealed class OnnxRuntime : IDisposable
{
    private readonly SessionOptions options = new() { IntraOpNumThreads = 2, InterOpNumThreads = 1 };
    private readonly RunOptions runOptions = new();
    private readonly InferenceSession session;

    public OnnxRuntime(string path) => session = new InferenceSession(path, options);

    /// <summary>The file's texts.</summary>
    public IReadOnlyDictionary<string, string> Metadata => session.ModelMetadata.CustomMetadataMap;

    /// <summary>Images (N, 28, 28) as the tensor that the network takes.</summary>
    public static OrtValue Input(ReadOnlySpan<byte> images)
    {
        float[] pixels = Array.ConvertAll(images.ToArray(), p => (float)p);
        return OrtValue.CreateTensorValueFromMemory(pixels, [pixels.Length / Mnist.Shape.BytesPerImage, 1, Mnist.Shape.Height, Mnist.Shape.Width]);
    }

    /// <summary>Logits (N, 10).</summary>
    public float[] Run(OrtValue input)
    {
        using var outputs = session.Run(runOptions, ["image"], [input], ["logits"]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        session.Dispose();
        runOptions.Dispose();
        options.Dispose();
    }
}
