// For: keeping facts without a time of their own in the order of their acknowledgement, although the clock was set back.
//
// Such a fact forbids, and takes effect when it is recorded. If the clock is behind at that moment, it would take effect before consents
// that the store already has, and permit calls again as soon as the clock is right. So it takes effect no earlier than the newest
// recording that this process knows of its partition: its own, and at the start the one at the end of the store's feed. A fact with a time
// keeps that time, which other clocks stated.
using Lookup.Core.Facts;
using Lookup.Redis.Following;

namespace Lookup.Server.Facts;

/// <summary>Returns when facts without a time of their own take effect. Thread-safe.</summary>
internal sealed class RecordingOrder(IChangeFeed feed)
{
    // A recording that is further ahead was made by a clock that was wrong: nobody could lift what is placed there.
    private const long MostAheadMs = 366L * 24 * 60 * 60 * 1_000;

    // By partition: Unix milliseconds; 0 until the store was read.
    private readonly long[] _newest = new long[feed.Partitions];

    /// <summary>Returns a fact that was expanded now; one without a time of its own takes effect after all that was recorded before.</summary>
    /// <param name="fact">The fact.</param>
    /// <param name="statesTime">Whether the fact states when it takes effect.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="Redis.StoreUnavailableException">The store could not answer.</exception>
    internal async ValueTask<StoredFact> PlaceAsync(StoredFact fact, bool statesTime, CancellationToken cancellation)
    {
        var partition = fact.Key.Partition(_newest.Length);
        var newest = Volatile.Read(ref _newest[partition]);
        if (newest == 0)
        {
            newest = Raise(partition, Math.Max(1, await feed.ReadNewestRecordingAsync(partition, cancellation)));
        }

        var now = statesTime ? fact.Entry.Recorded * 1_000L : fact.Entry.Effective;
        if (now >= newest)
        {
            Raise(partition, now);
            return fact;
        }

        return statesTime || newest - now > MostAheadMs ? fact : fact with { Entry = fact.Entry with { Effective = newest } };
    }

    private long Raise(int partition, long time)
    {
        var known = Volatile.Read(ref _newest[partition]);
        while (time > known)
        {
            var before = Interlocked.CompareExchange(ref _newest[partition], time, known);
            if (before == known)
            {
                return time;
            }

            known = before;
        }

        return known;
    }
}
