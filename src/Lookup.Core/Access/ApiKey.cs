using System.Security.Cryptography;

namespace Lookup.Core.Access;

/// <summary>
/// The text form of an API key, "lk_", the credential's id, "_", and a secret of 64 hexadecimal digits; and the salted hash
/// that is kept of it. The secret has 256 random bits, so one round of SHA-256 is as strong as many.
/// </summary>
public static class ApiKey
{
    /// <summary>What every key begins with.</summary>
    public const string Prefix = "lk_";

    /// <summary>Length of a salt in bytes.</summary>
    public const int SaltSize = 16;

    /// <summary>Length of a hash in bytes.</summary>
    public const int HashSize = SHA256.HashSizeInBytes;

    private const int SecretSize = 32;
    private const int SecretDigits = 2 * SecretSize;

    /// <summary>Makes a key.</summary>
    /// <param name="id">The credential's id.</param>
    /// <param name="salt">The salt of its hash.</param>
    /// <param name="hash">The hash.</param>
    /// <returns>The key; nothing else can tell it again.</returns>
    public static string Create(string id, out byte[] salt, out byte[] hash)
    {
        var secret = RandomNumberGenerator.GetBytes(SecretSize);
        salt = RandomNumberGenerator.GetBytes(SaltSize);
        hash = new byte[HashSize];
        Hash(salt, secret, hash);
        return $"{Prefix}{id}_{Convert.ToHexStringLower(secret)}";
    }

    /// <summary>Takes a key apart, without looking at whether it is right.</summary>
    /// <returns>False if the text has not the form of a key.</returns>
    public static bool TrySplit(ReadOnlySpan<char> text, out ReadOnlySpan<char> id, out ReadOnlySpan<char> secret)
    {
        id = secret = default;
        if (!text.StartsWith(Prefix, StringComparison.Ordinal) || text.Length < Prefix.Length + 2 + SecretDigits
            || text[^(SecretDigits + 1)] != '_')
        {
            return false;
        }

        id = text[Prefix.Length..^(SecretDigits + 1)];
        secret = text[^SecretDigits..];
        return true;
    }

    /// <summary>Whether a secret is the one that a hash was made of; takes the same time for every wrong one.</summary>
    public static bool Matches(ReadOnlySpan<char> secret, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> hash)
    {
        Span<byte> bytes = stackalloc byte[SecretSize];
        if (secret.Length != SecretDigits || salt.Length != SaltSize
            || Convert.FromHexString(secret, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        Span<byte> own = stackalloc byte[HashSize];
        Hash(salt, bytes, own);
        return CryptographicOperations.FixedTimeEquals(own, hash);
    }

    private static void Hash(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> secret, Span<byte> hash)
    {
        Span<byte> both = stackalloc byte[SaltSize + SecretSize];
        salt.CopyTo(both);
        secret.CopyTo(both[SaltSize..]);
        SHA256.HashData(both, hash);
    }
}
