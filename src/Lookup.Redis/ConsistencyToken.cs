using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Lookup.Redis.Following;

namespace Lookup.Redis;

/// <summary>
/// A lower bound on freshness: a version for each of some partitions. Callers treat it as opaque. The text form is base64url of a
/// format byte, the epoch, the partition and version of each position, and a checksum that detects truncated or mistyped tokens;
/// it is neither secret nor authenticated. After two dots follows base64url of a mark per position, which identifies the change
/// that had the version.
/// </summary>
public sealed record ConsistencyToken
{
    /// <summary>Maximum length of the text form, without its extension.</summary>
    public const int MaxLength = ((HeaderSize + (256 * PositionSize) + ChecksumSize + 2) / 3) * 4;

    /// <summary>Separates the token from text that other components append; this class ignores that text.</summary>
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

    /// <summary>Number of positions.</summary>
    public int Count => _positions.Length;

    /// <summary>Creates a token with one position.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="partition">0 to 255.</param>
    /// <param name="version">Version of the partition.</param>
    /// <param name="mark">Mark of the change with this version, see <see cref="ChangeMark"/>; 0 if unknown.</param>
    public static ConsistencyToken Of(ulong epoch, int partition, ulong version, uint mark = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(partition, byte.MaxValue);
        return new ConsistencyToken(epoch, [((byte)partition, version, mark)]);
    }

    /// <summary>Creates a token from a version per partition; 0 leaves a partition out.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="versions">By partition; at most 256.</param>
    /// <param name="marks">By partition, one per version; or empty.</param>
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

    /// <summary>Combines two tokens: the result demands at least the versions of both.</summary>
    /// <param name="other">A token of the same epoch.</param>
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

    /// <summary>Returns the version demanded of a partition; 0 if the token has none for it.</summary>
    public ulong VersionOf(int partition) => Find(partition).Version;

    /// <summary>Returns the mark of the change with that version; 0 if the token has none.</summary>
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

    /// <summary>Parses a text that <see cref="ToString"/> returned.</summary>
    /// <param name="text">The text.</param>
    /// <param name="token">The token.</param>
    /// <param name="error">A sentence for the caller that says what is wrong.</param>
    public static bool TryParse(
        ReadOnlySpan<char> text,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ConsistencyToken? token,
        out string error)
    {
        token = null;
        error = "The token is malformed or truncated: pass it exactly as the service returned it.";
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
            error = "The token has a format that this version of the service does not support.";
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

    /// <summary>Returns the text form for callers.</summary>
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

    // Marks are by position after two dots, and by partition after one dot (resume tokens of Watch). Other text after one dot is
    // ignored.
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
