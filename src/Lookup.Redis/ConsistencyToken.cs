using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Lookup.Redis.Following;

namespace Lookup.Redis;

/// <summary>
/// Positions in a store, opaque to those who carry it: at least as new as these versions of these partitions. As a
/// text it is base64url of a format byte, the epoch, partition and version of each position, and a checksum that
/// catches a cut or mistyped token; it is no secret and no proof. Behind it, after two dots, base64url of a mark for each
/// position says which change it was that had the version.
/// </summary>
public sealed record ConsistencyToken
{
    /// <summary>Longest text.</summary>
    public const int MaxLength = ((HeaderSize + (256 * PositionSize) + ChecksumSize + 2) / 3) * 4;

    /// <summary>What follows on it in a text is for others, and counts for nothing here.</summary>
    public const char Extension = '.';

    private const byte Format = 1;
    private const int HeaderSize = 9;
    private const int PositionSize = 9;
    private const int ChecksumSize = 4;
    private const int MarkSize = 4;
    private readonly (byte Partition, ulong Version, uint Mark)[] _positions;

    private ConsistencyToken(ulong epoch, (byte Partition, ulong Version, uint Mark)[] positions)
    {
        Epoch = epoch;
        _positions = positions;
    }

    /// <summary>The store's epoch.</summary>
    public ulong Epoch { get; }

    /// <summary>Number of partitions that it speaks of.</summary>
    public int Count => _positions.Length;

    /// <summary>A token of one position.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="partition">0 to 255.</param>
    /// <param name="version">Version of the partition.</param>
    /// <param name="mark">Mark of the change with this version, see <see cref="ChangeMark"/>; 0: not known.</param>
    public static ConsistencyToken Of(ulong epoch, int partition, ulong version, uint mark = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(partition, byte.MaxValue);
        return new ConsistencyToken(epoch, [((byte)partition, version, mark)]);
    }

    /// <summary>A token of a version for each partition; 0 where it says nothing.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="versions">By partition; at most 256.</param>
    /// <param name="marks">By partition, as many; or none.</param>
    public static ConsistencyToken Of(ulong epoch, ReadOnlySpan<ulong> versions, ReadOnlySpan<uint> marks = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(versions.Length, 256, nameof(versions));
        var positions = new List<(byte, ulong, uint)>();
        for (var i = 0; i < versions.Length; i++)
        {
            if (versions[i] != 0)
            {
                positions.Add(((byte)i, versions[i], marks.IsEmpty ? 0 : marks[i]));
            }
        }

        return new ConsistencyToken(epoch, [.. positions]);
    }

    /// <summary>A token of both: at least as new as each of them.</summary>
    /// <param name="other">Of the same epoch.</param>
    public ConsistencyToken And(ConsistencyToken other)
    {
        var versions = new ulong[256];
        var marks = new uint[256];
        foreach (var (partition, version, mark) in (ReadOnlySpan<(byte, ulong, uint)>)[.. _positions, .. other._positions])
        {
            if (version > versions[partition])
            {
                (versions[partition], marks[partition]) = (version, mark);
            }
            else if (version == versions[partition] && marks[partition] == 0)
            {
                marks[partition] = mark;
            }
        }

        return Of(Epoch, versions, marks);
    }

    /// <summary>The version asked of a partition; 0 where the token says nothing about it.</summary>
    public ulong VersionOf(int partition) => Find(partition).Version;

    /// <summary>The mark of the change with that version; 0 where the token has none.</summary>
    public uint MarkOf(int partition) => Find(partition).Mark;

    private (ulong Version, uint Mark) Find(int partition)
    {
        foreach (var (candidate, version, mark) in _positions)
        {
            if (candidate == partition)
            {
                return (version, mark);
            }
        }

        return default;
    }

