using System.Security.Cryptography;

namespace Secateurs.Model;

/// <summary>A training set and a test set of the same shape. The test set is for reporting only: no decision may depend on it.</summary>
/// <param name="Train">Images to learn from and to decide by.</param>
/// <param name="Test">Images for reports.</param>
/// <param name="Folder">Where they were read; may be empty.</param>
public sealed record ImageData(DataSet Train, DataSet Test, string Folder)
{
    /// <summary>The random stream of <see cref="Redrawn"/> ("redraw" in ASCII).</summary>
    private const ulong RedrawStream = 0x726564726177;

    /// <summary>Of both.</summary>
    public DataShape Shape => Train.Shape;

    /// <summary>Files that are no pictures by their names and were passed over.</summary>
    public int PassedOver { get; init; }

    /// <summary>Pictures that cannot be read and were left out, each with the reason.</summary>
    public IReadOnlyList<string> Broken { get; init; } = [];

    /// <summary>
    /// The same images, of which as many as before are drawn anew for the test, from all of them. What a search promises for new images can
    /// be told from many such divisions only: the set's own is one draw, which others have looked at.
    /// </summary>
    /// <param name="split">Of the draw; 0 for the set's own division.</param>
    public ImageData Redrawn(ulong split)
    {
        if (split == 0)
            return this;
        var (train, test) = DataSet.Join(Train, Test).Split(Test.Count, split, RedrawStream);
        return this with { Train = train, Test = test };
    }

    /// <summary>
    /// What tells the set from others, wherever it lies: SHA-256 of pixels and labels, training before test. A label counts as a byte, of
    /// more than 256 classes as two, the lower first.
    /// </summary>
    public string Sha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (byte[] part in (byte[][])[Train.Images, Bytes(Train.Labels), Test.Images, Bytes(Test.Labels)])
            hash.AppendData(part);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        byte[] Bytes(int[] labels) => Shape.Classes <= 256 ? [.. labels.Select(l => (byte)l)]
            : [.. labels.SelectMany(l => new[] { (byte)l, (byte)(l >> 8) })];
    }
}
