using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Lookup.Core.Receipts;

/// <summary>
/// The signed state of an instance's log: size, time and root. 68 bytes, big-endian: 4 "LTH1", 16 log id, 8 size, 8 time (Unix
/// milliseconds), 32 root; then 64 bytes ECDSA P-256 with SHA-256 over them (r and s, 32 bytes each).
/// </summary>
public sealed class SignedHead
{
    /// <summary>Length of the signed bytes.</summary>
    public const int HeadSize = 68;

    /// <summary>Bytes of the signature.</summary>
    public const int SignatureSize = 64;

    /// <summary>Bytes of head and signature.</summary>
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

    /// <summary>The signed bytes.</summary>
    public ReadOnlySpan<byte> Head => _bytes.AsSpan(0, HeadSize);

    /// <summary>The signature.</summary>
    public ReadOnlySpan<byte> Signature => _bytes.AsSpan(HeadSize);

    /// <summary>Id of the log.</summary>
    public ReadOnlySpan<byte> LogId => _bytes.AsSpan(4, LogIdSize);

    /// <summary>The number of receipts in the log.</summary>
    public ulong TreeSize => BinaryPrimitives.ReadUInt64BigEndian(_bytes.AsSpan(20));

    /// <summary>When it was signed, in Unix milliseconds.</summary>
    public long Time => BinaryPrimitives.ReadInt64BigEndian(_bytes.AsSpan(28));

    /// <summary>Root of the tree.</summary>
    public ReadOnlySpan<byte> Root => _bytes.AsSpan(36, MerkleTree.HashSize);

    private static ReadOnlySpan<byte> Magic => "LTH1"u8;

    /// <summary>Signs a state of the log.</summary>
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

    /// <summary>Reads head and signature without verifying the signature.</summary>
    /// <exception cref="ReceiptException">It is not a signed head.</exception>
    public static SignedHead Read(ReadOnlySpan<byte> bytes) => bytes.Length == Size && bytes.StartsWith(Magic)
        ? new SignedHead(bytes.ToArray())
        : throw new ReceiptException("Not a signed head of version 1.");

    /// <summary>Returns whether the key signed the head.</summary>
    public bool IsSignedBy(ECDsa key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.VerifyData(Head, Signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }
}
