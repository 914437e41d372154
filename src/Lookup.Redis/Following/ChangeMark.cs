using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>
/// Computes a mark that distinguishes a change from another one with the same version in another history: FNV-1a of its content.
/// </summary>
public static class ChangeMark
{
    private const uint Basis = 2_166_136_261;
    private const uint Prime = 16_777_619;

    /// <summary>Returns the mark of a change; never 0.</summary>
    public static uint Of(in FeedChange change) => Of(change.Key, change.Id, change.Value.Span);

    /// <summary>Returns the mark of a change; never 0.</summary>
    /// <param name="key">The number.</param>
    /// <param name="id">The timeline.</param>
    /// <param name="value">The stored value; empty if it was removed.</param>
    public static uint Of(NumberPseudonym key, FactId id, ReadOnlySpan<byte> value)
    {
        Span<byte> head = stackalloc byte[NumberPseudonym.Size + FactId.Size];
        key.WriteTo(head);
        id.WriteTo(head[NumberPseudonym.Size..]);
        var mark = Add(Add(Basis, head), value);
        return mark == 0 ? 1 : mark;
    }

    private static uint Add(uint mark, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            mark = (mark ^ b) * Prime;
        }

        return mark;
    }
}
