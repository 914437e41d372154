using System.Collections.Concurrent;
using Lookup.Redis;
using Lookup.Redis.Writing;

namespace Lookup.Server.Reading;

/// <summary>
/// Tells which organisations have a record, a grant or a fact. A check for a misspelt name finds no objection, so its ALLOW must say that
/// the name is not known. Thread-safe.
/// </summary>
internal sealed class KnownOrganisations(INameStore names, LookupServerOptions options, TimeProvider clock)
{
    // When full, it is emptied: callers can ask for any name.
    private const int MaxUnknown = 100_000;

    // Until when a scope counts as unknown, as a timestamp of the clock.
    private readonly ConcurrentDictionary<ulong, long> _unknown = new();

    /// <summary>Returns whether an organisation is known; null if the store must be asked, see <see cref="LearnAsync"/>.</summary>
    /// <param name="organisation">Its scope.</param>
    internal bool? IsKnown(ulong organisation) =>
        names.IsKnownInMemory(organisation) ? true
        : _unknown.TryGetValue(organisation, out var until) && clock.GetTimestamp() < until ? false
        : null;

    /// <summary>Asks the store, for an unknown organisation at most once per freshness bound.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    internal async ValueTask LearnAsync(ulong organisation, CancellationToken cancellation)
    {
        if (IsKnown(organisation) is not null)
        {
            return;
        }

        var now = clock.GetTimestamp();
        if (await names.IsKnownAsync(organisation, cancellation))
        {
            return;
        }

        if (_unknown.Count >= MaxUnknown)
        {
            _unknown.Clear();
        }

        _unknown[organisation] = now + (options.FreshnessBoundMs * clock.TimestampFrequency / 1_000);
    }
}
