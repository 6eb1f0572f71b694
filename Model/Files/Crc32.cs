namespace Secateurs.Model;

/// <summary>
/// CRC-32 of ISO 3309 (gzip, PNG): polynomial 0xEDB88320 reflected, beginning and end inverted. Finds any burst of up to 32 damaged bits.
/// </summary>
public static class Crc32
{
    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(i => Remainder((uint)i))];

    /// <param name="bytes">Whose checksum is taken.</param>
    /// <param name="before">The checksum of those that came before them, 0 where there are none.</param>
    public static uint Of(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        uint crc = ~before;
        foreach (byte b in bytes)
            crc = crc >> 8 ^ Table[(byte)(crc ^ b)];
        return ~crc;
    }

    private static uint Remainder(uint value)
    {
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ ((value & 1) != 0 ? 0xEDB88320 : 0);
        return value;
    }
}
