using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>
/// The required freshness of reads. A read is sent after its check started, so without fences it is always fresh; if writes wait for
/// replicas, the server must prove freshness by a fence.
/// </summary>
/// <param name="Begin">Start of the check, as a timestamp of the clock.</param>
/// <param name="IsDemanding">Exact, or with a token: reads must include every write acknowledged before the check started.</param>
/// <param name="Clock">The clock.</param>
/// <param name="BoundMs">The freshness bound in milliseconds, for checks that are not demanding.</param>
internal readonly record struct ReadFreshness(long Begin, bool IsDemanding, TimeProvider Clock, int BoundMs)
{
    /// <summary>Returns whether a read is fresh enough.</summary>
    /// <param name="asOf">See <see cref="StoreRead.AsOf"/>.</param>
    internal bool Accepts(long asOf) => asOf != 0 && (IsDemanding ? asOf >= Begin : AgeOf(asOf).TotalMilliseconds < BoundMs);

    /// <summary>Returns why the facts of a number were not read, or not freshly enough; null if they were.</summary>
    internal StoreUnavailableException? Fault(ReadBatch batch, int item) =>
        batch.Fault(item) ?? (Accepts(batch.AsOf(item)) ? null : StoreUnavailableException.Unconfirmed());

    /// <summary>Returns how much older than the check a read is; zero if it is not older.</summary>
    internal TimeSpan AgeOf(long asOf) => Clock.AgeAt(asOf, Begin);
}