    /// <summary>Reads a text made by <see cref="ToString"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="token">The token.</param>
    /// <param name="error">What is wrong, a sentence for the one who sent it.</param>
    public static bool TryParse(
        ReadOnlySpan<char> text,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ConsistencyToken? token,
        out string error)
    {
        token = null;
        error = "The token is not one that this service gave out, or a part of it is missing.";
        ReadOnlySpan<char> extension = default;
        if (text.IndexOf(Extension) is >= 0 and var dot)
        {
            extension = text[(dot + 1)..];
            text = text[..dot];
        }

        if (text.Length is 0 or > MaxLength)
        {
            return false;
        }

        byte[] bytes;
        try
        {
            bytes = Base64Url.DecodeFromChars(text);
        }
        catch (FormatException)
        {
            return false;
        }

        var body = bytes.AsSpan(0, Math.Max(0, bytes.Length - ChecksumSize));
        if (body.Length < HeaderSize
            || (body.Length - HeaderSize) % PositionSize != 0
            || BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(body.Length)) != Checksum(body))
        {
            return false;
        }

        if (body[0] != Format)
        {
            error = "The token has a format that this service does not know.";
            return false;
        }

        var positions = new (byte, ulong, uint)[(body.Length - HeaderSize) / PositionSize];
        var marks = new uint[positions.Length];
        if (!TryReadMarks(extension, body[HeaderSize..], marks))
        {
            return false;
        }

        for (var i = 0; i < positions.Length; i++)
        {
            var position = body[(HeaderSize + (i * PositionSize))..];
            positions[i] = (position[0], BinaryPrimitives.ReadUInt64BigEndian(position[1..]), marks[i]);
        }

        token = new ConsistencyToken(BinaryPrimitives.ReadUInt64BigEndian(body[1..]), positions);
        error = "";
        return true;
    }

    /// <summary>The text for callers.</summary>
    public override string ToString()
    {
        var bytes = new byte[HeaderSize + (_positions.Length * PositionSize) + ChecksumSize];
        bytes[0] = Format;
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(1), Epoch);
        for (var i = 0; i < _positions.Length; i++)
        {
            var position = bytes.AsSpan(HeaderSize + (i * PositionSize));
            position[0] = _positions[i].Partition;
            BinaryPrimitives.WriteUInt64BigEndian(position[1..], _positions[i].Version);
        }

        var body = bytes.AsSpan(0, bytes.Length - ChecksumSize);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(body.Length), Checksum(body));
        var text = Base64Url.EncodeToString(bytes);
        return Array.Exists(_positions, position => position.Mark != 0) ? text + Extension + Extension + MarksText() : text;
    }

    private string MarksText()
    {
        var marks = new byte[_positions.Length * MarkSize];
        for (var i = 0; i < _positions.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(marks.AsSpan(i * MarkSize), _positions[i].Mark);
        }

        return Base64Url.EncodeToString(marks);
    }

    // By position behind two dots, by partition behind one: those of Watch. What else follows on one dot counts for nothing here.
    private static bool TryReadMarks(ReadOnlySpan<char> extension, ReadOnlySpan<byte> positions, Span<uint> marks)
    {
        var isOurs = extension is [Extension, ..];
        byte[] bytes;
        try
        {
            bytes = extension.Length > MaxLength ? [] : Base64Url.DecodeFromChars(isOurs ? extension[1..] : extension);
        }
        catch (FormatException)
        {
            return !isOurs;
        }

        if (isOurs && bytes.Length != marks.Length * MarkSize)
        {
            return false;
        }

        for (var i = 0; i < marks.Length; i++)
        {
            var at = (isOurs ? i : positions[i * PositionSize]) * MarkSize;
            marks[i] = at + MarkSize <= bytes.Length ? BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at)) : 0;
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(ConsistencyToken? other) =>
        other is not null && Epoch == other.Epoch && _positions.AsSpan().SequenceEqual(other._positions);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Epoch, _positions.Length, _positions.FirstOrDefault());

    private static uint Checksum(ReadOnlySpan<byte> body)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, hash);
        return BinaryPrimitives.ReadUInt32BigEndian(hash);
    }
}
