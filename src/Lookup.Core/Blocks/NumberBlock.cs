using System.Buffers.Binary;
using System.Text;
using Lookup.Core.Facts;

namespace Lookup.Core.Blocks;

/// <summary>
/// A block of many numbers for one organisation or for all, with its history. Immutable. A later recording never weakens an earlier one:
/// the block forbids while any entry does. Only a removal ends it early, and reverting the import that recorded an entry removes that entry.
/// </summary>
public sealed class NumberBlock
{
    /// <summary>The most entries of a block. Recording more merges the oldest, so that no forbidden time is lost.</summary>
    public const int MaxEntries = 32;

    // Imports that are known to have recorded the same, and can be reverted.
    private const int MaxImports = 2;

    private const FactKind Kind = (FactKind)15;

    private readonly BlockEntry[] _entries;

    internal NumberBlock(string organisation, BlockRange range, BlockEntry[] entries)
    {
        (Organisation, Range, _entries) = (organisation, range, entries);
        End = long.MinValue;
        foreach (var entry in entries)
        {
            End = Math.Max(End, entry.End);
        }
    }

    /// <summary>Name of the organisation; "*" for all.</summary>
    public string Organisation { get; }

    /// <summary>The numbers.</summary>
    public BlockRange Range { get; }

    /// <summary>The recordings, in the order of their effect; empty after a revert of every import that recorded it.</summary>
    public IReadOnlyList<BlockEntry> Entries => _entries;

    /// <summary>The time from which it no longer forbids calls, in Unix milliseconds.</summary>
    public long End { get; }

    /// <summary>Makes a block that was never recorded, to add entries to.</summary>
    public static NumberBlock Empty(string organisation, BlockRange range) => new(organisation, range, []);

    /// <summary>Returns whether it forbids a call to one of its numbers.</summary>
    /// <param name="callTime">Unix milliseconds.</param>
    /// <param name="isTimeNamed">See <see cref="Decisions.Question.IsTimeNamed"/>.</param>
    /// <param name="known">See <see cref="Decisions.Question.KnownAt"/>.</param>
    public bool Forbids(long callTime, bool isTimeNamed, long known = long.MaxValue)
    {
        if (callTime >= End && known == long.MaxValue)
        {
            return false;
        }

        foreach (ref readonly var entry in _entries.AsSpan())
        {
            if (entry.Forbids(callTime, isTimeNamed, known))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Returns whether an entry is in force that forbids as much as another.</summary>
    public bool Includes(BlockEntry other) => Array.Exists(_entries, entry => IsInForceFor(entry, other));

    /// <summary>Returns the block with a further entry; this one if the same source has recorded as much already.</summary>
    public NumberBlock With(BlockEntry added)
    {
        var same = Array.FindAll(_entries, entry => IsInForceFor(entry, added));
        if (Array.Exists(same, entry => entry.Source == added.Source || !FactSource.IsImport(entry.Source)))
        {
            return this;
        }

        // A recording by another import must survive the revert of the first. A list that is imported every night must not add an entry each time.
        var all = new List<BlockEntry>(_entries) { added };
        if (same.Length == MaxImports)
        {
            all.RemoveAll(entry => entry == added || Array.IndexOf(same, entry) >= 0);
            all.Add(same[0] with { Until = same.Max(entry => entry.Until), Recorded = same.Min(entry => entry.Recorded), Source = FactSource.Others });
        }

        all.Sort((one, other) => one.From.CompareTo(other.From));
        while (all.Count > MaxEntries)
        {
            Merge(all);
        }

        return new NumberBlock(Organisation, Range, [.. all]);
    }

    /// <summary>Returns the block with every entry ended that still forbids calls; this one if there is none.</summary>
    public NumberBlock Without(BlockRemoval removal)
    {
        ArgumentNullException.ThrowIfNull(removal);
        return End <= removal.At
            ? this
            : new NumberBlock(Organisation, Range, [.. _entries.Select(entry => entry.End > removal.At ? entry with { Removal = removal } : entry)]);
    }

    /// <summary>Returns the block without the entries of some sources; this one if it has none.</summary>
    public NumberBlock WithoutSources(IReadOnlySet<uint> sources)
    {
        var kept = _entries.Where(entry => !sources.Contains(entry.Source)).ToArray();
        return kept.Length == _entries.Length ? this : new NumberBlock(Organisation, Range, kept);
    }

    /// <summary>
    /// The block as a stored fact, for the digest of a receipt: an id with its scope, and 8 bytes each of the first and the last number, then
    /// <see cref="BlockFormat"/>.
    /// </summary>
    public (FactId Id, byte[] Value) ToEvidence()
    {
        var text = Encoding.UTF8.GetBytes(BlockFormat.Write(this));
        var value = new byte[(2 * sizeof(ulong)) + text.Length];
        BinaryPrimitives.WriteUInt64BigEndian(value, Range.First);
        BinaryPrimitives.WriteUInt64BigEndian(value.AsSpan(sizeof(ulong)), Range.Last);
        text.CopyTo(value, 2 * sizeof(ulong));
        return (new FactId(Kind, Range.IsPrefix ? (byte)1 : (byte)0, Scope.FromName(Organisation)), value);
    }

    private static bool IsInForceFor(in BlockEntry entry, in BlockEntry other) =>
        entry.Removal is null && entry.From <= other.From && entry.Until >= other.Until;

    // The two oldest become one that forbids at least as long as both, that no revert removes, and that was known as early as the first.
    private static void Merge(List<BlockEntry> entries)
    {
        var (first, second) = (entries[0], entries[1]);
        var later = second.End > first.End ? second : first;
        entries[0] = later with
        {
            From = first.From,
            Recorded = Math.Min(first.Recorded, second.Recorded),
            Source = FactSource.IsImport(later.Source) ? FactSource.Others : later.Source,
        };
        entries.RemoveAt(1);
    }
}
