using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>What a process knows of the facts in a store, by which it notices that the store lost some.</summary>
public interface IKnownFacts
{
    /// <summary>Which facts of a number the store may hold: bit n stands for the n-th. A fact that it cannot hold is never among them.</summary>
    /// <param name="partition">The number's partition.</param>
    /// <param name="key">The number.</param>
    /// <param name="ids">Up to 32 facts.</param>
    public uint MayHold(int partition, NumberPseudonym key, ReadOnlySpan<FactId> ids);
}
