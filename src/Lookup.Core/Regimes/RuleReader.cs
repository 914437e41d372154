using System.Globalization;
using Lookup.Core.Facts;

namespace Lookup.Core.Regimes;

/// <summary>Reads one rule of a regime file, see docs/guide/regimes.md.</summary>
internal sealed class RuleReader(
    TimeZoneInfo zone,
    RuleTexts texts,
    IReadOnlyDictionary<string, RegisterDefinition> registers,
    IReadOnlyDictionary<string, HolidayCalendar> calendars)
{
    private static readonly Dictionary<string, RuleType> Types = new()
    {
        ["withheld"] = RuleType.Withheld,
        ["callerNumber"] = RuleType.CallerNumber,
        ["automated"] = RuleType.Automated,
        ["banned"] = RuleType.Banned,
        ["objection"] = RuleType.Objection,
        ["refusal"] = RuleType.Refusal,
        ["register"] = RuleType.Register,
        ["permission"] = RuleType.Permission,
        ["hours"] = RuleType.Hours,
        ["attempts"] = RuleType.Attempts,
    };

    private static readonly Dictionary<string, int> SubscriberSets = new()
    {
        ["consumer"] = 1 << (int)SubscriberType.Consumer,
        ["sole_trader"] = 1 << (int)SubscriberType.SoleTrader,
        ["legal_person"] = 1 << (int)SubscriberType.LegalPerson,
        ["unknown"] = 1 << (int)SubscriberType.Unknown,

        // A subscriber of unknown type is protected like a natural person.
        ["natural_person"] = (1 << (int)SubscriberType.Consumer) | (1 << (int)SubscriberType.SoleTrader) | (1 << (int)SubscriberType.Unknown),
    };

    private static readonly Dictionary<string, int> KindSets = new()
    {
        ["marketing"] = 1 << (int)CallKind.Marketing,
        ["requested"] = 1 << (int)CallKind.Requested,
        ["service"] = 1 << (int)CallKind.Service,
        ["research"] = 1 << (int)CallKind.Research,
    };

    private static readonly Dictionary<string, int> ModeSets = new()
    {
        ["manual"] = 1 << (int)DiallingMode.Manual,
        ["preview"] = 1 << (int)DiallingMode.Preview,
        ["predictive"] = 1 << (int)DiallingMode.Predictive,
        ["no_human"] = 1 << (int)DiallingMode.NoHuman,
    };

    private static readonly Dictionary<string, int> LineSets = new()
    {
        ["landline"] = 1 << (int)LineType.Landline,
        ["mobile"] = 1 << (int)LineType.Mobile,
    };

    private static readonly Dictionary<string, int> SectorSets = new()
    {
        ["other"] = 1 << (int)Sector.Other,
        ["ideal_or_charity"] = 1 << (int)Sector.IdealOrCharity,
        ["charity_lottery"] = 1 << (int)Sector.CharityLottery,
        ["press_publisher"] = 1 << (int)Sector.PressPublisher,
        ["pension_provider"] = 1 << (int)Sector.PensionProvider,
    };

    private static readonly Dictionary<string, int> RelationSets = new()
    {
        ["customer"] = 1 << (int)RelationKind.Customer,
        ["donor"] = 1 << (int)RelationKind.Donor,
        ["volunteer"] = 1 << (int)RelationKind.Volunteer,
        ["attendee"] = 1 << (int)RelationKind.Attendee,
        ["inquiry"] = 1 << (int)RelationKind.Inquiry,
    };

    private static readonly Dictionary<string, int> NeedSets = new()
    {
        ["obtained_at_sale"] = (int)FactMarks.ObtainedAtSale,
        ["opt_out_offered"] = (int)FactMarks.OptOutOffered,
    };

    // In the order of what they satisfy: a set holds a form and all after it. An appointment stands alone.
    private static readonly Dictionary<string, int> FormSets = new()
    {
        ["oral_recorded"] = 1 << (int)ConsentForm.OralRecorded,
        ["not_stated"] = 1 << (int)ConsentForm.Unspecified,
        ["written"] = 1 << (int)ConsentForm.Written,
        ["signed"] = 1 << (int)ConsentForm.Signed,
        ["appointment"] = 1 << (int)ConsentForm.Appointment,
    };

    private static readonly Dictionary<string, PermitBy> PermitNames = new()
    {
        ["consent"] = PermitBy.Consent,
        ["relation"] = PermitBy.Relation,
        ["published"] = PermitBy.Published,
    };

    internal static Dictionary<string, int> PurposeSets { get; } = new()
    {
        ["commercial"] = 1 << (int)Purpose.Commercial,
        ["charity"] = 1 << (int)Purpose.Charity,
        ["political"] = 1 << (int)Purpose.Political,
        ["survey"] = 1 << (int)Purpose.Survey,
        ["service"] = 1 << (int)Purpose.Service,
    };

    internal static IReadOnlyDictionary<string, int> Kinds => KindSets;

    internal Rule Read(JsonFields json)
    {
        var type = json.Choice("rule", Types, RuleType.Permission);
        var text = texts.Read(json);
        var rule = new Rule
        {
            Type = type,
            Text = type == RuleType.Permission
                ? text.With(ReasonCode.LegalPerson, "The consent rule does not protect legal persons. The subscriber is a legal person, and nothing on record forbids the call.")
                : text,
            From = Instant(json.Date("from"), long.MinValue),
            Until = Instant(json.Date("until"), long.MaxValue),
            Areas = [.. json.Texts("areas")],
            ExemptAreas = [.. json.Texts("exemptAreas")],
            Subscribers = json.Set("subscribers", SubscriberSets),
            Kinds = json.Set("kinds", KindSets, 1 << (int)CallKind.Marketing),
            Purposes = json.Set("purposes", PurposeSets) & ~json.Set("exemptPurposes", PurposeSets, 0),
            // A rule that binds some sectors also binds an organisation of unknown sector.
            Sectors = (json.Set("sectors", SectorSets) | (1 << (int)Sector.Unspecified)) & ~json.Set("exemptSectors", SectorSets, 0),
            Modes = ReadModes(json, type),
            Lines = json.Set("lines", LineSets),
            IsUnplaced = json.Flag("unplaced"),
            Groups = [.. json.Texts("groups")],
            ExemptGroups = [.. json.Texts("exemptGroups")],
            Unless = [.. json.Objects("unless").Select(p => ReadPermit(p, text))],
        };
        rule = type switch
        {
            RuleType.Register => ReadRegister(rule, json),
            RuleType.CallerNumber => rule with { Callers = ReadCallers(json) },
            RuleType.Hours => rule with { Hours = ReadHours(json) },
            RuleType.Attempts => ReadAttempts(rule, json),
            RuleType.Banned => rule with { RequestedDays = json.Int("requestedDays", 1, 366, 0) },
            RuleType.Refusal => rule with { PauseDays = json.Flag("final") ? 0 : json.Int("pauseDays", 1, 3660) },
            _ => rule,
        };
        if (type == RuleType.Banned && rule.Groups.Length == 0)
        {
            json.Fault("groups", "a ban must name its product groups");
        }

        if (rule.Lines == 0)
        {
            json.Fault("lines", "must name at least one type of line");
        }

        if (rule.IsUnplaced && rule.Areas.Length + rule.ExemptAreas.Length > 0)
        {
            json.Fault("unplaced", "contradicts areas and exemptAreas: the rule binds only where the area is unknown");
        }

        json.RejectUnknown();
        return rule;
    }

    // A rule that binds a mode must bind those that are more automated too, so that more automation never permits more.
    private static int ReadModes(JsonFields json, RuleType type)
    {
        const int NoHuman = 1 << (int)DiallingMode.NoHuman;
        const int All = NoHuman | (NoHuman - 2);
        var modes = json.Set("modes", ModeSets, type == RuleType.Automated ? NoHuman : All);
        if (modes == 0 || modes != (All & -(modes & -modes)))
        {
            json.Fault("modes", "must name a mode together with each more automated one; the order is manual, preview, predictive, no_human");
        }

        return modes == All ? -1 : modes;
    }

    private static CallerNumbers ReadCallers(JsonFields json)
    {
        var prefixes = Prefixes(json, "prefixes");
        var notPrefixes = Prefixes(json, "notPrefixes");
        if (prefixes.Length + notPrefixes.Length == 0)
        {
            json.Fault("prefixes", "is missing: name the prefixes of permitted caller numbers, or notPrefixes of forbidden ones");
        }

        return new CallerNumbers(prefixes, notPrefixes);

        static ulong[] Prefixes(JsonFields json, string member) =>
            [.. json.Texts(member).Select(p => ulong.Parse(CountryFile.ReadPrefix(json, member, p), CultureInfo.InvariantCulture))];
    }

    private Rule ReadRegister(Rule rule, JsonFields json)
    {
        var name = json.Text("register");
        if (name.Length > 0 && !registers.ContainsKey(name))
        {
            json.Fault("register", $"\"{name}\" is not defined under registers");
        }

        var effects = json.Objects("effects").Select(effect =>
        {
            var read = new Effect(texts.Read(effect, rule.Text), effect.Int("afterDays", 0, 366));
            effect.RejectUnknown();
            return read;
        }).ToArray();
        var age = json.Object("snapshot");
        var notLoaded = $"No snapshot of the register {name} is loaded for the call time, so it is unknown whether the number is on it. The rule reads: {rule.Text.Text}";
        var ageText = age is null ? null : texts.Read(age, rule.Text).With(ReasonCode.RegisterNotLoaded, notLoaded);
        var days = age?.Int("maxAgeDays", 1, 366) ?? 0;
        age?.RejectUnknown();
        return rule with
        {
            Text = rule.Text.With(ReasonCode.RegisterNotLoaded, notLoaded),
            Register = registers.GetValueOrDefault(name),
            Effects = effects.Length > 0 ? effects : [new Effect(rule.Text, 0)],
            SnapshotMaxAgeDays = days,
            SnapshotText = ageText,
        };
    }

    private static Rule ReadAttempts(Rule rule, JsonFields json)
    {
        // The stored history always keeps the newest seven attempts.
        var max = json.Int("max", 1, Timeline.MaxEntries - 1);
        var hours = json.Int("withinHours", 1, 24 * 366, 0);
        var days = json.Int("daysBack", 0, 366, -1);
        if (hours > 0 == days >= 0)
        {
            json.Fault("withinHours", "give either withinHours or daysBack");
        }

        var (perSubject, abandoned) = (json.Flag("perSubject"), json.Flag("abandoned"));
        if (perSubject && abandoned)
        {
            json.Fault("abandoned", "contradicts perSubject: an abandoned call counts for every product group");
        }

        return rule with { Max = max, WithinHours = hours, DaysBack = Math.Max(days, 0), PerSubject = perSubject, Abandoned = abandoned };
    }

    private Permit ReadPermit(JsonFields json, RuleText around)
    {
        var by = json.Choice("by", PermitNames, PermitBy.Consent);
        var text = texts.Read(json, around);
        var permit = new Permit
        {
            By = by,
            Text = Explained(by, text),
            Subscribers = json.Set("subscribers", SubscriberSets),
            Later = json.Flag("later"),
            PartialOnly = json.Flag("partialOnly"),
        };
        if (by == PermitBy.Consent)
        {
            permit = permit with { InLedger = json.Flag("inLedger"), NeedsForm = ReadForms(json, permit.NeedsForm) };
        }
        else if (by == PermitBy.Relation)
        {
            permit = permit with
            {
                Sectors = json.Set("sectors", SectorSets),
                Relations = json.Set("relations", RelationSets, 0),
                Running = json.Flag("running"),
                MonthsFromLast = json.Int("monthsFromLast", 1, 1200, 0),
                BegunBefore = Instant(json.Date("begunBefore"), long.MaxValue),
                Needs = (FactMarks)json.Set("needs", NeedSets, 0),
            };
            if (permit.Relations == 0)
            {
                json.Fault("relations", "must name at least one kind of relation");
            }
        }

        permit = permit with { Limits = [.. json.Objects("limits").Select(l => ReadLimit(l, by, text))] };
        json.RejectUnknown();
        return permit;
    }

    // When two consents become one fact, the lower form remains. So a rule that accepts a form must accept the higher ones.
    private static int ReadForms(JsonFields json, int otherwise)
    {
        var forms = json.Set("needsForm", FormSets, otherwise);
        if (!json.Has("needsForm") || forms == FormSets["appointment"])
        {
            return forms;
        }

        var higher = 0;
        foreach (var (_, form) in FormSets.Where(f => f.Key != "appointment"))
        {
            higher = (forms & form) != 0 || higher != 0 ? higher | form : higher;
        }

        if (forms == 0 || forms != higher)
        {
            json.Fault("needsForm", "must be \"appointment\" alone, or a form together with each higher one; the order is oral_recorded, not_stated, written, signed");
        }

        return forms;
    }

    // A permit that does not count is a reason as well, but its own words would seem to permit the call.
    private static RuleText Explained(PermitBy by, RuleText permit)
    {
        var exception = $"The exception reads: {permit.Text}";
        return by switch
        {
            PermitBy.Consent => permit
                .With(ReasonCode.ConsentWithdrawn, $"A consent is on record, but it was withdrawn. {exception}")
                .With(ReasonCode.ConsentExpired, $"A consent is on record, but it had expired at the call time. {exception}")
                .With(ReasonCode.ConsentWithoutEvidence, $"A consent is on record, but without evidence, so the organisation could not show it. {exception}")
                .With(ReasonCode.ConsentNotInLedger, $"A consent is on record, but not in the prescribed register of consents. {exception}")
                .With(ReasonCode.ConsentFormInsufficient, $"A consent is on record, but its form is not stated or not the required one. {exception}")
                .With(ReasonCode.OutsideAppointment, $"The consent on record is an appointment for another time. {exception}"),
            PermitBy.Relation => permit
                .With(ReasonCode.RelationEnded, $"A relation is on record, but it or its term had ended at the call time. {exception}")
                .With(ReasonCode.RelationConditionMissing, $"A relation is on record, but it does not meet a condition. {exception}")
                .With(ReasonCode.RelationNotForSector, $"A relation is on record, but it permits no calls by organisations of this sector. {exception}"),
            _ => permit,
        };
    }

    private Limit ReadLimit(JsonFields json, PermitBy by, RuleText around)
    {
        var limit = new Limit
        {
            Text = texts.Read(json, around),
            From = Instant(json.Date("from"), long.MinValue),
            Until = Instant(json.Date("until"), long.MaxValue),
            MonthsAfterEnd = json.Int("monthsAfterEnd", 1, 1200, 0),
            MonthsFromCapture = json.Int("monthsFromCapture", 1, 1200, 0),
            OpenEnded = json.Flag("openEnded"),
            FirstContactMonths = json.Int("firstContactMonths", 1, 120, 0),
            NeedsForm = ReadForms(json, 0),
        };
        if (limit.OpenEnded && limit.MonthsFromCapture == 0)
        {
            json.Fault("openEnded", "requires monthsFromCapture");
        }

        var limitsConsent = limit.MonthsFromCapture > 0 || limit.FirstContactMonths > 0 || limit.NeedsForm != 0;
        if ((by == PermitBy.Consent ? limit.MonthsAfterEnd > 0 : limitsConsent) || (by == PermitBy.Published && limit.MonthsAfterEnd > 0))
        {
            json.Fault("limits", "monthsFromCapture, firstContactMonths and needsForm limit a consent, monthsAfterEnd limits a relation");
        }
        else if (limit.MonthsAfterEnd == 0 && !limitsConsent)
        {
            json.Fault("limits", "a limit must limit something: monthsFromCapture, firstContactMonths or needsForm of a consent, monthsAfterEnd of a relation");
        }

        json.RejectUnknown();
        return limit;
    }

    private CallingHours ReadHours(JsonFields json)
    {
        var calendar = json.Text("holidays", "none");
        if (calendar != "none" && !calendars.ContainsKey(calendar))
        {
            json.Fault("holidays", $"\"{calendar}\" is not defined under calendars");
        }

        var days = new CallingHours.Window[CallingHours.Eve + 1][];
        if (json.Object("windows") is { } windows)
        {
            foreach (var name in windows.Names())
            {
                var parsed = windows.Texts(name).Select(w => ReadWindow(windows, name, w)).ToArray();
                var indexes = HoursText.Days(name);
                if (indexes.Count == 0)
                {
                    windows.Fault(name, "is not a day; expected mon to sun, a range such as mon-fri, holiday or eve");
                }

                foreach (var day in indexes)
                {
                    days[day] = parsed;
                }
            }
        }
        else
        {
            json.Fault("windows", "is missing");
        }

        if (days.Take(CallingHours.Holiday).Any(d => d is null) || (calendar != "none" && days[CallingHours.Holiday] is null))
        {
            json.Fault("windows", "must list every day from mon to sun, and holiday if there is a calendar; [] closes a day");
        }

        if (calendar == "none" && days[CallingHours.Eve] is not null)
        {
            json.Fault("windows", "eve is the day before a holiday and requires a calendar under holidays");
        }

        var early = new Dictionary<int, int>();
        if (json.Object("earlyClose") is { } closing)
        {
            foreach (var name in closing.Names())
            {
                if (!DateOnly.TryParseExact("2024-" + name, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
                    | !HoursText.TryMinute(closing.Text(name), out var minute))
                {
                    closing.Fault(name, "must be a day and a time such as \"12-24\": \"18:30\"");
                }

                early[(date.Month * 100) + date.Day] = minute;
            }
        }

        return new CallingHours([.. days.Take(CallingHours.Eve).Select(d => d ?? [])], days[CallingHours.Eve], calendars.GetValueOrDefault(calendar, HolidayCalendar.None), early);
    }

    private static CallingHours.Window ReadWindow(JsonFields json, string member, string text)
    {
        if (HoursText.TryWindow(text, out var window))
        {
            return window;
        }

        json.Fault(member, $"\"{text}\" is not a window such as \"09:00-22:00\"");
        return default;
    }

    private long Instant(DateOnly? date, long otherwise) =>
        date is { } d ? LocalTime.Instant(LocalTime.DayOf(d), 0, zone) : otherwise;
}
