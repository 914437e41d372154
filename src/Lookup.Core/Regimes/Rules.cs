using Lookup.Core.Facts;

namespace Lookup.Core.Regimes;

/// <summary>The rules for numbers of one area in one period, compiled from a regime file. Immutable.</summary>
public sealed class Rules
{
    /// <summary>The subscriber types other than legal persons, as bits.</summary>
    internal const int NaturalPersons = (1 << (int)SubscriberType.Unknown) | (1 << (int)SubscriberType.Consumer) | (1 << (int)SubscriberType.SoleTrader);

    internal Rules()
    {
    }

    /// <summary>Name of the regime, for example "NL-2".</summary>
    public required string Id { get; init; }

    /// <summary>Version of its file.</summary>
    public required string Version { get; init; }

    /// <summary>First instant of the period, in Unix milliseconds.</summary>
    public required long From { get; init; }

    /// <summary>First instant after the period, in Unix milliseconds.</summary>
    public required long Until { get; init; }

    /// <summary>Name of the zone that determines dates, for example "Europe/Amsterdam".</summary>
    public string TimeZone { get; init; } = "";

    /// <summary>The zones that the called number can be in; a call must be permitted in each. The first determines dates.</summary>
    internal TimeZoneInfo[] Zones { get; init; } = [];

    /// <summary>The rules; more binding ones come first.</summary>
    internal Rule[] All
    {
        get;
        init
        {
            field = value;
            Index = new RuleIndex(value);
        }
    } = [];

    /// <summary>Which of the rules can bind a question.</summary>
    internal RuleIndex Index { get; private init; } = new([]);

    /// <summary>Bits of the fact slots that the rules need.</summary>
    internal ulong Slots { get; init; }

    /// <summary>Why a call that no rule forbids is permitted.</summary>
    internal RuleText Otherwise { get; init; } = Texts.OutsideTheRule;

    /// <summary>Why a call of a kind other than marketing is permitted, by CallKind; null if the file gives no reason.</summary>
    internal RuleText?[] Exempt { get; init; } = [];

    /// <summary>Why facts recorded before a reassignment of the number do not count.</summary>
    internal RuleText Reassigned { get; init; } = Texts.Reassigned;

    /// <summary>How long records of the country are kept; null if all are.</summary>
    public Retention? Retention { get; init; }

    /// <summary>The product groups that rules of the country name, at most <see cref="ProductGroup.MaxGroups"/>.</summary>
    internal string[] Groups { get; init; } = [];

    /// <summary>The registers that the rules use, at most <see cref="Slot.MaxRegisters"/>.</summary>
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

/// <summary>A rule: it forbids the calls that it applies to, unless a permit lifts it.</summary>
internal sealed record Rule
{
    internal required RuleType Type { get; init; }
    internal required RuleText Text { get; init; }
    internal long From { get; init; } = long.MinValue;
    internal long Until { get; init; } = long.MaxValue;
    internal string[] Areas { get; init; } = [];
    internal string[] ExemptAreas { get; init; } = [];

    /// <summary>Whether the rule binds only where neither the number nor the question tells the area.</summary>
    internal bool IsUnplaced { get; init; }

    /// <summary>Returns whether the rule binds in some areas together; the name of no area is empty.</summary>
    internal bool BindsIn(IEnumerable<string> areas) => IsUnplaced ? areas.All(area => area.Length == 0) : areas.Any(BindsIn);

    private bool BindsIn(string area) => (Areas.Length == 0 || Areas.Contains(area)) && !ExemptAreas.Contains(area);

    // What the rule applies to. Sets are bits by enum value; no product groups means any.
    internal int Subscribers { get; init; } = -1;
    internal int Kinds { get; init; } = 1 << (int)CallKind.Marketing;
    internal int Purposes { get; init; } = -1;
    internal int Sectors { get; init; } = -1;

    // Bits by dialling mode. The bit of Unspecified is set if every mode is, and in the rule for a mode that is not stated.
    internal int Modes { get; init; } = -1;

    // Bits by type of line. The bit of Unspecified is set if every line is, and in the rule for a line that is not stated.
    internal int Lines { get; init; } = -1;
    internal string[] Groups { get; init; } = [];
    internal string[] ExemptGroups { get; init; } = [];

    // The same groups as bits in the order of Rules.Groups.
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

    // Banned: a requested call is allowed within this many days after the request; 0: a request does not lift the ban.
    internal int RequestedDays { get; init; }

    // Hours, attempts, refusal.
    internal CallingHours? Hours { get; init; }
    internal int Max { get; init; }
    internal int WithinHours { get; init; }
    internal int DaysBack { get; init; }
    internal bool PerSubject { get; init; }

    /// <summary>Attempts: only abandoned calls count.</summary>
    internal bool Abandoned { get; init; }
    internal int PauseDays { get; init; }
}

/// <summary>A layer for which a registration counts from this many days after it was made.</summary>
internal sealed record Effect(RuleText Text, int AfterDays);

internal enum PermitBy : byte
{
    Consent,
    Relation,
    Published,
}

/// <summary>A kind of fact that lifts a rule.</summary>
internal sealed record Permit
{
    internal required PermitBy By { get; init; }
    internal required RuleText Text { get; init; }
    internal int Subscribers { get; init; } = -1;
    internal int Sectors { get; init; } = -1;

    /// <summary>The permitting fact must be newer than the forbidding one.</summary>
    internal bool Later { get; init; }

    /// <summary>Lifts only registrations that are limited to categories.</summary>
    internal bool PartialOnly { get; init; }

    /// <summary>The consent must be in the register of consents.</summary>
    internal bool InLedger { get; init; }

    /// <summary>Bits of the forms of consent that count. Appointments are either the only form or not included.</summary>
    internal int NeedsForm { get; init; } = ~(1 << (int)ConsentForm.Appointment);

    /// <summary>Whether only appointments lift the rule.</summary>
    internal bool IsAppointment => NeedsForm == 1 << (int)ConsentForm.Appointment;

    /// <summary>Bits of the kinds of relation.</summary>
    internal int Relations { get; init; }

    /// <summary>The relation must not have ended.</summary>
    internal bool Running { get; init; }

    /// <summary>
    /// The relation counts for this many months after the last transaction, otherwise after its end or its start; 0: unlimited.
    /// </summary>
    internal int MonthsFromLast { get; init; }

    /// <summary>The relation must have started before this time (Unix milliseconds).</summary>
    internal long BegunBefore { get; init; } = long.MaxValue;

    /// <summary>Conditions that the relation must meet.</summary>
    internal FactMarks Needs { get; init; }

    /// <summary>Restrictions from other layers or periods.</summary>
    internal Limit[] Limits { get; init; } = [];
}

/// <summary>A restriction of a permit, with its own layer, article and period.</summary>
internal sealed record Limit
{
    internal required RuleText Text { get; init; }
    internal long From { get; init; } = long.MinValue;
    internal long Until { get; init; } = long.MaxValue;

    /// <summary>An ended relation counts for this many months after its end; 0: unlimited.</summary>
    internal int MonthsAfterEnd { get; init; }

    /// <summary>A consent counts for this many months from its capture, excluding the day of the same date; 0: unlimited.</summary>
    internal int MonthsFromCapture { get; init; }

    /// <summary>Bits of the forms of consent that count; 0: any form.</summary>
    internal int NeedsForm { get; init; }

    /// <summary>The term from the capture limits only consents without an end.</summary>
    internal bool OpenEnded { get; init; }

    /// <summary>The first contact must be within this many months of the capture, unless the consent states a term; 0: unlimited.</summary>
    internal int FirstContactMonths { get; init; }
}
