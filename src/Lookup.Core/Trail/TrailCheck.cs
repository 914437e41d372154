using System.Globalization;

namespace Lookup.Core.Trail;

/// <summary>Verifies the chain of the trail while its entries are read in order.</summary>
public sealed class TrailCheck
{
    private readonly List<string> _hashes = [];

    /// <summary>Entries so far.</summary>
    public long Count => _hashes.Count;

    /// <summary>Hash of the newest entry so far.</summary>
    public string Newest => _hashes.Count == 0 ? TrailEntry.NoHash : _hashes[^1];

    /// <summary>Adds the next entry.</summary>
    /// <exception cref="TrailException">It was changed, or an entry before it was changed, removed, added or moved.</exception>
    public TrailEntry Add(ReadOnlyMemory<byte> stored)
    {
        TrailEntry entry;
        try
        {
            entry = TrailEntry.Read(stored);
        }
        catch (TrailException e)
        {
            throw Broken("cannot be read", e);
        }

        if (entry.Number != Count)
        {
            throw Broken($"has the number {entry.Number.ToString(CultureInfo.InvariantCulture)}: entries were removed, added or moved");
        }

        if (entry.Previous != Newest)
        {
            throw Broken("does not have the hash of the entry before it: one of the two was changed or replaced");
        }

        if (entry.Of is { } of && (of < 0 || of >= Count))
        {
            throw Broken("is the result of an entry that does not exist");
        }

        _hashes.Add(TrailEntry.HashOf(stored.Span));
        return entry;
    }

    /// <summary>Compares the trail with what a receipt log recorded of it. Call it after the last entry.</summary>
    /// <param name="count">Entries that the trail had.</param>
    /// <param name="hash">Hash of the newest of them.</param>
    /// <exception cref="TrailException">The trail is shorter, or has another entry there.</exception>
    public void Compare(ulong count, ReadOnlySpan<byte> hash)
    {
        if (count == 0 || count > (ulong)Count)
        {
            throw new TrailException(string.Create(
                CultureInfo.InvariantCulture, $"The receipt log recorded a trail of {count} entries, but the trail has {Count}: the newest entries were removed."));
        }

        if (_hashes[(int)count - 1] != Convert.ToHexStringLower(hash))
        {
            throw new TrailException(string.Create(
                CultureInfo.InvariantCulture, $"The receipt log recorded another hash for entry {count - 1}: the trail was replaced from there or before."));
        }
    }

    private TrailException Broken(string how, Exception? inner = null) =>
        new(string.Create(CultureInfo.InvariantCulture, $"Entry {Count} of the trail {how}."), inner);
}
