using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>
/// The chain over the answers of a list: what its receipt proves. It begins as SHA-256 of the salt; each chunk makes it SHA-256
/// of what it was, 8 bytes sequence, 8 bytes count (both big-endian), then 8 bytes for each number (little-endian): see
/// <see cref="Item"/>.
/// </summary>
/// <remarks>
/// Only who has the list, the answers and the salt can make it again. The salt is random and not in the receipt, so nobody can
/// find the number of a short list by trying all. Hashing is most of what the receipt of a list costs: hence a single word each.
/// </remarks>
public sealed class ListChain
{
    /// <summary>Bytes of the salt.</summary>
    public const int SaltSize = 16;

    private const int NumberShift = 14;
    private const int VerdictShift = 10;
    private const int Head = SHA256.HashSizeInBytes + (2 * sizeof(ulong));

    private readonly byte[] _value = new byte[SHA256.HashSizeInBytes];
    private byte[] _buffer = [];

    /// <summary>Begins a chain.</summary>
    public ListChain(ReadOnlySpan<byte> salt)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(salt.Length, SaltSize);
        SHA256.HashData(salt, _value);
    }

    /// <summary>The chain over all chunks so far.</summary>
    public ReadOnlySpan<byte> Value => _value;

    /// <summary>Numbers so far.</summary>
    public ulong Count { get; private set; }

    /// <summary>A number and its answer: the number times 16,384, the verdict times 1,024, and the reason, added.</summary>
    /// <param name="number">E.164 as an integer, at most 15 digits; 0 where it is no number.</param>
    /// <param name="verdict">The verdict.</param>
    /// <param name="reason">The most binding reason.</param>
    public static ulong Item(ulong number, Verdict verdict, ReasonCode reason) =>
        (number << NumberShift) | ((ulong)verdict << VerdictShift) | (ulong)reason;

    /// <summary>Adds a chunk.</summary>
    /// <param name="sequence">Its sequence.</param>
    /// <param name="count">Its numbers.</param>
    /// <param name="write">Writes an <see cref="Item"/> for each.</param>
    public void Add(ulong sequence, int count, Action<Span<ulong>> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var size = Head + (count * sizeof(ulong));
        if (_buffer.Length < size)
        {
            _buffer = new byte[size];
        }

        _value.CopyTo(_buffer, 0);
        BinaryPrimitives.WriteUInt64BigEndian(_buffer.AsSpan(_value.Length), sequence);
        BinaryPrimitives.WriteUInt64BigEndian(_buffer.AsSpan(_value.Length + sizeof(ulong)), (ulong)count);
        var items = MemoryMarshal.Cast<byte, ulong>(_buffer.AsSpan(Head, count * sizeof(ulong)));
        write(items);
        if (!BitConverter.IsLittleEndian)
        {
            BinaryPrimitives.ReverseEndianness(items, items);
        }

        SHA256.HashData(_buffer.AsSpan(0, size), _value);
        Count += (ulong)count;
    }
}
