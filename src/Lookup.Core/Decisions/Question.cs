using Lookup.Core.Facts;

namespace Lookup.Core.Decisions;

/// <summary>Kind of a call. The values are those of lookup.v1.CallKind.</summary>
public enum CallKind : byte
{
    /// <summary>Taken as marketing.</summary>
    Unspecified = 0,
    /// <summary>An offer.</summary>
    Marketing = 1,
    /// <summary>Asked for by the subscriber.</summary>
    Requested = 2,
    /// <summary>About a running contract, without promotion.</summary>
    Service = 3,
    /// <summary>Research, without promotion.</summary>
    Research = 4,
}

/// <summary>Sector of an organisation. The values are those of lookup.v1.Sector.</summary>
public enum Sector : byte
{
    /// <summary>Taken as other.</summary>
    Unspecified = 0,
    /// <summary>Any other.</summary>
    Other = 1,
    /// <summary>Charity, other ideal organisation or political party.</summary>
    IdealOrCharity = 2,
    /// <summary>Charity lottery.</summary>
    CharityLottery = 3,
    /// <summary>Publisher of papers or magazines.</summary>
    PressPublisher = 4,
}

/// <summary>How a call is dialled, from the least to the most automated. The values are those of lookup.v1.DiallingMode.</summary>
public enum DiallingMode : byte
{
    /// <summary>Not stated; taken as predictive, as policy.</summary>
    Unspecified = 0,
    /// <summary>A person dials or taps each number.</summary>
    Manual = 1,
    /// <summary>A person releases each call.</summary>
    Preview = 2,
    /// <summary>A system selects the numbers and dials them.</summary>
    Predictive = 3,
    /// <summary>No human speaks.</summary>
    NoHuman = 4,
}

/// <summary>Layers of rules. The values are those of lookup.v1.Layer.</summary>
public enum Layer : byte
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>Statute or decree; always binds.</summary>
    Law = 1,
    /// <summary>Code of conduct.</summary>
    Code = 2,
    /// <summary>The service's own stricter rule.</summary>
    Policy = 3,
    /// <summary>Policy that is off unless switched on.</summary>
    Strict = 4,
}

/// <summary>Set of layers that bind an organisation.</summary>
[Flags]
public enum Layers : byte
{
    /// <summary>Only the law.</summary>
    Law = 1 << Layer.Law,
    /// <summary>Codes of conduct.</summary>
    Code = 1 << Layer.Code,
    /// <summary>The service's policy.</summary>
    Policy = 1 << Layer.Policy,
    /// <summary>Stricter policy.</summary>
    Strict = 1 << Layer.Strict,
    /// <summary>What binds an organisation unless it says otherwise.</summary>
    Default = Law | Code | Policy,
}

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
