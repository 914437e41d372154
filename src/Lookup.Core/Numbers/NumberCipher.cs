// For: turning numbers into the pseudonyms under which they are stored, and back.
//
// A number is one 16-byte block, 8 fixed bytes and the number as 8 bytes big-endian, encrypted with AES-256 under the
// deployment's key. AES is a permutation of blocks: no two numbers share a key, no collision has to be handled, and
// the holder of the key can list what is stored. ECB is right here and only here: each block is a message of its own
// and equal numbers must give equal keys. A plain hash would not do: there are so few numbers that all can be tried.
// The fixed bytes let Decrypt notice a block that is no number or was made with another key.
//
// Setting a key up costs far more than encrypting a block, and the one-shot Aes.EncryptEcb does it for each call. So
// each thread keeps its transforms, and a buffer, because transforms take arrays.
//
// Reference: FIPS 197; NIST SP 800-38A, 6.1 (ECB); GDPR art. 4(5) on pseudonymisation.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Numbers;

/// <summary>Encrypts numbers to the keys under which they are stored. Thread-safe.</summary>
public sealed class NumberCipher : IDisposable
{
    /// <summary>Length of the secret key in bytes.</summary>
    public const int KeySize = 32;

    // Numbers of a batch that are encrypted by one call: 16 kB for each thread, which stay in the cache.
    private const int Chunk = 1024;

    // "LOOKUP#1", the first half of every number's block.
    private const ulong NumberTag = 0x4C4F4F4B55502331;

    private readonly byte[] _key;
    private readonly ThreadLocal<Workspace> _workspaces;

    /// <summary>Makes a cipher with a copy of the key.</summary>
    /// <param name="key">32 secret bytes, see <see cref="NumberKeyFile"/>.</param>
    /// <exception cref="ArgumentException">The key does not have 32 bytes.</exception>
    public NumberCipher(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeySize)
            throw new ArgumentException($"A key has {KeySize} bytes, not {key.Length}.", nameof(key));
        _key = key.ToArray();
        _workspaces = new ThreadLocal<Workspace>(() => new Workspace(_key));
        var block = Encoding.ASCII.GetBytes("Lookup key check");
        _workspaces.Value!.Encryptor.TransformBlock(block, 0, block.Length, block, 0);
        KeyCheck = Convert.ToHexStringLower(block.AsSpan(0, 8));
    }

    /// <summary>
    /// Tells whether two keys are the same: 16 hexadecimal digits, half of the encryption of a block that is no
    /// number. It reveals neither the key nor anything about a number's pseudonym.
    /// </summary>
    public string KeyCheck { get; }

    /// <summary>Encrypts one number. Allocates nothing after a thread's first call.</summary>
    public NumberKey Encrypt(PhoneNumber number)
    {
        var workspace = _workspaces.Value!;
        var buffer = workspace.Buffer;
        WriteBlock(buffer, number.Value);
        workspace.Encryptor.TransformBlock(buffer, 0, NumberKey.Size, buffer, 0);
        return NumberKey.Read(buffer);
    }

    /// <summary>Encrypts many numbers, each as <see cref="PhoneNumber.Value"/>.</summary>
    /// <param name="numbers">Any count.</param>
    /// <param name="keys">At least as long; the first elements are written.</param>
    /// <exception cref="ArgumentException">It is shorter.</exception>
    public void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberKey> keys)
    {
        if (keys.Length < numbers.Length)
            throw new ArgumentException("Fewer keys than numbers.", nameof(keys));
        var workspace = _workspaces.Value!;
        var buffer = workspace.Buffer;
        while (!numbers.IsEmpty)
        {
            var count = Math.Min(Chunk, numbers.Length);
            for (var i = 0; i < count; i++)
            {
                WriteBlock(buffer.AsSpan(i * NumberKey.Size, NumberKey.Size), numbers[i]);
            }

            workspace.Encryptor.TransformBlock(buffer, 0, count * NumberKey.Size, buffer, 0);
            for (var i = 0; i < count; i++)
            {
                keys[i] = NumberKey.Read(buffer.AsSpan(i * NumberKey.Size, NumberKey.Size));
            }

            numbers = numbers[count..];
            keys = keys[count..];
        }
    }

    /// <summary>Finds the number of a key.</summary>
    /// <returns>False if the key was not made from a number with this cipher's secret key.</returns>
    public bool TryDecrypt(NumberKey key, out PhoneNumber number)
    {
        var workspace = _workspaces.Value!;
        var buffer = workspace.Buffer;
        key.WriteTo(buffer);
        workspace.Decryptor.TransformBlock(buffer, 0, NumberKey.Size, buffer, 0);
        var isNumber = BinaryPrimitives.ReadUInt64BigEndian(buffer) == NumberTag;
        number = isNumber ? new PhoneNumber(BinaryPrimitives.ReadUInt64BigEndian(buffer.AsSpan(sizeof(ulong)))) : default;
        return isNumber;
    }

    /// <summary>Finds the number of a key.</summary>
    /// <exception cref="CryptographicException">The key was not made from a number with this secret key.</exception>
    public PhoneNumber Decrypt(NumberKey key) => TryDecrypt(key, out var number)
        ? number
        : throw new CryptographicException("The stored key is not the encryption of a number under this key.");

    /// <summary>Wipes the key. What threads keep goes with the threads or with this object.</summary>
    public void Dispose()
    {
        _workspaces.Dispose();
        CryptographicOperations.ZeroMemory(_key);
    }

    private static void WriteBlock(Span<byte> block, ulong number)
    {
        BinaryPrimitives.WriteUInt64BigEndian(block, NumberTag);
        BinaryPrimitives.WriteUInt64BigEndian(block[sizeof(ulong)..], number);
    }

    private sealed class Workspace
    {
        public Workspace(byte[] key)
        {
            using var aes = Aes.Create();
            aes.Key = key;
            // ECB: see the head of this file.
#pragma warning disable CA5358
            aes.Mode = CipherMode.ECB;
#pragma warning restore CA5358
            aes.Padding = PaddingMode.None;
            Encryptor = aes.CreateEncryptor();
            Decryptor = aes.CreateDecryptor();
        }

        public ICryptoTransform Encryptor { get; }

        public ICryptoTransform Decryptor { get; }

        public byte[] Buffer { get; } = new byte[Chunk * NumberKey.Size];
    }
}
