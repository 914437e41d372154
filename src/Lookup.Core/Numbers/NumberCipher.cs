// For: turning numbers into the pseudonyms under which they are stored, and back.
//
// A number is one 16-byte block, 8 fixed bytes and the number as 8 bytes big-endian, encrypted with AES-256 under the
// deployment's key. AES is a permutation of blocks: no two numbers share a key, no collision has to be handled, and
// the holder of the key can list what is stored. ECB is right here and only here: each block is a message of its own
// and equal numbers must give equal keys. A plain hash would not do: there are so few numbers that all can be tried.
// The fixed bytes let Decrypt notice a block that is no number or was made with another key.
//
// Setting a key up costs more than encrypting a block: the one-shot Aes.EncryptEcb does it for each call, so single
// numbers go through a transform that each thread keeps, and batches through one call per chunk.
//
// Reference: FIPS 197; NIST SP 800-38A, 6.1 (ECB); GDPR art. 4(5) on pseudonymisation.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Numbers;

/// <summary>Encrypts numbers to the keys under which they are stored. Thread-safe.</summary>
public sealed class NumberCipher : IDisposable
{
    /// <summary>Length of the secret key in bytes.</summary>
    public const int KeySize = 32;

    // A batch longer than this is encrypted in several calls, so that plaintext and ciphertext stay in the cache.
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
        _workspaces = new ThreadLocal<Workspace>(() => new Workspace(_key), trackAllValues: true);
        KeyCheck = Convert.ToHexStringLower(
            _workspaces.Value!.Aes.EncryptEcb(Encoding.ASCII.GetBytes("Lookup key check"), PaddingMode.None).AsSpan(0, 8));
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
        var block = workspace.Block;
        BinaryPrimitives.WriteUInt64BigEndian(block, NumberTag);
        BinaryPrimitives.WriteUInt64BigEndian(block.AsSpan(sizeof(ulong)), number.Value);
        workspace.Encryptor.TransformBlock(block, 0, block.Length, block, 0);
        return NumberKey.Read(block);
    }

    /// <summary>Encrypts many numbers, each as <see cref="PhoneNumber.Value"/>.</summary>
    /// <param name="numbers">Any count.</param>
    /// <param name="keys">At least as long; the first elements are written.</param>
    /// <exception cref="ArgumentException">It is shorter.</exception>
    public void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberKey> keys)
    {
        if (keys.Length < numbers.Length)
            throw new ArgumentException("Fewer keys than numbers.", nameof(keys));
        var aes = _workspaces.Value!.Aes;
        for (var start = 0; start < numbers.Length; start += Chunk)
        {
            var count = Math.Min(Chunk, numbers.Length - start);
            var blocks = MemoryMarshal.AsBytes(keys.Slice(start, count));
            var words = MemoryMarshal.Cast<byte, ulong>(blocks);
            for (var i = 0; i < count; i++)
            {
                words[2 * i] = BigEndian(NumberTag);
                words[(2 * i) + 1] = BigEndian(numbers[start + i]);
            }

            aes.EncryptEcb(blocks, blocks, PaddingMode.None);
            if (BitConverter.IsLittleEndian)
                BinaryPrimitives.ReverseEndianness(words, words);
        }
    }

    /// <summary>Finds the number of a key.</summary>
    /// <returns>False if the key was not made from a number with this cipher's secret key.</returns>
    public bool TryDecrypt(NumberKey key, out PhoneNumber number)
    {
        Span<byte> block = stackalloc byte[NumberKey.Size];
        key.WriteTo(block);
        _workspaces.Value!.Aes.DecryptEcb(block, block, PaddingMode.None);
        var isNumber = BinaryPrimitives.ReadUInt64BigEndian(block) == NumberTag;
        number = isNumber ? new PhoneNumber(BinaryPrimitives.ReadUInt64BigEndian(block[sizeof(ulong)..])) : default;
        return isNumber;
    }

    /// <summary>Finds the number of a key.</summary>
    /// <exception cref="CryptographicException">The key was not made from a number with this secret key.</exception>
    public PhoneNumber Decrypt(NumberKey key) => TryDecrypt(key, out var number)
        ? number
        : throw new CryptographicException("The stored key is not the encryption of a number under this key.");

    /// <summary>Wipes the key. No call may be under way.</summary>
    public void Dispose()
    {
        foreach (var workspace in _workspaces.Values)
        {
            workspace.Dispose();
        }

        _workspaces.Dispose();
        CryptographicOperations.ZeroMemory(_key);
    }

    private static ulong BigEndian(ulong value) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    private sealed class Workspace : IDisposable
    {
        public Workspace(byte[] key)
        {
            Aes = Aes.Create();
            Aes.Key = key;
            // ECB: see the head of this file.
#pragma warning disable CA5358
            Aes.Mode = CipherMode.ECB;
#pragma warning restore CA5358
            Aes.Padding = PaddingMode.None;
            Encryptor = Aes.CreateEncryptor();
        }

        public Aes Aes { get; }

        public ICryptoTransform Encryptor { get; }

        public byte[] Block { get; } = new byte[NumberKey.Size];

        public void Dispose()
        {
            CryptographicOperations.ZeroMemory(Block);
            Encryptor.Dispose();
            Aes.Dispose();
        }
    }
}
