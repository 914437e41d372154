namespace Lookup.Core.Blocks;

/// <summary>
/// One recording of a block. It forbids calls from <see cref="From"/> until it expires or was removed. Times are Unix milliseconds,
/// unless stated otherwise.
/// </summary>
public readonly record struct BlockEntry
{
    /// <summary><see cref="Until"/> of a block without an end.</summary>
    public const long Open = long.MaxValue;

    /// <summary>Makes an entry without an end.</summary>
    public BlockEntry()
    {
    }

    /// <summary>When it took effect.</summary>
    public required long From { get; init; }

    /// <summary>When it expires.</summary>
    public long Until { get; init; } = Open;

    /// <summary>When it was recorded, in Unix seconds.</summary>
    public uint Recorded { get; init; }

    /// <summary>The number of its source in the store's registry of sources; see <see cref="Facts.FactSource"/>.</summary>
    public uint Source { get; init; }

    /// <summary>The reason for recording it; empty for none.</summary>
    public string Reason { get; init; } = "";

    /// <summary>When it was removed; null if it was not.</summary>
    public BlockRemoval? Removal { get; init; }

    /// <summary>The time from which it no longer forbids calls.</summary>
    public long End => Removal is { } removal ? Math.Min(Until, removal.At) : Until;

    /// <summary>
    /// Returns whether it forbids a call. A call that is placed now counts from the recording on, although the clock that recorded it may
    /// be ahead of this one.
    /// </summary>
    /// <param name="callTime">Unix milliseconds.</param>
    /// <param name="isTimeNamed">See <see cref="Decisions.Question.IsTimeNamed"/>.</param>
    /// <param name="known">See <see cref="Decisions.Question.KnownAt"/>.</param>
    internal bool Forbids(long callTime, bool isTimeNamed, long known = long.MaxValue) =>
        callTime < EndAt(known) && (!isTimeNamed || callTime >= From) && Recorded * 1_000L <= known;

    // Recording times are whole seconds: of the second of the moment, a removal does not count.
    private long EndAt(long known) =>
        known != long.MaxValue && Removal is { } removal && (removal.Recorded + 1) * 1_000L > known ? Until : End;
}

/// <summary>The removal of a block.</summary>
/// <param name="At">When it took effect, in Unix milliseconds.</param>
/// <param name="Recorded">When it was recorded, in Unix seconds.</param>
/// <param name="Source">The number of its source.</param>
/// <param name="Reason">The reason; empty for none.</param>
public sealed record BlockRemoval(long At, uint Recorded, uint Source, string Reason);
