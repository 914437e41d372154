using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>
/// The chain over the answers of a list: what its receipt proves. It begins as SHA-256 of the salt; each chunk makes it SHA-256
/// of what it was, 8 bytes sequence, 4 bytes count (both big-endian), 8 bytes for each number (E.164 as an integer, 0 where it is
/// no number, little-endian), then a byte for each verdict, then one for each reason.
/// </summary>
/// <remarks>
/// Only who has the list, the answers and the salt can make it again. The salt is random and not in the receipt, so nobody can
/// find the number of a short list by trying all.
/// </remarks>
public sealed class ListChain
{
    /// <summary>Bytes of the salt.</summary>
    public const int SaltSize = 16;

    private const int ItemSize = sizeof(ulong) + 2;

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

    /// <summary>Adds a chunk.</summary>
    /// <param name="sequence">Its sequence.</param>
    /// <param name="numbers">Its numbers.</param>
    /// <param name="answers">For each the verdict and the reason, as many as there are numbers.</param>
    public void Add(ulong sequence, ReadOnlySpan<ulong> numbers, Action<Span<byte>, Span<byte>> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        var head = _value.Length + sizeof(ulong) + sizeof(int);
        var size = head + (numbers.Length * ItemSize);
        if (_buffer.Length < size)
        {
            _buffer = new byte[size];
        }

        _value.CopyTo(_buffer, 0);
        BinaryPrimitives.WriteUInt64BigEndian(_buffer.AsSpan(_value.Length), sequence);
        BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(_value.Length + sizeof(ulong)), numbers.Length);
        WriteNumbers(numbers, _buffer.AsSpan(head));
        var at = head + (numbers.Length * sizeof(ulong));
        answers(_buffer.AsSpan(at, numbers.Length), _buffer.AsSpan(at + numbers.Length, numbers.Length));
        SHA256.HashData(_buffer.AsSpan(0, size), _value);
        Count += (ulong)numbers.Length;
    }

    private static void WriteNumbers(ReadOnlySpan<ulong> numbers, Span<byte> to)
    {
        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(numbers).CopyTo(to);
            return;
        }

        for (var i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(to[(i * sizeof(ulong))..], numbers[i]);
        }
    }
}
