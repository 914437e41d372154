// For: detecting a credential that enumerates number ranges to find out which numbers have objections.
//
// Numbers are grouped in blocks of 1,024. Each slot of a small table counts the distinct numbers queried in one block, with a bit for
// each, so order, repetition and other queries in between do not matter. A block replaces another in a slot only once more numbers of
// other blocks arrived than were counted for it (Boyer-Moore majority vote). So an enumeration keeps its slot while other queries are
// spread over all numbers. The cost is two atomic operations per number and 1.2 kB per active credential.
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Access;

/// <summary>Detects enumeration by one credential. Thread-safe; a race may miscount by a few.</summary>
internal sealed class EnumerationDetector
{
    /// <summary>Numbers in a block.</summary>
    internal const int BlockSize = 1 << BlockBits;

    private const int BlockBits = 10;
    private const int SlotBits = 3;
    private const int PlaceBits = 11;
    private const int Words = BlockSize / 64;
    private const ulong Spread = 0x9E3779B97F4A7C15;

    private readonly ulong[] _blocks = new ulong[1 << SlotBits];
    private readonly int[] _seen = new int[1 << SlotBits];
    private readonly int[] _others = new int[1 << SlotBits];
    private readonly ulong[] _bits = new ulong[(1 << SlotBits) * Words];

    /// <summary>Adds a queried number.</summary>
    /// <param name="number">E.164 as an integer.</param>
    /// <param name="limit">Distinct numbers of one block that count as enumeration.</param>
    /// <returns>True if this number reaches the limit for its block.</returns>
    internal bool Add(ulong number, int limit)
    {
        var block = number >> BlockBits;
        var slot = (int)((block * Spread) >> (64 - SlotBits));
        if (Volatile.Read(ref _blocks[slot]) != block)
        {
            if (Interlocked.Increment(ref _others[slot]) <= Volatile.Read(ref _seen[slot]))
            {
                return false;
            }

            Array.Clear(_bits, slot * Words, Words);
            Volatile.Write(ref _seen[slot], 0);
            Volatile.Write(ref _others[slot], 0);
            Volatile.Write(ref _blocks[slot], block);
        }

        var place = (int)(number & (BlockSize - 1));
        var bit = 1UL << (place & 63);
        return (Interlocked.Or(ref _bits[(slot * Words) + (place >> 6)], bit) & bit) == 0 && Interlocked.Increment(ref _seen[slot]) == limit;
    }

    /// <summary>
    /// Returns whether a chunk of a list is an enumeration: most of its numbers are close to the previous one, ascending or descending, or
    /// enough of them are of one block, in any order.
    /// </summary>
    /// <param name="numbers">E.164 as integers.</param>
    /// <param name="limit">Distinct numbers of one block that count as enumeration.</param>
    internal static bool IsEnumeration(ReadOnlySpan<ulong> numbers, int limit)
    {
        const ulong Close = 4;
        if (numbers.Length < limit)
        {
            return false;
        }

        // Counts by a hash of the block, which several may share. Most chunks have few numbers per hash and need no exact count.
        Span<ushort> counts = stackalloc ushort[1 << PlaceBits];
        counts.Clear();
        var close = 0;
        var full = -1;
        var before = numbers[0];
        foreach (var number in numbers)
        {
            var distance = number > before ? number - before : before - number;
            close += distance - 1 < Close ? 1 : 0;
            before = number;
            var place = PlaceOf(number);
            if (++counts[place] == limit)
            {
                full = place;
            }
        }

        return (close >= limit && close > numbers.Length / 2) || (full >= 0 && HasEnumeratedBlock(numbers, counts, limit));
    }

    private static int PlaceOf(ulong number) => (int)(((number >> BlockBits) * Spread) >> (64 - PlaceBits));

    private static bool HasEnumeratedBlock(ReadOnlySpan<ulong> numbers, ReadOnlySpan<ushort> counts, int limit)
    {
        var blocks = new Dictionary<ulong, HashSet<ulong>>();
        foreach (var number in numbers)
        {
            if (counts[PlaceOf(number)] < limit)
            {
                continue;
            }

            if (!blocks.TryGetValue(number >> BlockBits, out var distinct))
            {
                blocks[number >> BlockBits] = distinct = [];
            }

            if (distinct.Add(number) && distinct.Count >= limit)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>Reports credentials that enumerate number ranges to the operator.</summary>
internal sealed class EnumerationAlarm(AccessMetrics metrics, TimeProvider clock, ILogger<EnumerationAlarm> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    /// <summary>Counts an enumeration and logs it at most once a minute per credential.</summary>
    internal void Raise(Caller caller, ulong number)
    {
        metrics.Enumerated(caller.Id);
        if (caller.State.MayLog(clock.GetTimestamp(), Pause, clock))
        {
            log.LogWarning(
                "The credential {Credential} enumerates number ranges: it queries many neighbouring numbers around {Number}.",
                caller.Id,
                Redaction.Mask("+" + number));
        }
    }
}
