using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>
/// The hash chain over the answers of a list, which its receipt proves. It starts as SHA-256 of the salt; each chunk replaces it by SHA-256
/// of the previous value, 8 bytes sequence, 8 bytes count (both big-endian), then 8 bytes per number (little-endian), see
/// <see cref="Item"/>.
/// </summary>
/// <remarks>
/// Recomputing the chain requires the list, the answers and the salt. The salt is random and not in the receipt, so the number in a short
/// list cannot be found by trying all numbers. Hashing is most of the cost of a list's receipt, hence a single word per number.
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

    /// <summary>Starts a chain.</summary>
    public ListChain(ReadOnlySpan<byte> salt)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(salt.Length, SaltSize);
        SHA256.HashData(salt, _value);
    }

    /// <summary>The chain over all chunks so far.</summary>
    public ReadOnlySpan<byte> Value => _value;

    /// <summary>The count of numbers so far.</summary>
    public ulong Count { get; private set; }

    /// <summary>Encodes a number and its answer: number × 16,384 + verdict × 1,024 + reason.</summary>
    /// <param name="number">E.164 as an integer, at most 15 digits; 0 for an invalid number.</param>
    /// <param name="reason">The most binding reason.</param>
    public static ulong Item(ulong number, Verdict verdict, ReasonCode reason) =>
        (number << NumberShift) | ((ulong)verdict << VerdictShift) | (ulong)reason;

    /// <summary>Adds a chunk.</summary>
    /// <param name="sequence">The sequence number of the chunk.</param>
    /// <param name="count">The count of its numbers.</param>
    /// <param name="write">Writes an <see cref="Item"/> for each number.</param>
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
