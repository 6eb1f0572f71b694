using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Secateurs.Model;

namespace Tests.ModelTests;

public sealed class ForeignFileTests
{
    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1333928\n", "git lfs pull")]
    [InlineData("<!DOCTYPE html><html><body>Sign in</body></html>", "web page")]
    [InlineData("\r\n\t <HTML>", "web page")]
    [InlineData("\uFEFF<?xml version=\"1.0\"?><Error/>", "web page")]
    [InlineData("404: Not Found", "text")]
    [InlineData("{\"message\": \"Bad credentials\"}\n", "text")]
    [InlineData("MATLAB 5.0 MAT-file, Platform: GLNXA64", "MATLAB")]
    [InlineData("%PDF-1.7\n%", "PDF")]
    [InlineData("", "empty")]
    public void Texts_are_named(string text, string word) => Assert.Contains(word, ForeignFile.Describe(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData("0000080300000001", "IDX file of unsigned bytes in 3 dimensions")]
    [InlineData("0000080100000001", "in 1 dimension")]
    [InlineData("00000D0400000001", "32-bit floats")]
    [InlineData("80020000000000007B225F", "safetensors")] // 640 bytes of header, which begins as a pickle does
    [InlineData("08071200000000007B225F", "safetensors")] // 1.2 MB, which begins as ONNX does
    [InlineData("0807120770790A", "ONNX")]
    [InlineData("08083A9EAF", "ONNX")]
    [InlineData("0801120A", "TensorFlow")]
    [InlineData("080A030405", null)]
    [InlineData("44434E11AB", ".dcn")]
    [InlineData("80028A0A6CFC9C46F9206AA850192E", "pickle")]
    [InlineData("8004958A00", "pickle")]
    [InlineData("89504E470D0A1A0A", "PNG")]
    [InlineData("FFD8FFE0", "JPEG")]
    [InlineData("1F8B0800", "gzip -d")]
    [InlineData("425A68393141", "bzip2")]
    [InlineData("FD377A585A00", "xz")]
    [InlineData("28B52FFD", "zstd")]
    [InlineData("894844460D0A1A0A", "HDF5")]
    [InlineData("934E554D5059", ".npy")]
    [InlineData("5041523115", "Parquet")]
    [InlineData("0005160700020000", "macOS")]
    [InlineData("00000000", null)]
    [InlineData("FFFEFDFC", null)]
    public void Binary_files_are_named_by_how_they_begin(string hex, string? word)
    {
        string? found = ForeignFile.Describe(Convert.FromHexString(hex));
        if (word is null)
            Assert.Null(found);
        else
            Assert.Contains(word, found);
    }

    [Theory]
    [InlineData("archive/data.pkl", "PyTorch")]
    [InlineData("model/.format_version", "PyTorch")]
    [InlineData("arr_0.npy", "NumPy")]
    [InlineData("train-images-idx3-ubyte", "unpack it")]
    public void Zip_archives_are_told_apart_by_their_first_entry(string entry, string word)
    {
        using var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
            zip.CreateEntry(entry);
        byte[] bytes = file.ToArray();
        Assert.Contains(word, ForeignFile.Describe(bytes));
        for (int length = 4; length < 40; length++)
            Assert.Contains("zip", ForeignFile.Describe(bytes.AsSpan(0, length)));
    }

    [Fact]
    public void A_tar_is_known_within_the_length_that_is_asked_for()
    {
        using var file = new MemoryStream();
        using (var tar = new TarWriter(file, leaveOpen: true))
            tar.WriteEntry(new UstarTarEntry(TarEntryType.Directory, "mnist/"));
        Assert.Contains("tar", ForeignFile.Describe(file.ToArray().AsSpan(0, ForeignFile.StartLength)));
    }

    [Fact]
    public void Nothing_that_a_file_holds_gets_into_the_line()
    {
        for (ulong seed = 1; seed <= 2000; seed++)
        {
            var random = new Random64(seed);
            byte[] bytes = new byte[random.NextInt(60)];
            for (int i = 0; i < bytes.Length; i++)
                bytes[i] = (byte)random.NextInt(256);
            Assert.DoesNotContain(ForeignFile.Describe(bytes) ?? "", c => char.IsControl(c));
        }
    }
}
