using Lookup.Core.Numbers;
using Lookup.Redis;

namespace Lookup.Server.Mapping;

/// <summary>A question about one number, as it came in.</summary>
/// <param name="Number">The number.</param>
/// <param name="Asked">The question.</param>
/// <param name="Exact">Everything is to be read from the store.</param>
/// <param name="Demand">The position that the answer must be as new as, or null.</param>
/// <param name="At">When it came in, in Unix milliseconds.</param>
internal readonly record struct NumberQuestion(PhoneNumber Number, AskedQuestion Asked, bool Exact, ConsistencyToken? Demand, long At)
{
    /// <summary>The credential that asked; empty where none is asked for.</summary>
    internal string AskedBy { get; init; } = "";

    /// <summary>All that was acknowledged before the question came in must be in what is read.</summary>
    internal bool IsDemanding => Exact || Demand is not null;
}
