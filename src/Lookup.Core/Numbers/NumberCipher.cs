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
// A deployment can hold several keys, while its number key is changed, and for what was written under one that it had
// before. One of them is in use: numbers are encrypted under it. All of them decrypt, since a block shows by its fixed bytes
// which one made it.
//
// Reference: FIPS 197; NIST SP 800-38A, 6.1 (ECB); GDPR art. 4(5) on pseudonymisation.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Numbers;

/// <summary>Encrypts numbers to the keys under which they are stored. Thread-safe.</summary>
public sealed class NumberCipher : IDisposable
{
    /// <summary>Length of a secret key in bytes.</summary>
    public const int KeySize = 32;

    // Numbers of a batch that are encrypted by one call: 16 kB for each thread, which stay in the cache.
    private const int Chunk = 1024;

    // "LOOKUP#1", the first half of every number's block.
    private const ulong NumberTag = 0x4C4F4F4B55502331;

    private readonly OneKey[] _all;
    private OneKey _inUse;
    private int _keyGeneration;

    /// <summary>Makes a cipher with a copy of the key.</summary>
    /// <param name="key">32 secret bytes, see <see cref="EncryptionKeyFile"/>.</param>
    /// <exception cref="ArgumentException">The key does not have 32 bytes.</exception>
    public NumberCipher(ReadOnlySpan<byte> key)
    {
        _all = [new OneKey(key)];
        _inUse = _all[0];
    }

    /// <summary>Makes a cipher with copies of several keys, of which the first is in use until <see cref="Use"/> says otherwise.</summary>
    /// <param name="keys">32 secret bytes each, at least one; repeated ones count once.</param>
    /// <exception cref="ArgumentException">A key does not have 32 bytes, or there is none.</exception>
    public NumberCipher(IReadOnlyList<byte[]> keys)
    {
        ArgumentOutOfRangeException.ThrowIfZero(keys.Count, nameof(keys));
        _all = [.. keys.Select(key => new OneKey(key)).DistinctBy(one => one.Check)];
        _inUse = _all[0];
    }

    /// <summary>
    /// Tells whether two keys are the same: 16 hexadecimal digits, half of the encryption of a block that is no
    /// number. It reveals neither the key nor anything about a number's pseudonym. Of the key in use.
    /// </summary>
    public string KeyCheck => Volatile.Read(ref _inUse).Check;

    /// <summary>How many keys it has.</summary>
    public int Count => _all.Length;

    /// <summary>The check values of all keys, in their order.</summary>
    public IReadOnlyList<string> KeyChecks => [.. _all.Select(one => one.Check)];

    /// <summary>Grows each time that another key comes into use: what was encrypted at another turn may be under another key.</summary>
    public int KeyGeneration => Volatile.Read(ref _keyGeneration);

    /// <summary>Whether it has a key with this check value.</summary>
    public bool Holds(string keyCheck) => Array.Exists(_all, one => one.Check == keyCheck);

    /// <summary>Encrypts under another of its keys from now on.</summary>
    /// <exception cref="ArgumentException">It does not have a key with this check value.</exception>
    public void Use(string keyCheck)
    {
        var wanted = Find(keyCheck);
        if (wanted == Volatile.Read(ref _inUse))
        {
            return;
        }
        // In this order: who finds the turn unchanged after encrypting has encrypted under the key of that turn.
        Volatile.Write(ref _inUse, wanted);
        Interlocked.Increment(ref _keyGeneration);
    }

    /// <summary>Encrypts one number. Allocates nothing after a thread's first call.</summary>
    public NumberPseudonym Encrypt(PhoneNumber number) => Volatile.Read(ref _inUse).Encrypt(number);

    /// <summary>Encrypts one number under each of the keys, in their order.</summary>
    public NumberPseudonym[] EncryptByAll(PhoneNumber number) => Array.ConvertAll(_all, one => one.Encrypt(number));

    /// <summary>Encrypts many numbers, each as <see cref="PhoneNumber.Value"/>, all of them under the same key.</summary>
    /// <param name="numbers">Any count.</param>
    /// <param name="keys">At least as long; the first elements are written.</param>
    /// <exception cref="ArgumentException">It is shorter.</exception>
    public void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberPseudonym> keys)
    {
        if (keys.Length < numbers.Length)
        {
            throw new ArgumentException("Fewer keys than numbers.", nameof(keys));
        }

        Volatile.Read(ref _inUse).Encrypt(numbers, keys);
    }

    /// <summary>Finds the number of a key.</summary>
    /// <returns>False if the key was not made from a number with one of the secret keys.</returns>
    public bool TryDecrypt(NumberPseudonym key, out PhoneNumber number)
    {
        var inUse = Volatile.Read(ref _inUse);
        if (inUse.TryDecrypt(key, out number))
        {
            return true;
        }

        foreach (var one in _all)
        {
            if (one != inUse && one.TryDecrypt(key, out number))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Finds the number of a key that was made with the secret key of this check value.</summary>
    /// <returns>False if it was made otherwise.</returns>
    /// <exception cref="ArgumentException">There is no key with this check value.</exception>
    public bool TryDecrypt(NumberPseudonym key, string keyCheck, out PhoneNumber number) => Find(keyCheck).TryDecrypt(key, out number);

    /// <summary>The same number under the secret key of this check value.</summary>
    /// <exception cref="ArgumentException">There is no key with this check value.</exception>
    /// <exception cref="CryptographicException">The key was not made from a number with one of the secret keys.</exception>
    public NumberPseudonym Rekey(NumberPseudonym key, string keyCheck)
    {
        var wanted = Find(keyCheck);
        return wanted.TryDecrypt(key, out _) ? key : wanted.Encrypt(Decrypt(key));
    }

    /// <summary>Finds the number of a key.</summary>
    /// <exception cref="CryptographicException">The key was not made from a number with one of the secret keys.</exception>
    public PhoneNumber Decrypt(NumberPseudonym key) => TryDecrypt(key, out var number)
        ? number
        : throw new CryptographicException("The stored key is not the encryption of a number under this key.");

    /// <summary>Wipes the keys. What threads keep goes with the threads or with this object.</summary>
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
                throw new ArgumentException($"A key has {KeySize} bytes, not {key.Length}.", nameof(key));
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

        internal void Encrypt(ReadOnlySpan<ulong> numbers, Span<NumberPseudonym> keys)
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
                    keys[i] = NumberPseudonym.Read(buffer.AsSpan(i * NumberPseudonym.Size, NumberPseudonym.Size));
                }

                numbers = numbers[count..];
                keys = keys[count..];
            }
        }

        internal bool TryDecrypt(NumberPseudonym key, out PhoneNumber number)
        {
            var workspace = _workspaces.Value!;
            var buffer = workspace.Buffer;
            key.WriteTo(buffer);
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
