using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using Lookup.Redis;

namespace Lookup.Server.Watch;

/// <summary>
/// Where a stream of changes is: a consistency token, and a mark of the last change told of each partition. As a text the
/// token, a dot, and the marks as base64url; so it is good for a check too.
/// </summary>
internal sealed class WatchPosition
{
    private readonly byte[] _marks;

    private WatchPosition(ConsistencyToken token, byte[] marks)
    {
        Token = token;
        _marks = marks;
    }

    internal ConsistencyToken Token { get; }

    /// <summary>The mark of a partition's last change; 0 where none is known.</summary>
    internal uint MarkOf(int partition) => (partition + 1) * sizeof(uint) <= _marks.Length
        ? BinaryPrimitives.ReadUInt32BigEndian(_marks.AsSpan(partition * sizeof(uint)))
        : 0;

    internal static string Write(ulong epoch, ReadOnlySpan<ulong> versions, ReadOnlySpan<uint> marks)
    {
        Span<byte> bytes = stackalloc byte[marks.Length * sizeof(uint)];
        for (var i = 0; i < marks.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes[(i * sizeof(uint))..], marks[i]);
        }

        return ConsistencyToken.Of(epoch, versions).ToString() + ConsistencyToken.Extension + Base64Url.EncodeToString(bytes);
    }

    internal static bool TryParse(string text, [NotNullWhen(true)] out WatchPosition? position, out string error)
    {
        position = null;
        if (!ConsistencyToken.TryParse(text, out var token, out error))
        {
            return false;
        }

        var dot = text.IndexOf(ConsistencyToken.Extension, StringComparison.Ordinal);
        try
        {
            position = new WatchPosition(token, dot < 0 ? [] : Base64Url.DecodeFromChars(text.AsSpan(dot + 1)));
            return true;
        }
        catch (FormatException)
        {
            error = "A part of the token is missing.";
            return false;
        }
    }
}

/// <summary>Tells one change from another that has the same version: FNV-1a of all that it says.</summary>
internal static class WatchMark
{
    private const uint Basis = 2_166_136_261;
    private const uint Prime = 16_777_619;

    /// <summary>The mark; never 0.</summary>
    internal static uint Of(in FeedChange change)
    {
        Span<byte> head = stackalloc byte[Core.Numbers.NumberKey.Size + Core.Facts.FactId.Size];
        change.Key.WriteTo(head);
        change.Id.WriteTo(head[Core.Numbers.NumberKey.Size..]);
        var mark = Add(Add(Basis, head), change.Value.Span);
        return mark == 0 ? 1 : mark;
    }

    private static uint Add(uint mark, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            mark = (mark ^ b) * Prime;
        }

        return mark;
    }
}
