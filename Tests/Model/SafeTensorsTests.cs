using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class SafeTensorsTests : IDisposable
{
    private static readonly Dictionary<string, string> Texts = new() { ["network"] = "lenet \"5\"", ["leer"] = "", ["größe"] = "ß\n\0☃" };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Gives_back_what_was_written()
    {
        string path = Sample();
        var file = SafeTensors.Read(path);

        Assert.Equal(Texts, file.Metadata);
        Assert.Equal(["fc1.weight", "größe/\"x\"", "scalar", "empty", "fc1.mask"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([1.5f, -0f, float.NaN, float.MaxValue, 1e-45f, 3], file.Get("fc1.weight", TensorType.F32, 2, 3).ToSingles());
        Assert.Equal([7f], file.Get("scalar", TensorType.F32).ToSingles());
        Assert.Empty(file.Get("empty", TensorType.F32, 0, 5).Data);
        Assert.Equal(new byte[] { 1, 0, 1 }, file.Get("fc1.mask", TensorType.U8, 3).Data);
        Assert.Equal(["sample"], folder.Names);
    }

    /// <summary>Reads the file by the format's own description, without this project's reader.</summary>
    [Fact]
    public void Writes_the_layout_of_the_reference_library()
    {
        byte[] bytes = File.ReadAllBytes(Sample());
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        Assert.Equal(0, (8 + length) % 8);
        string json = Encoding.UTF8.GetString(bytes, 8, length);
        Assert.Equal('{', json[0]);
        Assert.EndsWith("}", json.TrimEnd(' '));

        using var header = JsonDocument.Parse(json);
        Assert.Equal("ß\n\0☃", header.RootElement.GetProperty("__metadata__").GetProperty("größe").GetString());
        JsonElement weight = header.RootElement.GetProperty("fc1.weight"), mask = header.RootElement.GetProperty("fc1.mask");
        Assert.Equal("""{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}""", weight.GetRawText());
        Assert.Equal("""{"dtype":"U8","shape":[3],"data_offsets":[32,35]}""", mask.GetRawText());
        Assert.Equal(1.5f, BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(8 + length)));
        Assert.Equal(8 + length + 35, bytes.Length);
    }

    [Fact]
    public void Reads_what_others_write_in_any_order_and_type()
    {
        string path = Raw("""
            {"b":{"data_offsets":[2,6],"shape":[2],"dtype":"F16"},"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]},
             "c":{"dtype":"F64","shape":[1,1],"data_offsets":[6,14]},"d":{"dtype":"U8","shape":[1],"data_offsets":[14,15]}}
            """, [0x80, 0x3F, 0x00, 0x3C, 0x01, 0x00, .. BitConverter.GetBytes(-2.5), 200]);
        var file = SafeTensors.Read(path);
        Assert.Empty(file.Metadata);
        Assert.Equal(["a", "b", "c", "d"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([[1f], [1f, 1f / (1 << 24)], [-2.5f], [200f]], file.Tensors.Select(tensor => tensor.ToSingles()));
    }

    [Theory]
    [InlineData(
        """{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "overlap")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}""", 4, "gap")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "gap")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 3, "2 bytes of data as the header says, found 3")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", 1, "2 bytes of data as the header says, found 1")]
    [InlineData("""{}""", 1, "0 bytes of data")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}""", 2, "[begin, end], found [2, 0]")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2,2]}}""", 2, "[begin, end]")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[-2,0]}}""", 2, "[begin, end]")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2.0]}}""", 2, "[begin, end]")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,18446744073709551618]}}""", 2, "[begin, end]")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2]}}""", 2, "[begin, end]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "hold F32 [2]")]
    [InlineData("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,2]}}""", 2, "hold U8 [3]")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2147483647,2147483647,4],"data_offsets":[0,4]}}""", 4, "hold U8")]
    [InlineData("""{"a":{"dtype":"U8","shape":[65536,65536,65536,65536],"data_offsets":[0,0]}}""", 0, "hold U8")] // 2^64
    [InlineData("""{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}""", 0, "a shape")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-1,-2],"data_offsets":[0,2]}}""", 2, "a shape")]
    [InlineData("""{"a":{"dtype":"U8","shape":"2","data_offsets":[0,2]}}""", 2, "a shape")]
    [InlineData("""{"a":{"dtype":"U8","data_offsets":[0,1]}}""", 1, "a shape")]
    [InlineData("""{"a":{"dtype":"I65","shape":[1],"data_offsets":[0,8]}}""", 8, "found I65")]
    [InlineData("""{"a":{"dtype":"I64","shape":[2],"data_offsets":[0,8]}}""", 8, "hold I64 [2]")]
    [InlineData("""{"a":{"dtype":"3","shape":[1],"data_offsets":[0,4]}}""", 4, "found 3")]
    [InlineData("""{"a":{"dtype":"82","shape":[1],"data_offsets":[0,4]}}""", 4, "found 82")]
    [InlineData("""{"a":{"dtype":"u8","shape":[1],"data_offsets":[0,1]}}""", 1, "found u8")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,1]}}""", 1, "dtype")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "JSON")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "JSON")]
    [InlineData("""{"a":[1]}""", 0, "an object for 'a'")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "text for the metadata 'a'")]
    [InlineData("""{"__metadata__":{"a":"\ud800"}}""", 0, "JSON")]
    [InlineData("""{"\udc00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "JSON")]
    [InlineData("""{"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}""", 1, "JSON")]
    [InlineData("""[]""", 0, "begins with '{'")]
    [InlineData(""" {}""", 0, "begins with '{'")]
    [InlineData("""{}{}""", 0, "JSON")]
    [InlineData("""{"a":""", 0, "JSON")]
    [InlineData("", 0, "begins with '{'")]
    public void Refuses_a_header_that_lies(string header, int dataLength, string words)
    {
        string path = Raw(header, new byte[dataLength]);
        Assert.Contains(words, Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path)));
    }

    [Fact]
    public void Refuses_bytes_that_are_no_utf8()
    {
        byte[] whole = File.ReadAllBytes(Sample());
        whole[whole.AsSpan().IndexOf("größe"u8) + 2] = 0xFF;
        string path = folder.Write("bad", whole);
        Assert.Contains("UTF-8", Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path)));
    }

    [Theory]
    [InlineData(ulong.MaxValue, 100, "at most 92 bytes")]
    [InlineData(93ul, 100, "at most 92 bytes")]
    [InlineData(4_000_001ul, 200_000_000, "at most 4000000 bytes")]
    [InlineData(98_000_000ul, 200_000_000, "at most 4000000 bytes")]
    [InlineData(2ul, (1 << 28) + 1L, "at most 268435456 bytes, found 268435457")]
    public void Takes_no_memory_for_what_a_file_only_claims(ulong claimed, long length, string words)
    {
        string path = folder.Combine("hostile");
        using (FileStream file = File.Create(path))
        {
            file.Write(BitConverter.GetBytes(claimed));
            file.Write("{}"u8);
            file.SetLength(length); // sparse
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(words, Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Refuses_a_file_cut_at_any_byte_longer_or_flipped_in_its_data()
    {
        byte[] whole = File.ReadAllBytes(Sample());
        string path = folder.Combine("bad");
        for (int length = 0; length < whole.Length; length++)
        {
            folder.Write("bad", whole[..length]);
            Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path));
        }

        folder.Write("bad", [.. whole, 0]);
        Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path));

        for (int back = 1; back <= 35; back++)
        {
            byte[] flipped = (byte[])whole.Clone();
            flipped[^back] ^= 1;
            folder.Write("bad", flipped);
            Assert.Contains("SHA-256", Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path)));
        }
    }

    [Fact]
    public void Types_that_are_no_weights_are_read_as_they_are()
    {
        SafeTensor[] tensors =
        [
            new("counter", TensorType.I64, [], [1, 2, 3, 4, 5, 6, 7, 8]), new("indices", TensorType.I32, [1], [1, 0, 0, 0]),
            new("flags", TensorType.BOOL, [2], [1, 0]), new("complex", TensorType.C64, [1], new byte[8]),
            new("small", TensorType.F8_E4M3, [1], [3]),
        ];
        string path = folder.Combine("types");
        SafeTensors.Write(path, tensors, Texts);
        var file = SafeTensors.Read(path);
        foreach (var tensor in tensors)
            Assert.Equal(tensor.Data, file.Get(tensor.Name, tensor.Type, tensor.Shape).Data);
        Assert.Equal([1, 0], file.Get("flags", TensorType.BOOL, 2).ToSingles());
        Assert.DoesNotContain(file.Tensors, t => t.IsFloat);
        Assert.Throws<InvalidOperationException>(() => file.Get("counter", TensorType.I64).ToSingles());
    }

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1333928\n", "a Git LFS pointer; git lfs pull")]
    [InlineData("<!DOCTYPE html><html><body>Sign in</body></html>", "a web page")]
    [InlineData("PK\u0003\u0004", "a zip archive")]
    [InlineData("DCN\u0010", "a coded network (.dcn)")]
    [InlineData("", "an empty file")]
    public void What_is_no_safetensors_file_is_named(string content, string what)
    {
        string path = folder.Write("file", Encoding.Latin1.GetBytes(content));
        Assert.Contains($"found {what}", Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path)));
    }

    [Fact]
    public void A_megabyte_of_name_is_cut_in_the_message()
    {
        string name = new('x', 1 << 20);
        string path = Raw($"{{\"{name}\":{{\"dtype\":\"{name}\",\"shape\":[1],\"data_offsets\":[0,1]}}}}", [0]);
        Assert.InRange(Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path)).Length, 300, 800);
    }

    [Fact]
    public void Refuses_what_is_absent_or_no_file()
    {
        string path = folder.Combine("absent");
        Refusal.Message(ErrorKind.BadFile, path, () => SafeTensors.Read(path));
        Refusal.Message(ErrorKind.BadFile, folder.Path, () => SafeTensors.Read(folder.Path));
    }

    [Fact]
    public void A_tensor_of_another_name_type_or_shape_is_refused()
    {
        string path = Sample();
        var file = SafeTensors.Read(path);
        Assert.EndsWith("found none", Refusal.Message(ErrorKind.BadFile, path, () => file.Get("fc2.weight", TensorType.F32, 1)));
        Assert.EndsWith("found F32 [2, 3]", Refusal.Message(ErrorKind.BadFile, path, () => file.Get("fc1.weight", TensorType.F32, 3, 2)));
        Assert.EndsWith("found F32 [2, 3]", Refusal.Message(ErrorKind.BadFile, path, () => file.Get("fc1.weight", TensorType.F64, 2, 3)));
    }

    [Fact]
    public void Names_that_would_clash_are_a_mistake_of_the_caller()
    {
        SafeTensor a = SafeTensor.Of("a", [1], [1f]), reserved = SafeTensor.Of("__metadata__", [1], [1f]);
        string path = folder.Combine("file");
        Assert.Throws<ArgumentException>(() => SafeTensors.Write(path, [a, a], Texts));
        Assert.Throws<ArgumentException>(() => SafeTensors.Write(path, [reserved], Texts));
        Assert.Throws<ArgumentException>(() => SafeTensors.Write(path, [a], new Dictionary<string, string> { ["sha256"] = "" }));
        Assert.Throws<ArgumentException>(() => SafeTensor.Of("a", [2], [1f]));
        Assert.Throws<ArgumentException>(() => SafeTensor.Of("a", [-1, -1], [1f]));
        Assert.Empty(folder.Names);
    }

    private string Sample()
    {
        string path = folder.Combine("sample");
        SafeTensors.Write(path,
        [
            SafeTensor.Of("fc1.weight", [2, 3], [1.5f, -0f, float.NaN, float.MaxValue, 1e-45f, 3]),
            SafeTensor.Of("fc1.mask", [3], new byte[] { 1, 0, 1 }),
            SafeTensor.Of("größe/\"x\"", [1], [1f]),
            SafeTensor.Of("scalar", [], [7f]),
            SafeTensor.Of("empty", [0, 5], Array.Empty<float>()),
        ], Texts);
        return path;
    }

    private string Raw(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return folder.Write("raw", [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. data]);
    }
}
