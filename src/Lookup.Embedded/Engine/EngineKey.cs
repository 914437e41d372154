// For: the layout of Redis values in one ordered map of bytes.
//
//   kind (1 byte)  length of the name (1 byte)  name  rest
//
//   'h'  rest: the field       one field of a hash -> its value
//   's'  no rest               a string -> length (8 bytes), then when it expires in Unix milliseconds (8 bytes; 0: never)
//   'c'  rest: number (4 bytes) a piece of a string, PieceSize bytes; a missing piece is all zeros
//   'l'  no rest               a list -> index of its first element, and of the one after its last (8 bytes each)
//   'e'  rest: index (8 bytes) an element of a list
//   'm'  rest: the member      a member of a set
//   'z'  rest: the member      a member of a sorted set -> its score
//   'o'  rest: score, member   the same, ordered by score
//   't'  no rest               when a hash, set or sorted set expires, in Unix milliseconds (8 bytes)
//   'x'  no name; rest: time, name  the same, ordered by time
//
// Numbers are big-endian, so entries are in the order of the numbers; the same holds for scores, see EncodeScore. These are stored
// bytes: they do not change.
using System.Buffers.Binary;

namespace Lookup.Embedded.Engine;

/// <summary>Builds the key of one entry. One caller at a time; a key is valid until the next is built.</summary>
internal sealed class EngineKey
{
    internal const byte Hash = (byte)'h';
    internal const byte String = (byte)'s';
    internal const byte Piece = (byte)'c';
    internal const byte List = (byte)'l';
    internal const byte Element = (byte)'e';
    internal const byte Member = (byte)'m';
    internal const byte Scored = (byte)'z';
    internal const byte Ordered = (byte)'o';
    internal const byte Expiry = (byte)'t';
    internal const byte Expiring = (byte)'x';

    /// <summary>All kinds.</summary>
    internal static ReadOnlySpan<byte> Kinds => [Hash, String, Piece, List, Element, Member, Scored, Ordered, Expiry, Expiring];

    /// <summary>Bytes of a string in one entry. A write to a Bloom filter changes one block of 32 bytes.</summary>
    internal const int PieceSize = 64;

    /// <summary>Maximum length of a name.</summary>
    internal const int MaxName = byte.MaxValue;

    private byte[] _buffer = new byte[256];

    internal ReadOnlySpan<byte> Build(byte kind, ReadOnlySpan<byte> name) => Build(kind, name, []);

    internal ReadOnlySpan<byte> Build(byte kind, ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> rest)
    {
        if (name.Length > MaxName)
        {
            throw new CommandFault($"ERR a name has {name.Length} bytes; at most {MaxName} are allowed");
        }

        var length = 2 + name.Length + rest.Length;
        if (_buffer.Length < length)
        {
            _buffer = new byte[length * 2];
        }

        _buffer[0] = kind;
        _buffer[1] = (byte)name.Length;
        name.CopyTo(_buffer.AsSpan(2));
        rest.CopyTo(_buffer.AsSpan(2 + name.Length));
        return _buffer.AsSpan(0, length);
    }

    internal ReadOnlySpan<byte> BuildPiece(ReadOnlySpan<byte> name, long piece)
    {
        Span<byte> rest = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(rest, checked((uint)piece));
        return Build(Piece, name, rest);
    }

    internal ReadOnlySpan<byte> BuildElement(ReadOnlySpan<byte> name, long index)
    {
        Span<byte> rest = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(rest, index);
        return Build(Element, name, rest);
    }

    /// <summary>Encodes a score in eight bytes that sort as the scores do.</summary>
    internal static byte[] EncodeScore(double score)
    {
        var bits = BitConverter.DoubleToInt64Bits(score);
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, bits >= 0 ? bits ^ long.MinValue : ~bits);
        return bytes;
    }

    /// <summary>Decodes the result of <see cref="EncodeScore"/>.</summary>
    internal static double DecodeScore(ReadOnlySpan<byte> bytes)
    {
        var bits = BinaryPrimitives.ReadInt64BigEndian(bytes);
        return BitConverter.Int64BitsToDouble(bits < 0 ? bits ^ long.MinValue : ~bits);
    }
}
