// For: locating the damage in a log. RocksDB rejects such a log without naming the place.
//
//   blocks of 32 KiB; in each, records: CRC-32C (4 bytes, masked), length (2), type (1), then, for types of 5 and more, number of
//   the log (4), then the data; the CRC covers type, number and data; fewer than 7 bytes at the end of a block are zeros
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Lookup.Embedded.Engine;

/// <summary>Searches log files for the first record that does not match its checksum.</summary>
internal static class LogScan
{
    private const int BlockSize = 32 * 1024;
    private const int HeaderSize = 7;
    private const int MinRecyclable = 5;
    private const uint MaskDelta = 0xa282ead8;

    /// <summary>Returns file and offset of the first damaged record; null if none is found.</summary>
    internal static string? FindDamage(string folder)
    {
        foreach (var file in Directory.GetFiles(folder, "*.log").Concat(Directory.GetFiles(folder, "MANIFEST-*")).Order(StringComparer.Ordinal))
        {
            if (FindDamageIn(file) is { } offset)
            {
                return string.Create(CultureInfo.InvariantCulture, $"a record of {file} at offset {offset} does not match its checksum");
            }
        }

        return null;
    }

    private static long? FindDamageIn(string path)
    {
        using var file = File.OpenRead(path);
        var block = new byte[BlockSize];
        for (long offset = 0; ; offset += BlockSize)
        {
            var length = file.ReadAtLeast(block, BlockSize, throwOnEndOfStream: false);
            if (DamageIn(block.AsSpan(0, length)) is { } at)
            {
                return offset + at;
            }

            if (length < BlockSize)
            {
                return null;
            }
        }
    }

    private static int? DamageIn(ReadOnlySpan<byte> block)
    {
        for (var at = 0; at + HeaderSize <= block.Length;)
        {
            var record = block[at..];
            var length = BinaryPrimitives.ReadUInt16LittleEndian(record[4..]);
            var type = record[6];
            if (type == 0 && length == 0)
            {
                return null;
            }

            var whole = HeaderSize + length + (type is >= MinRecyclable and < 9 ? sizeof(uint) : 0);
            if (at + whole > block.Length)
            {
                return block.Length == BlockSize ? at : null;
            }

            var crc = uint.MaxValue;
            foreach (var one in record[6..whole])
            {
                crc = BitOperations.Crc32C(crc, one);
            }

            crc = ~crc;
            if (BinaryPrimitives.ReadUInt32LittleEndian(record) != BitOperations.RotateRight(crc, 15) + MaskDelta)
            {
                return at;
            }

            at += whole;
        }

        return null;
    }
}
