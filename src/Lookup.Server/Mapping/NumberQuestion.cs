using Lookup.Core.Numbers;
using Lookup.Redis;

namespace Lookup.Server.Mapping;

/// <summary>A parsed question about one number.</summary>
/// <param name="Number">The number.</param>
/// <param name="Asked">The question.</param>
/// <param name="Exact">Requires reading everything from the store.</param>
/// <param name="Demand">The consistency token the answer must satisfy, or null.</param>
/// <param name="At">When the request arrived, in Unix milliseconds.</param>
internal readonly record struct NumberQuestion(PhoneNumber Number, AskedQuestion Asked, bool Exact, ConsistencyToken? Demand, long At)
{
    /// <summary>The caller's credential; empty if none is required.</summary>
    internal string AskedBy { get; init; } = "";

    /// <summary>Whether reads must include every write acknowledged before the request arrived.</summary>
    internal bool IsDemanding => Exact || Demand is not null;
}
