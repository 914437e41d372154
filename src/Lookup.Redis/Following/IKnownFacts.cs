using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>A process's knowledge of the facts in a store, which reveals that the store lost some.</summary>
public interface IKnownFacts
{
    /// <summary>
    /// Returns which facts of a number the store may have: bit n stands for the n-th. Facts that the store cannot have are never
    /// set.
    /// </summary>
    /// <param name="partition">The number's partition.</param>
    /// <param name="key">The number.</param>
    /// <param name="ids">Up to 32 facts.</param>
    public uint MayHold(int partition, NumberPseudonym key, ReadOnlySpan<FactId> ids);
}
