using System.Buffers.Binary;
using System.Numerics;

namespace Lookup.Core.Numbers;

/// <summary>
/// The pseudonym under which a number is stored: the ciphertext block of <see cref="NumberCipher"/>. Its bytes are uniform, so each part
/// below is a hash of the number: byte 0 selects the partition, bytes 1 and 2 the bucket, bytes 8 to 15 the filter block.
/// </summary>
/// <param name="High">Bytes 0 to 7, big-endian.</param>
/// <param name="Low">Bytes 8 to 15, big-endian.</param>
public readonly record struct NumberPseudonym(ulong High, ulong Low)
{
    /// <summary>Length of a pseudonym in bytes.</summary>
    public const int Size = 16;

    /// <summary>Bytes of a pseudonym within its bucket: all except the two that name the bucket.</summary>
    public const int FieldSize = Size - 2;

    /// <summary>Buckets in a partition.</summary>
    public const int Buckets = 1 << 16;

    /// <summary>The most partitions of a store.</summary>
    public const int MaxPartitions = 256;

    /// <summary>Bucket within the partition, 0 to 65,535.</summary>
    public int Bucket => (int)(High >> 40) & (Buckets - 1);

    /// <summary>The bytes that select the block of the filter.</summary>
    public ulong FilterHash => Low;

    /// <summary>Returns the partition, 0 to <paramref name="partitionCount"/> - 1.</summary>
    /// <param name="partitionCount">A power of two, 1 to 256.</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is not a power of two from 1 to 256.</exception>
    public int Partition(int partitionCount)
    {
        if (!BitOperations.IsPow2(partitionCount) || partitionCount > MaxPartitions)
        {
            ThrowPartitionCount(partitionCount);
        }

        return ((int)(High >> 56) * partitionCount) >> 8;
    }

    /// <summary>Writes the part that is stored within a bucket: byte 0, then bytes 3 to 15.</summary>
    /// <param name="destination">At least <see cref="FieldSize"/> bytes.</param>
    public void WriteField(Span<byte> destination)
    {
        destination[0] = (byte)(High >> 56);
        BinaryPrimitives.WriteUInt64BigEndian(destination[(FieldSize - sizeof(ulong))..FieldSize], Low);
        for (var i = 1; i <= 5; i++)
        {
            destination[i] = (byte)(High >> (8 * (5 - i)));
        }
    }

    /// <summary>Restores a pseudonym from its bucket and field.</summary>
    /// <param name="bucket">0 to 65,535.</param>
    /// <param name="field">At least <see cref="FieldSize"/> bytes; further bytes are ignored.</param>
    /// <exception cref="ArgumentOutOfRangeException">The bucket is out of range or the field is too short.</exception>
    public static NumberPseudonym FromField(int bucket, ReadOnlySpan<byte> field)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bucket);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(bucket, Buckets);
        ArgumentOutOfRangeException.ThrowIfLessThan(field.Length, FieldSize, nameof(field));
        var high = ((ulong)field[0] << 56) | ((ulong)bucket << 40);
        for (var i = 1; i <= 5; i++)
        {
            high |= (ulong)field[i] << (8 * (5 - i));
        }

        return new NumberPseudonym(high, BinaryPrimitives.ReadUInt64BigEndian(field[(FieldSize - sizeof(ulong))..FieldSize]));
    }

    /// <summary>Writes the whole pseudonym.</summary>
    /// <param name="destination">At least <see cref="Size"/> bytes.</param>
    public void WriteTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, High);
        BinaryPrimitives.WriteUInt64BigEndian(destination[sizeof(ulong)..], Low);
    }

    /// <summary>Reads a whole pseudonym.</summary>
    /// <param name="source">At least <see cref="Size"/> bytes; further bytes are ignored.</param>
    public static NumberPseudonym Read(ReadOnlySpan<byte> source) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(source), BinaryPrimitives.ReadUInt64BigEndian(source[sizeof(ulong)..]));

    private static void ThrowPartitionCount(int partitionCount) =>
        throw new ArgumentOutOfRangeException(
            nameof(partitionCount), partitionCount, $"Must be a power of two from 1 to {MaxPartitions}.");
}
