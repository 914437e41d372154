using Lookup.Core.Facts;

namespace Lookup.Core.Decisions;

/// <summary>What is asked about a number, resolved: organisation and layers from its record, scopes hashed.</summary>
public readonly record struct Question
{
    /// <summary>Makes a question with the default layers.</summary>
    public Question()
    {
    }

    /// <summary>Call time in Unix milliseconds.</summary>
    public required long CallTime { get; init; }

    /// <summary>
    /// The caller named the call time. Else the call is placed now, and every stored fact that forbids counts; see
    /// <see cref="VersionsInEffect"/>.
    /// </summary>
    public bool IsTimeNamed { get; init; }

    /// <summary>Name of the organisation: facts recorded under another name with the same scope do not count.</summary>
    public string OrganisationName { get; init; } = "";

    /// <summary>Scope of the organisation.</summary>
    public required ulong Organisation { get; init; }

    /// <summary>Scope of the organisation and product group; equal to <see cref="Organisation"/> without a group.</summary>
    public required ulong OrganisationGroup { get; init; }

    /// <summary>Scope of the product group alone; 0 without one.</summary>
    public ulong Group { get; init; }

    /// <summary>Name of the product group, for register categories and bans; empty without one.</summary>
    public string GroupName { get; init; } = "";

    /// <summary>Sector of the organisation.</summary>
    public Sector Sector { get; init; }

    /// <summary>Purpose of the call.</summary>
    public Purpose Purpose { get; init; }

    /// <summary>Kind of the call.</summary>
    public CallKind Kind { get; init; }

    /// <summary>How the call is dialled.</summary>
    public DiallingMode Mode { get; init; }

    /// <summary>The caller's number is not shown.</summary>
    public bool CallerNumberWithheld { get; init; }

    /// <summary>The number that the call shows, as an integer in E.164; 0 if not stated.</summary>
    public ulong CallerNumber { get; init; }

    /// <summary>Where the called person is, for example "US-FL", beside the area of the number; empty if not stated.</summary>
    public string Region { get; init; } = "";

    /// <summary>Who is called, as far as the caller knows.</summary>
    public SubscriberType Subscriber { get; init; }

    /// <summary>Requested calls: when it was asked for, in Unix milliseconds; 0 if not stated.</summary>
    public long RequestedAt { get; init; }

    /// <summary>Layers that bind the organisation.</summary>
    public Layers Layers { get; init; } = Layers.Default;

    /// <summary>What the organisation sets itself; null for nothing.</summary>
    public OwnRules? Own { get; init; }

    /// <summary>The call is to be counted if it is permitted, so its attempts are needed whatever rules there are.</summary>
    public bool Reserves { get; init; }
}
