using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Lookup.Core.Facts;

namespace Lookup.Core.Receipts;

/// <summary>
/// SHA-256 over the stored facts that a decision used, in the order of the request: for each fact its stored id, 4 bytes length
/// (big-endian) and the stored value. Missing facts are left out.
/// </summary>
public static class FactsDigest
{
    /// <summary>Length in bytes.</summary>
    public const int Size = SHA256.HashSizeInBytes;

    /// <summary>The digest without facts: SHA-256 of nothing.</summary>
    public static ReadOnlyMemory<byte> Nothing { get; } = SHA256.HashData([]);

    /// <summary>Computes the digest.</summary>
    /// <param name="ids">The requested facts.</param>
    /// <param name="values">The stored values, parallel to <paramref name="ids"/>.</param>
    public static ReadOnlyMemory<byte> Compute(ReadOnlySpan<FactId> ids, ReadOnlySpan<StoredValue> values)
    {
        var size = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            size += values[i].IsNull ? 0 : FactId.Size + sizeof(int) + values[i].Span.Length;
        }

        if (size == 0)
        {
            return Nothing;
        }

        var all = ArrayPool<byte>.Shared.Rent(size);
        var rest = all.AsSpan(0, size);
        for (var i = 0; i < ids.Length; i++)
        {
            if (!values[i].IsNull)
            {
                var value = values[i].Span;
                ids[i].WriteTo(rest);
                BinaryPrimitives.WriteInt32BigEndian(rest[FactId.Size..], value.Length);
                rest = rest[(FactId.Size + sizeof(int))..];
                value.CopyTo(rest);
                rest = rest[value.Length..];
            }
        }

        var digest = SHA256.HashData(all.AsSpan(0, size));
        ArrayPool<byte>.Shared.Return(all);
        return digest;
    }
}
