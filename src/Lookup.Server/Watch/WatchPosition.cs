using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using Lookup.Redis;

namespace Lookup.Server.Watch;

/// <summary>
/// Position of a Watch stream: a consistency token, and a mark of the last change delivered for each partition. Its text is the token,
/// a dot, and the marks in base64url, so it is also valid for a check.
/// </summary>
internal sealed class WatchPosition
{
    private WatchPosition(ConsistencyToken token) => Token = token;

    internal ConsistencyToken Token { get; }

    /// <summary>The mark of a partition's last change; 0 if unknown.</summary>
    internal uint MarkOf(int partition) => Token.MarkOf(partition);

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
        // A token of a write or check has its own marks, after two dots.
        if (dot >= 0 && !text.AsSpan(dot + 1).StartsWith([ConsistencyToken.Extension]) && !Base64Url.IsValid(text.AsSpan(dot + 1)))
        {
            error = "The token is incomplete; use it exactly as it was received.";
            return false;
        }

        position = new WatchPosition(token);
        return true;
    }
}
