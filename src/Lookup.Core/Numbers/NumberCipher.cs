// For: encrypting numbers to the pseudonyms under which they are stored, and decrypting them.
//
// A number is one 16-byte block, 8 fixed bytes and the number as 8 bytes big-endian, encrypted with AES-256 under the encryption key of
// the deployment. AES is a permutation of blocks: no two numbers share a pseudonym, there are no collisions to handle, and the holder of
// the key can list what is stored. ECB is right here and only here: each block is a message by itself, and equal numbers must have equal
// pseudonyms. A plain hash would not protect anything: there are so few numbers that all can be tried. The fixed bytes let Decrypt detect
// a block that is not a number or was encrypted with another key.
//
// Setting up a key costs far more than encrypting a block, and the one-shot Aes.EncryptEcb sets it up in each call. Therefore each thread
// keeps its transforms, and a buffer, because transforms take arrays.
//
// A deployment can hold several keys: during a key rotation, and for data written under an earlier key. One of them is in use: it encrypts.
// All of them decrypt, since the fixed bytes of a block show which key encrypted it.
//
// Reference: FIPS 197; NIST SP 800-38A, 6.1 (ECB); GDPR art. 4(5) on pseudonymisation.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Numbers;

/// <summary>Encrypts numbers to the pseudonyms under which they are stored. Thread-safe.</summary>
public sealed class NumberCipher : IDisposable
{
    /// <summary>Length of an encryption key in bytes.</summary>
    public const int KeySize = 32;

    // Numbers encrypted by one call of a batch: 16 kB per thread, which stay in the cache.
    private const int Chunk = 1024;

    // "LOOKUP#1", the first half of every number's block.
    private const ulong NumberTag = 0x4C4F4F4B55502331;

    private readonly OneKey[] _all;
    private OneKey _inUse;
    private int _keyGeneration;

    /// <summary>Makes a cipher with a copy of a key.</summary>
    /// <param name="key">32 secret bytes, see <see cref="EncryptionKeyFile"/>.</param>
    /// <exception cref="ArgumentException">The key does not have 32 bytes.</exception>
    public NumberCipher(ReadOnlySpan<byte> key)
    {
        _all = [new OneKey(key)];
        _inUse = _all[0];
    }

    /// <summary>Makes a cipher with copies of several keys; the first is in use until <see cref="Use"/> selects another.</summary>
    /// <param name="keys">32 secret bytes each, at least one key; duplicates count once.</param>
    /// <exception cref="ArgumentException">A key does not have 32 bytes, or there is no key.</exception>
    public NumberCipher(IReadOnlyList<byte[]> keys)
    {
        ArgumentOutOfRangeException.ThrowIfZero(keys.Count, nameof(keys));
        _all = [.. keys.Select(key => new OneKey(key)).DistinctBy(one => one.Check)];
        _inUse = _all[0];
    }

    /// <summary>
    /// Identifies the key in use: 16 hexadecimal digits, half of the encryption of a block that is not a number. It reveals neither the key
    /// nor anything about the pseudonym of a number.
    /// </summary>
    public string KeyCheck => Volatile.Read(ref _inUse).Check;

    /// <summary>The number of keys.</summary>
    public int Count => _all.Length;

    /// <summary>The check values of all keys, in their order.</summary>
    public IReadOnlyList<string> KeyChecks => [.. _all.Select(one => one.Check)];

    /// <summary>Increases whenever another key comes into use. Pseudonyms of different generations may be under different keys.</summary>
    public int KeyGeneration => Volatile.Read(ref _keyGeneration);

    /// <summary>Returns whether the cipher has a key with this check value.</summary>
    public bool Holds(string keyCheck) => Array.Exists(_all, one => one.Check == keyCheck);

    /// <summary>Selects the key that encrypts from now on.</summary>
    /// <exception cref="ArgumentException">There is no key with this check value.</exception>
    public void Use(string keyCheck)
    {
        var wanted = Find(keyCheck);
        if (wanted == Volatile.Read(ref _inUse))
        {
            return;
        }
        // The order matters: a caller that finds the generation unchanged after encrypting has used the key of that generation.
        Volatile.Write(ref _inUse, wanted);
        Interlocked.Increment(ref _keyGeneration);
    }

    /// <summary>Encrypts one number. Allocates nothing after a thread's first call.</summary>
    public NumberPseudonym Encrypt(PhoneNumber number) => Volatile.Read(ref _inUse).Encrypt(number);

    /// <summary>Encrypts one number under each key, in their order.</summary>
    public NumberPseudonym[] EncryptWithAllKeys(PhoneNumber number) => Array.ConvertAll(_all, one => one.Encrypt(number));

