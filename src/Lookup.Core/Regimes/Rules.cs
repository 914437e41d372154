using Lookup.Core.Decisions;
using Lookup.Core.Facts;

namespace Lookup.Core.Regimes;

/// <summary>The rules that hold for numbers of one area in one period, compiled from a regime file. Immutable.</summary>
public sealed class Rules
{
    internal Rules()
    {
    }

    /// <summary>Name of the regime, for example "NL-2".</summary>
    public required string Id { get; init; }

    /// <summary>Version of the file it comes from.</summary>
    public required string Version { get; init; }

    /// <summary>First instant of the period, in Unix milliseconds.</summary>
    public required long From { get; init; }

    /// <summary>First instant after the period, in Unix milliseconds.</summary>
    public required long Until { get; init; }

    /// <summary>Name of the zone that dates days, for example "Europe/Amsterdam".</summary>
    public string TimeZone { get; init; } = "";

    /// <summary>Zones that the called number can be in; a call must be allowed in each. The first dates days.</summary>
    internal TimeZoneInfo[] Zones { get; init; } = [];

    /// <summary>The rules; what binds more comes first.</summary>
    internal Rule[] All { get; init; } = [];

    /// <summary>Bits of the fact slots that the rules look at.</summary>
    internal uint Slots { get; init; }

    /// <summary>Why a call is permitted that no rule forbids.</summary>
    internal RuleText Otherwise { get; init; } = Texts.OutsideTheRule;

    /// <summary>Why a call of a kind other than marketing is permitted, by CallKind; null where nothing is said.</summary>
    internal RuleText?[] Exempt { get; init; } = [];

    /// <summary>Why what was recorded before a reassignment of the number does not count.</summary>
    internal RuleText Reassigned { get; init; } = Texts.Reassigned;

    /// <summary>The product groups that rules of the country name, at most <see cref="ProductGroup.MaxGroups"/>.</summary>
    internal string[] Groups { get; init; } = [];

    /// <summary>The registers asked, at most <see cref="Slot.MaxRegisters"/>.</summary>
    internal RegisterDefinition[] Registers { get; init; } = [];
}

/// <summary>What a rule forbids, see docs/guide/regimes.md.</summary>
internal enum RuleType : byte
{
    Range,
    Withheld,
    CallerNumber,
    Automated,
    Banned,
    Objection,
    Refusal,
    Register,
    Permission,
    Hours,
    Attempts,
}

/// <summary>One rule: it forbids a call that it applies to, unless a permit lifts it.</summary>
internal sealed record Rule
{
    internal required RuleType Type { get; init; }
    internal required RuleText Text { get; init; }
    internal long From { get; init; } = long.MinValue;
    internal long Until { get; init; } = long.MaxValue;
    internal string[] Areas { get; init; } = [];
    internal string[] ExemptAreas { get; init; } = [];

    /// <summary>Whether it is a rule of an area.</summary>
    internal bool BindsIn(string area) => (Areas.Length == 0 || Areas.Contains(area)) && !ExemptAreas.Contains(area);

    // Whom and what it applies to. Sets are bits by enum value; product groups: none means any.
    internal int Subscribers { get; init; } = -1;
    internal int Kinds { get; init; } = 1 << (int)CallKind.Marketing;
    internal int Purposes { get; init; } = -1;
    internal int Sectors { get; init; } = -1;

    // Bits by dialling mode; that of Unspecified is set where every mode is, and in the rule for a mode that is not stated.
    internal int Modes { get; init; } = -1;
    internal string[] Groups { get; init; } = [];
    internal string[] ExemptGroups { get; init; } = [];

    // The same as bits in the order of Rules.Groups.
    internal ulong GroupBits { get; init; }
    internal ulong ExemptGroupBits { get; init; }
    internal Permit[] Unless { get; init; } = [];

    // Caller number.
    internal CallerNumbers? Callers { get; init; }

    // Register.
    internal RegisterDefinition? Register { get; init; }
    internal int RegisterSlot { get; init; }
    internal Effect[] Effects { get; init; } = [];
    internal int SnapshotMaxAgeDays { get; init; }
    internal RuleText? SnapshotText { get; init; }

    // Banned: a requested call is allowed so many days after the request; 0: for ever.
    internal int RequestedDays { get; init; }

    // Hours, attempts, refusal.
    internal CallingHours? Hours { get; init; }
    internal int Max { get; init; }
    internal int WithinHours { get; init; }
    internal int DaysBack { get; init; }
    internal bool PerSubject { get; init; }
    internal int PauseDays { get; init; }
}

/// <summary>A registration counts for a layer from so many days after it was made.</summary>
internal sealed record Effect(RuleText Text, int AfterDays);

internal enum PermitBy : byte
{
    Consent,
    Relation,
    Published,
}

/// <summary>Something on record that lifts a rule.</summary>
internal sealed record Permit
{
    internal required PermitBy By { get; init; }
    internal required RuleText Text { get; init; }
    internal int Subscribers { get; init; } = -1;
    internal int Sectors { get; init; } = -1;

    /// <summary>It must be newer than the fact that forbids.</summary>
    internal bool Later { get; init; }

    /// <summary>It lifts only a registration that is limited to categories.</summary>
    internal bool PartialOnly { get; init; }

    /// <summary>The consent must stand in the register of consents.</summary>
    internal bool InLedger { get; init; }

    /// <summary>Bits of the forms of consent that count. Appointments are either the only one or not among them.</summary>
    internal int NeedsForm { get; init; } = ~(1 << (int)ConsentForm.Appointment);

    /// <summary>It is an appointment that lifts, and no other consent.</summary>
    internal bool IsAppointment => NeedsForm == 1 << (int)ConsentForm.Appointment;

    /// <summary>Bits of the kinds of relation.</summary>
    internal int Relations { get; init; }

    /// <summary>The relation must not have ended.</summary>
    internal bool Running { get; init; }

    /// <summary>The relation lasts so many months from its last moment (the last transaction, else its end, else its begin); 0: no limit.</summary>
    internal int MonthsFromLast { get; init; }

    /// <summary>The relation must have begun before this instant (Unix milliseconds).</summary>
    internal long BegunBefore { get; init; } = long.MaxValue;

    /// <summary>Conditions that the relation must meet.</summary>
    internal FactMarks Needs { get; init; }

    /// <summary>Narrowings of other layers or periods.</summary>
    internal Limit[] Limits { get; init; } = [];
}

/// <summary>A narrowing of a permit, with its own layer, article and period.</summary>
internal sealed record Limit
{
    internal required RuleText Text { get; init; }
    internal long From { get; init; } = long.MinValue;
    internal long Until { get; init; } = long.MaxValue;

    /// <summary>An ended relation counts so many months after its end; 0: not limited.</summary>
    internal int MonthsAfterEnd { get; init; }

    /// <summary>A consent counts for so many months from its capture, the day of the same date excluded; 0: not limited.</summary>
    internal int MonthsFromCapture { get; init; }

    /// <summary>Bits of the forms of consent that count; 0: not limited.</summary>
    internal int NeedsForm { get; init; }

    /// <summary>The term from the capture binds only a consent that names no end.</summary>
    internal bool OpenEnded { get; init; }

    /// <summary>First contact so many months after the capture, unless the consent names another term; 0: not limited.</summary>
    internal int FirstContactMonths { get; init; }
}
