using Lookup.Redis;
using Lookup.Server.Store;

namespace Lookup.Server.Reading;

/// <summary>
/// How fresh what is read from the store must be. Reads are sent after a check began, so where the store knows of no fence
/// each of them is fresh; where writes wait for replicas, the server has to show it.
/// </summary>
/// <param name="Begin">When the check began, as a timestamp of the clock.</param>
/// <param name="IsDemanding">Exact, or at a token: all that was acknowledged before the check began must be in it.</param>
/// <param name="Clock">The clock.</param>
/// <param name="BoundMs">The freshness bound in milliseconds, for checks that are not demanding.</param>
internal readonly record struct ReadFreshness(long Begin, bool IsDemanding, TimeProvider Clock, int BoundMs)
{
    internal static ReadFreshness Now(bool exact, ConsistencyToken? demand, TimeProvider clock, int boundMs) =>
        new(clock.GetTimestamp(), exact || demand is not null, clock, boundMs);

    /// <summary>Whether it may be answered from.</summary>
    /// <param name="asOf">See <see cref="StoreRead.AsOf"/>.</param>
    internal bool Accepts(long asOf) => asOf != 0 && (IsDemanding ? asOf >= Begin : AgeOf(asOf).TotalMilliseconds < BoundMs);

    /// <summary>How much older than the check it is; zero where it is no older.</summary>
    internal TimeSpan AgeOf(long asOf) => Clock.AgeAt(asOf, Begin);
}
