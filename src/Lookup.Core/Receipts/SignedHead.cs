using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>
/// What an instance swears to about its log: size, time and root. 68 bytes, big-endian: 4 "LTH1", 16 log id, 8 size, 8 time
/// (Unix milliseconds), 32 root; then 64 bytes ECDSA P-256 with SHA-256 over them (r and s, 32 bytes each).
/// </summary>
public sealed class SignedHead
{
    /// <summary>Bytes that are signed.</summary>
    public const int HeadSize = 68;

    /// <summary>Bytes of the signature.</summary>
    public const int SignatureSize = 64;

    /// <summary>Bytes of both.</summary>
    public const int Size = HeadSize + SignatureSize;

    /// <summary>Bytes of a log's id.</summary>
    public const int LogIdSize = 16;

    private readonly byte[] _bytes;

    private SignedHead(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>Head and signature.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>What is signed.</summary>
    public ReadOnlySpan<byte> Head => _bytes.AsSpan(0, HeadSize);

    /// <summary>The signature.</summary>
    public ReadOnlySpan<byte> Signature => _bytes.AsSpan(HeadSize);

    /// <summary>Id of the log.</summary>
    public ReadOnlySpan<byte> LogId => _bytes.AsSpan(4, LogIdSize);

    /// <summary>Receipts in the log.</summary>
    public ulong TreeSize => BinaryPrimitives.ReadUInt64BigEndian(_bytes.AsSpan(20));

    /// <summary>When it was signed, in Unix milliseconds.</summary>
    public long Time => BinaryPrimitives.ReadInt64BigEndian(_bytes.AsSpan(28));

    /// <summary>Root of the tree.</summary>
    public ReadOnlySpan<byte> Root => _bytes.AsSpan(36, MerkleTree.HashSize);

    private static ReadOnlySpan<byte> Magic => "LTH1"u8;

    /// <summary>Signs.</summary>
    public static SignedHead Sign(ECDsa key, ReadOnlySpan<byte> logId, ulong size, long time, ReadOnlySpan<byte> root)
    {
        ArgumentNullException.ThrowIfNull(key);
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        logId[..LogIdSize].CopyTo(bytes.AsSpan(4));
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(20), size);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(28), time);
        root[..MerkleTree.HashSize].CopyTo(bytes.AsSpan(36));
        key.SignData(bytes.AsSpan(0, HeadSize), bytes.AsSpan(HeadSize), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        return new SignedHead(bytes);
    }

    /// <summary>Reads head and signature, without asking whether the signature is good.</summary>
    /// <exception cref="ReceiptException">It is no head.</exception>
    public static SignedHead Read(ReadOnlySpan<byte> bytes) => bytes.Length == Size && bytes.StartsWith(Magic)
        ? new SignedHead(bytes.ToArray())
        : throw new ReceiptException("This is no signed head of version 1.");

    /// <summary>Whether the key signed it.</summary>
    public bool IsSignedBy(ECDsa key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.VerifyData(Head, Signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }
}