    /// <summary>Encrypts many numbers, each as <see cref="PhoneNumber.Value"/>, all under the same key.</summary>
    /// <param name="pseudonyms">Receives the pseudonyms; at least as long as <paramref name="numbers"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="pseudonyms"/> is shorter.</exception>
    public void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberPseudonym> pseudonyms)
    {
        if (pseudonyms.Length < numbers.Length)
        {
            throw new ArgumentException("Must be at least as long as the numbers.", nameof(pseudonyms));
        }

        Volatile.Read(ref _inUse).Encrypt(numbers, pseudonyms);
    }

    /// <summary>Decrypts a pseudonym.</summary>
    /// <returns>False if it is not the encryption of a number under one of the keys.</returns>
    public bool TryDecrypt(NumberPseudonym pseudonym, out PhoneNumber number)
    {
        var inUse = Volatile.Read(ref _inUse);
        if (inUse.TryDecrypt(pseudonym, out number))
        {
            return true;
        }

        foreach (var one in _all)
        {
            if (one != inUse && one.TryDecrypt(pseudonym, out number))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Decrypts a pseudonym with the key of this check value.</summary>
    /// <returns>False if it is not the encryption of a number under that key.</returns>
    /// <exception cref="ArgumentException">There is no key with this check value.</exception>
    public bool TryDecrypt(NumberPseudonym pseudonym, string keyCheck, out PhoneNumber number) => Find(keyCheck).TryDecrypt(pseudonym, out number);

    /// <summary>Encrypts the number of a pseudonym under the key of this check value.</summary>
    /// <exception cref="ArgumentException">There is no key with this check value.</exception>
    /// <exception cref="CryptographicException">The pseudonym is not the encryption of a number under one of the keys.</exception>
    public NumberPseudonym Reencrypt(NumberPseudonym pseudonym, string keyCheck)
    {
        var wanted = Find(keyCheck);
        return wanted.TryDecrypt(pseudonym, out _) ? pseudonym : wanted.Encrypt(Decrypt(pseudonym));
    }

    /// <summary>Decrypts a pseudonym.</summary>
    /// <exception cref="CryptographicException">The pseudonym is not the encryption of a number under one of the keys.</exception>
    public PhoneNumber Decrypt(NumberPseudonym pseudonym) => TryDecrypt(pseudonym, out var number)
        ? number
        : throw new CryptographicException("The stored pseudonym is not the encryption of a number under this encryption key.");

    /// <summary>Wipes the keys. The transforms of each thread are disposed with the thread or with this object.</summary>
    public void Dispose()
    {
        foreach (var one in _all)
        {
            one.Dispose();
        }
    }

    private OneKey Find(string keyCheck) => Array.Find(_all, one => one.Check == keyCheck)
        ?? throw new ArgumentException("There is no key with this check value.", nameof(keyCheck));

    private static void WriteBlock(Span<byte> block, ulong number)
    {
        BinaryPrimitives.WriteUInt64BigEndian(block, NumberTag);
        BinaryPrimitives.WriteUInt64BigEndian(block[sizeof(ulong)..], number);
    }

    private sealed class OneKey : IDisposable
    {
        private readonly byte[] _key;
        private readonly ThreadLocal<Workspace> _workspaces;

        internal OneKey(ReadOnlySpan<byte> key)
        {
            if (key.Length != KeySize)
            {
                throw new ArgumentException($"An encryption key must have {KeySize} bytes, not {key.Length}.", nameof(key));
            }

            _key = key.ToArray();
            _workspaces = new ThreadLocal<Workspace>(() => new Workspace(_key));
            var block = Encoding.ASCII.GetBytes("Lookup key check");
            _workspaces.Value!.Encryptor.TransformBlock(block, 0, block.Length, block, 0);
            Check = Convert.ToHexStringLower(block.AsSpan(0, 8));
        }

        internal string Check { get; }

        internal NumberPseudonym Encrypt(PhoneNumber number)
        {
            var workspace = _workspaces.Value!;
            var buffer = workspace.Buffer;
            WriteBlock(buffer, number.Value);
            workspace.Encryptor.TransformBlock(buffer, 0, NumberPseudonym.Size, buffer, 0);
            return NumberPseudonym.Read(buffer);
        }

        internal void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberPseudonym> pseudonyms)
        {
            var workspace = _workspaces.Value!;
            var buffer = workspace.Buffer;
            while (!numbers.IsEmpty)
            {
                var count = Math.Min(Chunk, numbers.Length);
                for (var i = 0; i < count; i++)
                {
                    WriteBlock(buffer.AsSpan(i * NumberPseudonym.Size, NumberPseudonym.Size), numbers[i]);
                }

                workspace.Encryptor.TransformBlock(buffer, 0, count * NumberPseudonym.Size, buffer, 0);
                for (var i = 0; i < count; i++)
                {
                    pseudonyms[i] = NumberPseudonym.Read(buffer.AsSpan(i * NumberPseudonym.Size, NumberPseudonym.Size));
                }

                numbers = numbers[count..];
                pseudonyms = pseudonyms[count..];
            }
        }

        internal bool TryDecrypt(NumberPseudonym pseudonym, out PhoneNumber number)
        {
            var workspace = _workspaces.Value!;
            var buffer = workspace.Buffer;
            pseudonym.WriteTo(buffer);
            workspace.Decryptor.TransformBlock(buffer, 0, NumberPseudonym.Size, buffer, 0);
            var isNumber = BinaryPrimitives.ReadUInt64BigEndian(buffer) == NumberTag;
            number = isNumber ? new PhoneNumber(BinaryPrimitives.ReadUInt64BigEndian(buffer.AsSpan(sizeof(ulong)))) : default;
            return isNumber;
        }

        public void Dispose()
        {
            _workspaces.Dispose();
            CryptographicOperations.ZeroMemory(_key);
        }
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

        public byte[] Buffer { get; } = new byte[Chunk * NumberPseudonym.Size];
    }
}
