// For: rotating the encryption key of a store while services read and write it, without a moment at which a fact is missing.
//
// Stored data is found by the pseudonym, so a new encryption key requires storing everything once more. The store records the
// progress as a phase, a number that only grows:
//
//   3n      one key: reads and writes use it
//   3n + 1  copying: reads use the old key; writes go to the old, then to the new key
//   3n + 2  copied: reads use the new key; writes go to both as before
//   3n + 3  the new key alone
//
// Adjacent phases are compatible: whatever is acknowledged in phase 1 or 2 was stored under both keys, so readers by either
// see it; in phases 2 and 3 all read by the new key. Other phases are not compatible: a process in phase 0 does not write the
// new key, and a process in phase 1 does not see what phase 3 writes. So instances must never be two phases apart, although
// they learn of phases at different times, hang, or lack the new key. Each partition stores the phase after its epoch ("...",
// ".../1"), and every read, poll and write compares it in the same step in which it compares the epoch: a process in phase k
// accepts k - 1 and k. The rotation (KeyRotation.cs) sets the manifest first, which processes follow, and then all partitions.
// From then on a process two phases behind can neither read nor write.
//
// What a process holds in memory counts as of its last poll of the partition, which compares the phase too. So the next phase
// waits for the longest freshness bound: after that no process answers from what it knew before.
//
// A process advances to the next key in this order: the cipher first, then the accepted epochs. A pseudonym shows which key
// made it, so reads and writes replace a pseudonym of an earlier key, and a read is repeated if the key changes while it runs.
// Only a filter cannot do that: ReadView uses none for a number that was encrypted before the change.
//
// A process that lacks a key accepts nothing. The phase never decreases, also not with the last step: a process that was
// rejected during the rotation stays rejected afterwards, when the store has again one key that the process does not have.
using System.Globalization;
using System.Text;
using Lookup.Core.Numbers;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>The phase of a store's key rotation as its manifest stores it: "1 0123456789abcdef fedcba9876543210".</summary>
/// <param name="Number">See the head of this file; 0 in a store whose key was never rotated.</param>
/// <param name="Key">Check value of the only key, or of the old one.</param>
/// <param name="Next">Check value of the new key during a rotation, otherwise empty.</param>
internal sealed record KeyRotationPhase(int Number, string Key, string Next)
{
    internal const int Steps = 3;

    internal bool IsCopying => Number % Steps == 1;

    internal bool IsCopied => Number % Steps == 2;

    /// <summary>True while facts are written under both keys.</summary>
    internal bool IsBoth => Number % Steps != 0;

    /// <summary>Check value of the key by which facts are read.</summary>
    internal string Reading => IsCopied ? Next : Key;

    internal static KeyRotationPhase Parse(RedisValue text, string keyCheck)
    {
        if (text.IsNull)
        {
            return new KeyRotationPhase(0, keyCheck, "");
        }

        var parts = ((string)text!).Split(' ');
        return parts.Length == 3 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new KeyRotationPhase(number, parts[1], parts[2])
            : throw RedisFaults.Damaged();
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number} {Key} {Next}");
}

/// <summary>The phase in which this process works.</summary>
/// <param name="Phase">The phase.</param>
/// <param name="AcceptedEpochs">The epochs that a partition may have, in the form that scripts expect: ",one,other,".</param>
internal sealed record KeyState(KeyRotationPhase Phase, RedisValue AcceptedEpochs)
{
    private readonly byte[] _acceptedEpochs = Encoding.ASCII.GetBytes((string)AcceptedEpochs!);

    internal bool Accepts(ReadOnlySpan<byte> epoch)
    {
        var at = _acceptedEpochs.AsSpan().IndexOf(epoch);
        var end = at + epoch.Length;
        return !epoch.IsEmpty && at > 0 && end < _acceptedEpochs.Length && _acceptedEpochs[at - 1] == ',' && _acceptedEpochs[end] == ',';
    }
}

/// <summary>Holds the phase of this process and the epochs that it accepts from partitions. Thread-safe.</summary>
public sealed class KeyRotationState
{
    private readonly Lock _lock = new();
    private readonly string _epoch;
    private readonly NumberCipher? _cipher;
    private readonly string? _keyCheck;
    private KeyState _current;

    /// <summary>Creates the state when a store is opened.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="phase">The phase in the manifest.</param>
    /// <param name="cipher">Has the keys; null if only the check value of one is known.</param>
    /// <param name="keyCheck">That check value.</param>
    /// <exception cref="StoreUnavailableException">A key is missing.</exception>
    internal KeyRotationState(ulong epoch, KeyRotationPhase phase, NumberCipher? cipher, string? keyCheck)
    {
        (_epoch, _cipher, _keyCheck) = (StoreManifestFormat.Epoch(epoch), cipher, keyCheck);
        _current = Enter(phase);
    }

