// For: changing the number key of a store while services read and write it, without a moment at which a fact is missing.
//
// What is stored is found by the number's key, so a new number key means that all of it is stored once more. The store says
// how far that is by a stage, a number that only grows:
//
//   3n      one key: read and written by it
//   3n + 1  copying: read by the old key; written by the old, then by the new one
//   3n + 2  copied: read by the new key; written by both as before
//   3n + 3  the new key alone
//
// Neighbours agree: whatever is acknowledged at stage 1 or 2 was stored under both keys, so readers by either see it; at
// stages 2 and 3 all read by the new one. Stages that are no neighbours do not agree: who is at 0 does not write the new
// key, and who is at 1 does not see what 3 writes. So instances must never be two stages apart, although they learn of
// stages at different times, hang, or lack the new key. Each partition carries the stage behind its epoch ("...", ".../1"),
// and every read, poll and write compares it in the same step, as it always compared the epoch: a process at stage k takes
// k - 1 and k. Who changes the key (KeyRotation.cs) sets the manifest first, by which processes go on, and then all partitions.
// From then on a process two stages back reads and writes nothing.
//
// What a process holds in memory counts as of its last poll of the partition, which compares the stage, too. So the next
// stage waits for the longest freshness bound: then nobody answers any more from what he knew before.
//
// A process that goes on to the next key does so in this order: the cipher first, then what it takes. So who encrypted
// a number before, and reads a partition by what is taken after, finds the cipher's turn changed, and begins again.
//
// A process that lacks a key takes nothing any more. The stage never comes back, also not with the last step: one that was
// refused while the key was changed stays refused afterwards, when the store has one key again that it does not have.
using System.Globalization;
using System.Text;
using Lookup.Core.Numbers;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>How far the change of a store's number key is, as its manifest says it: "1 0123456789abcdef fedcba9876543210".</summary>
/// <param name="Number">See the head of this file; 0 in a store whose key was never changed.</param>
/// <param name="Key">Check value of the only key, or of the old one.</param>
/// <param name="Next">Check value of the new key while it is changed, else empty.</param>
internal sealed record KeyRotationPhase(int Number, string Key, string Next)
{
    internal const int Steps = 3;

    internal bool IsCopying => Number % Steps == 1;

    internal bool IsCopied => Number % Steps == 2;

    /// <summary>Facts are written under both keys.</summary>
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

/// <summary>A stage as this process goes by it.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Taken">The epochs that a partition may have, as scripts take them: ",one,other,".</param>
internal sealed record KeyState(KeyRotationPhase Stage, RedisValue Taken)
{
    private readonly byte[] _taken = Encoding.ASCII.GetBytes((string)Taken!);

    internal bool Takes(ReadOnlySpan<byte> epoch)
    {
        var at = _taken.AsSpan().IndexOf(epoch);
        var end = at + epoch.Length;
        return !epoch.IsEmpty && at > 0 && end < _taken.Length && _taken[at - 1] == ',' && _taken[end] == ',';
    }
}

/// <summary>The stage that this process is at, and what it takes of partitions. Thread-safe.</summary>
internal sealed class KeyRotationState
{
    private readonly Lock _lock = new();
    private readonly string _epoch;
    private readonly NumberCipher? _cipher;
    private readonly string? _keyCheck;
    private KeyState _current;

    /// <summary>Of a store that is opened.</summary>
    /// <param name="epoch">The store's epoch.</param>
    /// <param name="stage">As its manifest says.</param>
    /// <param name="cipher">Has the keys; null where only the check value of one is known.</param>
    /// <param name="keyCheck">That check value.</param>
    /// <exception cref="StoreUnavailableException">A key is missing.</exception>
    internal KeyRotationState(ulong epoch, KeyRotationPhase stage, NumberCipher? cipher, string? keyCheck)
    {
        (_epoch, _cipher, _keyCheck) = (StoreManifestFormat.Epoch(epoch), cipher, keyCheck);
        _current = Enter(stage);
    }

    /// <summary>Without keys, for who does not look for numbers.</summary>
    internal KeyRotationState(ulong epoch, KeyRotationPhase stage)
    {
        _epoch = StoreManifestFormat.Epoch(epoch);
        _current = new KeyState(stage, TakenAt(stage));
    }

    private KeyRotationState(string epoch)
    {
        _epoch = epoch;
        _current = new KeyState(new KeyRotationPhase(0, "", ""), List(epoch));
    }

    /// <summary>For partitions that have only this in place of an epoch.</summary>
    internal static KeyRotationState Fixed(string epoch) => new(epoch);

    internal KeyState Current => Volatile.Read(ref _current);

    /// <summary>The keys; null where only a check value is known.</summary>
    internal NumberCipher? Cipher => _cipher;

    /// <summary>What scripts compare the epoch of a partition with.</summary>
    internal RedisValue Taken => Current.Taken;

    /// <summary>A list of epochs as scripts take it.</summary>
    internal static RedisValue List(params string[] epochs) => $",{string.Join(',', epochs)},";

    /// <summary>What partitions carry at a stage.</summary>
    internal static string Epoch(string epoch, int stage) =>
        stage == 0 ? epoch : string.Create(CultureInfo.InvariantCulture, $"{epoch}/{stage}");

    internal bool Takes(RedisValue epoch) => !epoch.IsNull && Current.Takes((byte[])epoch!);

    /// <summary>Goes on to what the manifest says.</summary>
    /// <param name="stage">What it says.</param>
    /// <param name="known">
    /// Number of the stage that was known before it was read: that must not be gone. One that was read while another read went on to a
    /// later stage may be behind that.
    /// </param>
    /// <exception cref="StoreUnavailableException">A key is missing, or the stage was a later one before.</exception>
    internal void Follow(KeyRotationPhase stage, int known)
    {
        if (stage.Number < known)
        {
            throw RedisFaults.RolledBack();
        }

        if (stage.Number == Current.Stage.Number)
        {
            return;
        }

        lock (_lock)
        {
            if (stage.Number > _current.Stage.Number)
            {
                Volatile.Write(ref _current, Enter(stage));
            }
        }
    }

    /// <summary>A number's key, whichever of the keys made it, as it is under one of them.</summary>
    internal NumberPseudonym Under(NumberPseudonym key, string keyCheck) => IsOnlyKey ? key : _cipher!.Reencrypt(key, keyCheck);

    /// <summary>Whether a stored key is one of those that are read now.</summary>
    internal bool IsRead(NumberPseudonym key) => IsOnlyKey || _cipher!.TryDecrypt(key, Current.Stage.Reading, out _);

    // Then there is nothing to tell apart: the store never was under another key that this process knows.
    private bool IsOnlyKey => _cipher is null || _cipher.Count == 1;

    private KeyState Enter(KeyRotationPhase stage)
    {
        if (!Holds(stage.Key) || (stage.IsBoth && !Holds(stage.Next)))
        {
            throw RedisFaults.Key(stage);
        }

        _cipher?.Use(stage.Reading);
        return new KeyState(stage, TakenAt(stage));
    }

    private RedisValue TakenAt(KeyRotationPhase stage) =>
        stage.Number == 0 ? List(_epoch) : List(Epoch(_epoch, stage.Number - 1), Epoch(_epoch, stage.Number));

    private bool Holds(string keyCheck) => _cipher?.Holds(keyCheck) ?? keyCheck == _keyCheck;
}
