using Microsoft.ML.OnnxRuntime;
using Secateurs.Model;

namespace Tests.PruningTests.Export;

/// <summary>A network in ONNX Runtime on the CPU, with two threads.</summary>
internal sealed class OnnxRuntime : IDisposable
{
    private readonly SessionOptions options = new()
    {
        IntraOpNumThreads = 2,
        InterOpNumThreads = 1,
        LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
    };
    private readonly RunOptions runOptions = new();
    private readonly InferenceSession session;

    public OnnxRuntime(string path) => session = new InferenceSession(path, options);

    /// <summary>The file's texts.</summary>
    public IReadOnlyDictionary<string, string> Metadata => session.ModelMetadata.CustomMetadataMap;

    /// <summary>Images (N, C, H, W) as the tensor that the network takes.</summary>
    /// <param name="images">Bytes.</param>
    /// <param name="shape">Of them; null for MNIST's.</param>
    public static OrtValue Input(ReadOnlySpan<byte> images, DataShape? shape = null)
    {
        shape ??= Mnist.Shape;
        float[] pixels = Array.ConvertAll(images.ToArray(), p => (float)p);
        return OrtValue.CreateTensorValueFromMemory(
            pixels, [pixels.Length / shape.BytesPerImage, shape.Channels, shape.Height, shape.Width]);
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