    /// <summary>Creates the state without keys, for processes that do not look up numbers.</summary>
    internal KeyRotationState(ulong epoch, KeyRotationPhase phase)
    {
        _epoch = StoreManifestFormat.Epoch(epoch);
        _current = new KeyState(phase, AcceptedIn(phase));
    }

    private KeyRotationState(string epoch)
    {
        _epoch = epoch;
        _current = new KeyState(new KeyRotationPhase(0, "", ""), List(epoch));
    }

    /// <summary>Creates a state for partitions that have only this text in place of an epoch.</summary>
    internal static KeyRotationState Fixed(string epoch) => new(epoch);

    /// <summary>Check value of the encryption key by which facts are read now; it changes during a key rotation.</summary>
    public string KeyCheck => _cipher?.KeyCheck ?? Current.Phase.Reading;

    /// <summary>
    /// True during a key rotation, and after it as long as the old key is configured: changes of a number may then appear in the
    /// feeds of two partitions, each in order.
    /// </summary>
    public bool HasTwoFeeds => Current.Phase.Number > 0 && _cipher is { Count: > 1 };

    internal KeyState Current => Volatile.Read(ref _current);

    /// <summary>The keys; null if only a check value is known.</summary>
    internal NumberCipher? Cipher => _cipher;

    /// <summary>The epochs that scripts accept from a partition.</summary>
    internal RedisValue AcceptedEpochs => Current.AcceptedEpochs;

    /// <summary>Formats a list of epochs for scripts.</summary>
    internal static RedisValue List(params string[] epochs) => $",{string.Join(',', epochs)},";

    /// <summary>Returns the text that partitions store in a phase.</summary>
    internal static string Epoch(string epoch, int phase) =>
        phase == 0 ? epoch : string.Create(CultureInfo.InvariantCulture, $"{epoch}/{phase}");

    internal bool Accepts(RedisValue epoch) => !epoch.IsNull && Current.Accepts((byte[])epoch!);

    /// <summary>Advances to the phase in the manifest.</summary>
    /// <param name="phase">The phase that was read.</param>
    /// <param name="known">
    /// Number of the phase known before the read; the result must not be below it. If another read advanced to a later phase
    /// meanwhile, this one may be behind that.
    /// </param>
    /// <exception cref="StoreUnavailableException">A key is missing, or the phase went back.</exception>
    internal void Advance(KeyRotationPhase phase, int known)
    {
        if (phase.Number < known)
        {
            throw RedisFaults.RolledBack();
        }

        if (phase.Number == Current.Phase.Number)
        {
            return;
        }

        lock (_lock)
        {
            if (phase.Number > _current.Phase.Number)
            {
                Volatile.Write(ref _current, Enter(phase));
            }
        }
    }

    /// <summary>
    /// Returns true if a cipher makes the pseudonyms by which facts are read: it is the cipher that the store was opened with and
    /// follows its key rotation, or the store was opened with one key only, which is also the cipher's.
    /// </summary>
    public bool IsReadBy(NumberCipher cipher) =>
        ReferenceEquals(cipher, _cipher) || (_cipher is not { Count: > 1 } && cipher.KeyCheck == KeyCheck);

    /// <summary>
    /// Returns true if a pseudonym is under a new encryption key to which facts are being copied. Everything stored under it is
    /// also stored, and read, under the old key.
    /// </summary>
    public bool IsCopy(NumberPseudonym key) => Current.Phase is { IsCopying: true } phase && _cipher!.TryDecrypt(key, phase.Next, out _);

    /// <summary>Converts a pseudonym made with any of the keys to the one under a given key.</summary>
    internal NumberPseudonym Under(NumberPseudonym key, string keyCheck) => IsOnlyKey ? key : _cipher!.Reencrypt(key, keyCheck);

    /// <summary>Returns true if a stored pseudonym is under the key that is read now.</summary>
    internal bool IsRead(NumberPseudonym key) => IsOnlyKey || _cipher!.TryDecrypt(key, Current.Phase.Reading, out _);

    /// <summary>Whether there is nothing to distinguish: this process knows no other key of the store.</summary>
    internal bool IsOnlyKey => _cipher is null || _cipher.Count == 1;

    private KeyState Enter(KeyRotationPhase phase)
    {
        if (!Holds(phase.Key) || (phase.IsBoth && !Holds(phase.Next)))
        {
            throw RedisFaults.Key(phase);
        }

        _cipher?.Use(phase.Reading);
        return new KeyState(phase, AcceptedIn(phase));
    }

    private RedisValue AcceptedIn(KeyRotationPhase phase) =>
        phase.Number == 0 ? List(_epoch) : List(Epoch(_epoch, phase.Number - 1), Epoch(_epoch, phase.Number));

    private bool Holds(string keyCheck) => _cipher?.Holds(keyCheck) ?? keyCheck == _keyCheck;
}
