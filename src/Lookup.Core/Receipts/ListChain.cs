using System.Buffers.Binary;
using System.Security.Cryptography;
using Lookup.Core.Decisions;
using Lookup.Core.Numbers;

namespace Lookup.Core.Receipts;

/// <summary>
/// The chain over the answers of a list. It begins as 32 zero bytes; each chunk makes it SHA-256 of what it was, 8 bytes
/// sequence, 4 bytes count, and for each number 16 bytes key (zero where it is no number), 1 byte verdict, 16 bytes reasons
/// (bit n stands for reason n); big-endian.
/// </summary>
public sealed class ListChain
{
    private const int ItemSize = NumberKey.Size + 1 + 16;

    private readonly byte[] _value = new byte[SHA256.HashSizeInBytes];
    private byte[] _buffer = [];
    private int _used;

    /// <summary>The chain over all chunks so far.</summary>
    public ReadOnlySpan<byte> Value => _value;

    /// <summary>Numbers so far.</summary>
    public ulong Count { get; private set; }

    /// <summary>Begins a chunk.</summary>
    public void Begin(ulong sequence, int count)
    {
        _used = _value.Length + sizeof(ulong) + sizeof(int);
        var size = _used + (count * ItemSize);
        if (_buffer.Length < size)
        {
            _buffer = new byte[size];
        }

        _value.CopyTo(_buffer, 0);
        BinaryPrimitives.WriteUInt64BigEndian(_buffer.AsSpan(_value.Length), sequence);
        BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(_value.Length + sizeof(ulong)), count);
        Count += (ulong)count;
    }

    /// <summary>Adds an answer to the chunk.</summary>
    public void Add(NumberKey key, Verdict verdict, UInt128 reasons)
    {
        var item = _buffer.AsSpan(_used, ItemSize);
        key.WriteTo(item);
        item[NumberKey.Size] = (byte)verdict;
        BinaryPrimitives.WriteUInt128BigEndian(item[(NumberKey.Size + 1)..], reasons);
        _used += ItemSize;
    }

    /// <summary>Ends the chunk.</summary>
    public void End() => SHA256.HashData(_buffer.AsSpan(0, _used), _value);
}
