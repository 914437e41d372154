using System.Buffers.Binary;
using System.Security.Cryptography;
using Lookup.Core.Facts;

namespace Lookup.Core.Receipts;

/// <summary>
/// SHA-256 over the stored facts that a decision rested on, in the order in which they were asked for: for each its
/// stored id, 4 bytes length (big-endian) and the value as stored. Facts that are not there are left out.
/// </summary>
public static class FactsDigest
{
    /// <summary>Length in bytes.</summary>
    public const int Size = SHA256.HashSizeInBytes;

    /// <summary>The digest where no fact was there: SHA-256 of nothing.</summary>
    public static ReadOnlyMemory<byte> Nothing { get; } = SHA256.HashData([]);

    /// <summary>Computes it.</summary>
    /// <param name="ids">What was asked for.</param>
    /// <param name="values">What was there, parallel to <paramref name="ids"/>.</param>
    public static ReadOnlyMemory<byte> Of(ReadOnlySpan<FactId> ids, ReadOnlySpan<StoredValue> values)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[FactId.Size + sizeof(int)];
        for (var i = 0; i < ids.Length; i++)
        {
            if (values[i].IsNull)
            {
                continue;
            }

            ids[i].WriteTo(head);
            BinaryPrimitives.WriteInt32BigEndian(head[FactId.Size..], values[i].Span.Length);
            hash.AppendData(head);
            hash.AppendData(values[i].Span);
        }

        return hash.GetHashAndReset();
    }
}
