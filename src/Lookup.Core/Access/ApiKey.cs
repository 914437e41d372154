using System.Security.Cryptography;

namespace Lookup.Core.Access;

/// <summary>
/// The text form of an API key ("lk_", the credential's id, "_", and a secret of 64 hexadecimal digits) and its stored salted hash. The
/// secret has 256 random bits, so one round of SHA-256 is as strong as many.
/// </summary>
public static class ApiKey
{
    /// <summary>The prefix of every key.</summary>
    public const string Prefix = "lk_";

    /// <summary>Length of a salt in bytes.</summary>
    public const int SaltSize = 16;

    /// <summary>Length of a hash in bytes.</summary>
    public const int HashSize = SHA256.HashSizeInBytes;

    private const int SecretSize = 32;
    private const int SecretDigits = 2 * SecretSize;

    /// <summary>Generates a key, and the salt and hash to store.</summary>
    /// <returns>The key, which is not stored and cannot be retrieved again.</returns>
    public static string Create(string id, out byte[] salt, out byte[] hash)
    {
        var secret = RandomNumberGenerator.GetBytes(SecretSize);
        salt = RandomNumberGenerator.GetBytes(SaltSize);
        hash = new byte[HashSize];
        Hash(salt, secret, hash);
        return $"{Prefix}{id}_{Convert.ToHexStringLower(secret)}";
    }

    /// <summary>Splits a key into id and secret without verifying it.</summary>
    /// <returns>False if the text does not have the form of a key.</returns>
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

    /// <summary>Returns whether a secret has this hash. The comparison takes constant time.</summary>
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
