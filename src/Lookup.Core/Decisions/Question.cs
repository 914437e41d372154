using Lookup.Core.Blocks;
using Lookup.Core.Facts;

namespace Lookup.Core.Decisions;

/// <summary>A question about a number, resolved: organisation and layers from its record, names hashed to scopes.</summary>
public readonly record struct Question
{
    /// <summary>The most placed calls: the newest for the limits, and one older one, which may be the first call after a consent.</summary>
    public const int MaxPlacedCalls = OwnRules.MaxAttempts + 1;

    /// <summary>Makes a question with the default layers.</summary>
    public Question()
    {
    }

    /// <summary>Call time in Unix milliseconds.</summary>
    public required long CallTime { get; init; }

    /// <summary>
    /// Whether the caller named the call time. If not, the call is placed now, and every stored fact that forbids counts; see
    /// <see cref="VersionsInEffect"/>.
    /// </summary>
    public bool IsTimeNamed { get; init; }

    /// <summary>Facts recorded after this time do not count, in Unix milliseconds; by default all count.</summary>
    public long KnownAt { get; init; } = long.MaxValue;

    /// <summary>Name of the organisation. Facts recorded under another name with the same scope do not count.</summary>
    public required string OrganisationName { get; init; }

    /// <summary>Whether the organisation has no record, grant or fact, so that its name may be misspelt.</summary>
    public bool IsOrganisationUnknown { get; init; }

    /// <summary>Scope of the organisation.</summary>
    public required ulong Organisation { get; init; }

    /// <summary>Scope of the organisation and product group; equals <see cref="Organisation"/> without a group.</summary>
    public required ulong OrganisationGroup { get; init; }

    /// <summary>
    /// Scope of the organisation and product group in any spelling, see <see cref="Scope.OfAnySpelling(string, string)"/>; 0: not computed ahead.
    /// </summary>
    public ulong SpelledGroup { get; init; }

    /// <summary>Scope of the product group alone; 0 without a group.</summary>
    public ulong Group { get; init; }

    /// <summary>Name of the product group, for register categories and bans; empty without a group.</summary>
    public string GroupName { get; init; } = "";

    /// <summary>Sector of the organisation.</summary>
    public Sector Sector { get; init; }

    /// <summary>Purpose of the call.</summary>
    public Purpose Purpose { get; init; }

    /// <summary>Kind of the call.</summary>
    public CallKind Kind { get; init; }

    /// <summary>How the call is dialled.</summary>
    public DiallingMode Mode { get; init; }

    /// <summary>Whether the call hides the caller's number.</summary>
    public bool CallerNumberWithheld { get; init; }

    /// <summary>The number that the call shows, as an integer in E.164; 0 if not stated.</summary>
    public ulong CallerNumber { get; init; }

    /// <summary>Region of the called person, for example "US-FL", in addition to the area of the number; empty if not stated.</summary>
    public string Region { get; init; } = "";

    /// <summary>The type of the subscriber, as far as the caller knows it.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>The type of the called line, as far as the caller knows it.</summary>
    public LineType Line { get; init; }

    /// <summary>Requested calls: when the subscriber requested it, in Unix milliseconds; 0 if not stated.</summary>
    public long RequestedAt { get; init; }

    /// <summary>Layers that bind the organisation.</summary>
    public Layers Layers { get; init; } = Layers.Default;

    /// <summary>The organisation's own rules; null for none.</summary>
    public OwnRules? Own { get; init; }

    /// <summary>The blocks that bind the organisation; null for none. <see cref="About"/> looks a number up in them.</summary>
    public BlockView? Blocks { get; init; }

    /// <summary>The block that forbids the call, of those over the number; null if there is none.</summary>
    public NumberBlock? Block { get; init; }

    /// <summary>Whether an ALLOW reserves an attempt, so that the attempts are needed whichever rules apply.</summary>
    public bool Reserves { get; init; }

    /// <summary>
    /// Calls to count as attempts in addition to those on record: their times before the call time, in Unix milliseconds, at most
    /// <see cref="MaxPlacedCalls"/>. An attempt on record within <see cref="VersionsInEffect.MaxLateMs"/> of one of them, or of the
    /// call time, is the same call. Null: only attempts on record count.
    /// </summary>
    public long[]? PlacedCalls { get; init; }

    /// <summary>Returns the question about one number: with the block that forbids the call, if there is one.</summary>
    /// <param name="number">E.164 as an integer.</param>
    public Question About(ulong number) =>
        Blocks is null ? this : this with { Block = Blocks.Find(number, CallTime, IsTimeNamed, KnownAt) };
}
