// For: noticing a credential that asks its way through number ranges, to find out which numbers are objected to.
//
// Numbers fall into blocks of 1,024. Each slot of a small table counts the distinct numbers asked of one block, with a bit for
// each; so the order, repeated numbers, and other work in between do not matter. A block takes a slot over only from one of which
// fewer numbers were asked than others came by since (the vote of Boyer and Moore), so a walk stays while what comes by
// is spread over all numbers. It costs two atomic operations a number, and 1.2 kB for each credential that asks.
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Access;

/// <summary>The numbers that one credential asks for. Thread-safe; a race may miscount by a few.</summary>
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

    /// <summary>Takes note of a number.</summary>
    /// <param name="number">E.164 as an integer.</param>
    /// <param name="limit">Numbers of one block that are a walk.</param>
    /// <returns>True when just now so many of its block were asked.</returns>
    internal bool Note(ulong number, int limit)
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
    /// Whether a chunk of a list is a walk: most of its numbers lie close to the one before, upwards or downwards, or enough of them are of one
    /// block, in whichever order.
    /// </summary>
    /// <param name="numbers">E.164 as integers.</param>
    /// <param name="limit">Numbers of one block that are a walk.</param>
    internal static bool IsWalk(ReadOnlySpan<ulong> numbers, int limit)
    {
        const ulong Close = 4;
        if (numbers.Length < limit)
        {
            return false;
        }

        // Blocks by a hash, of which several may have the same: most chunks have no more than some numbers of each, and are done.
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

        return (close >= limit && close > numbers.Length / 2) || (full >= 0 && HasWalkedBlock(numbers, counts, limit));
    }

    private static int PlaceOf(ulong number) => (int)(((number >> BlockBits) * Spread) >> (64 - PlaceBits));

    private static bool HasWalkedBlock(ReadOnlySpan<ulong> numbers, ReadOnlySpan<ushort> counts, int limit)
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

/// <summary>Tells the operator of credentials that walk number ranges.</summary>
internal sealed class EnumerationAlarm(AccessMetrics metrics, TimeProvider clock, ILogger<EnumerationAlarm> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    /// <summary>Counts a walk, and writes it to the log once a minute for each credential.</summary>
    internal void Raise(Caller caller, ulong number)
    {
        metrics.Walked(caller.Id);
        if (caller.State.MayLog(clock.GetTimestamp(), Pause, clock))
        {
            log.LogWarning(
                "The credential {Credential} walks number ranges: it asks for one number after another around {Number}.",
                caller.Id,
                Redaction.Mask("+" + number));
        }
    }
}
