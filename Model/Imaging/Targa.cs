using System.Buffers.Binary;

namespace Secateurs.Model.Imaging;

/// <summary>
/// Reads TGA (Truevision, 1989): grey, colour or a colour map, of 8 to 32 bits, plain or run-length coded. It has no signature: a file is
/// one if its header makes sense.
/// </summary>
internal sealed class Targa
{
    private const int HeaderBytes = 18;

    private readonly string _path;
    private readonly byte[] _bytes;
    private readonly int _kind, _depth, _width, _height, _mapAt, _mapFirst, _mapLength, _mapDepth, _start;
    private readonly bool _packed, _hasAlpha, _fromRight, _fromTop;

    private Targa(string path, byte[] bytes)
    {
        (_path, _bytes) = (path, bytes);
        (_kind, _packed, _depth) = (bytes[2] & 7, bytes[2] > 8, bytes[16]);
        (_width, _height) = (Word(12), Word(14));
        (_mapFirst, _mapLength, _mapDepth) = bytes[1] == 1 ? (Word(3), Word(5), bytes[7]) : (0, 0, 0);
        _mapAt = HeaderBytes + bytes[0];
        _start = _mapAt + _mapLength * Octets(_mapDepth);
        byte descriptor = bytes[17];
        (_hasAlpha, _fromRight, _fromTop) = ((descriptor & 15) > 0, (descriptor & 0x10) != 0, (descriptor & 0x20) != 0);
    }

    /// <summary>Red, green, blue and alpha, a byte each, from the top left on; null where it is no TGA.</summary>
    /// <exception cref="UserException">BadData: a truncated one, a colour that its map has not, or one of too many pixels.</exception>
    public static (int Width, int Height, byte[] Pixels)? Read(string path, byte[] bytes)
    {
        if (bytes.Length < HeaderBytes || bytes[1] > 1 || bytes[2] is not (1 or 2 or 3 or 9 or 10 or 11))
            return null;
        var file = new Targa(path, bytes);
        bool known = file._kind == 2 ? IsColour(file._depth) : file._depth == 8;
        bool mapFits = bytes[1] == 1 ? IsColour(file._mapDepth) && file._mapLength > 0 : file._kind != 1;
        if (!known || !mapFits || file._width == 0 || file._height == 0)
            return null;
        PictureDecoder.CheckSize(path, file._width, file._height);
        return (file._width, file._height, file.Decode());
    }

    private byte[] Decode()
    {
        int count = _width * _height, size = Octets(_depth), at = _start;
        byte[] pixels = new byte[4 * count];
        bool opaque = false;
        for (int i = 0; i < count;)
        {
            // A packet begins with its length and whether it is one colour, often.
            byte packet = _packed ? Byte(at++) : (byte)0;
            bool repeats = packet >= 0x80;
            int end = _packed ? Math.Min(count, i + (packet & 0x7F) + 1) : count;
            for (; i < end; i++)
            {
                var (x, y) = (i % _width, i / _width);
                var pixel = pixels.AsSpan(4 * ((_fromTop ? y : _height - 1 - y) * _width + (_fromRight ? _width - 1 - x : x)), 4);
                Put(pixel, at);
                opaque |= pixel[3] > 0;
                at += repeats && i < end - 1 ? 0 : size;
            }
        }
        // Some write colours whose alpha they leave at zero everywhere.
        for (int i = 3; i < pixels.Length && !opaque; i += 4)
            pixels[i] = 255;
        return pixels;
    }

    private void Put(Span<byte> pixel, int at)
    {
        int depth = _depth;
        _ = Byte(at + Octets(depth) - 1);
        if (_kind == 1)
        {
            int index = Byte(at) - _mapFirst;
            if (index < 0 || index >= _mapLength)
                throw Pictures.Bad(_path, $"colours {_mapFirst} to {_mapFirst + _mapLength - 1}, as the TGA's map has", $"{Byte(at)}");
            (at, depth) = (_mapAt + index * Octets(_mapDepth), _mapDepth);
        }
        pixel[3] = 255;
        if (depth == 8)
        {
            pixel[..3].Fill(Byte(at));
        }
        else if (depth < 24)
        {
            int bits = Byte(at + 1) << 8 | Byte(at);
            for (int c = 0; c < 3; c++)
                pixel[c] = (byte)((bits >> 10 - 5 * c & 31) * 255 / 31);
        }
        else
        {
            (pixel[0], pixel[1], pixel[2]) = (Byte(at + 2), Byte(at + 1), Byte(at));
            if (depth == 32 && _hasAlpha)
                pixel[3] = Byte(at + 3);
        }
    }

    private byte Byte(int at) => at < _bytes.Length ? _bytes[at] : throw Pictures.Bad(_path, "a whole TGA file", "a truncated one");

    private int Word(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(at));

    private static int Octets(int depth) => (depth + 7) / 8;

    private static bool IsColour(int depth) => depth is 15 or 16 or 24 or 32;
}
