using System.Buffers;

namespace Lookup.Core.Facts;

/// <summary>What a fact must look like to be stored, whatever the store and the regimes know.</summary>
internal static class FactRules
{
    public const int MaxName = 64;
    public const int MaxSource = 256;
    public const int MaxReason = 1024;
    public const int MaxReference = 512;
    public const int MaxLabel = 64;
    public const int MaxMonths = 120;
    public const int MaxList = 64;

    /// <summary>Clocks differ a little. What permits and lies further ahead is refused; what forbids never is.</summary>
    public static readonly TimeSpan MaxAhead = TimeSpan.FromMinutes(5);

    /// <summary>Clocks that are synchronised differ by less.</summary>
    private static readonly TimeSpan ClockNoise = TimeSpan.FromSeconds(1);

    /// <summary>A time before this is a mistake in units.</summary>
    public static readonly DateTimeOffset Earliest = new(1990, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>An end after this is a mistake in units.</summary>
    public static readonly DateTimeOffset Latest = new(2200, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    public static DateTimeOffset EffectiveOf(Fact fact, DateTimeOffset now) => StatedTimeOf(fact) ?? now;

    /// <summary>Whether the fact can permit a call: what permits, what protects less, and the withdrawal of what forbids.</summary>
    public static bool CanPermit(Fact fact) => fact.Kind switch
    {
        FactKind.Consent or FactKind.Relation or FactKind.PublishedForOffers => !fact.Withdrawn,
        FactKind.Subscriber => fact.Withdrawn || fact.Subscriber > SubscriberType.Consumer,
        // One that blocks some offers takes the place of one that blocked all.
        FactKind.Registration => fact.Withdrawn || fact.Categories.Count > 0,
        _ => fact.Withdrawn,
    };

    /// <summary>Whether the fact can forbid a call. Some registrations and subscribers can do both.</summary>
    public static bool CanForbid(Fact fact) => fact.Kind switch
    {
        FactKind.Registration => !fact.Withdrawn,
        FactKind.Subscriber => !fact.Withdrawn && fact.Subscriber == SubscriberType.Consumer,
        _ => !CanPermit(fact),
    };

    /// <summary>The time that the fact states, null if it states none.</summary>
    public static DateTimeOffset? StatedTimeOf(Fact fact) =>
        fact.Effective ?? (fact.Withdrawn || !HasSince(fact.Kind) ? null : fact.Since);

    /// <summary>
    /// When it ends. An end that lies up to five minutes ahead was probably stated by a clock that is ahead, so it is the
    /// moment of recording.
    /// </summary>
    public static DateTimeOffset? UntilOf(Fact fact, DateTimeOffset now) =>
        fact.Until is { } until && until > now && until <= now + MaxAhead ? now : fact.Until;

    /// <summary>The field in which a fact of the kind states its time.</summary>
    public static string TimeFieldOf(FactKind kind, bool withdrawn) => (withdrawn ? FactKind.None : kind) switch
    {
        FactKind.Registration => "registration.registered_since",
        FactKind.Consent => "consent.captured",
        FactKind.Relation => "relation.since",
        _ => "effective",
    };

    /// <summary>Appends all faults except those of the register and its categories.</summary>
    public static void Check(Fact fact, DateTimeOffset now, List<FieldFault> faults)
    {
        var prefix = Prefix(fact.Kind);
        if (prefix.Length == 0)
        {
            faults.Add(new FieldFault("kind", "Say which kind of fact it is."));
            return;
        }

        if (fact.Number.Value == 0)
        {
            faults.Add(new FieldFault("number", "The number is missing."));
        }

        if (string.IsNullOrWhiteSpace(fact.Source))
        {
            faults.Add(new FieldFault("source", "Say where the record comes from."));
        }

        Text(faults, "source", fact.Source, MaxSource);
        Text(faults, "actor", fact.Actor, MaxSource);
        Text(faults, "reason", fact.Reason, MaxReason);
        CheckTimes(fact, prefix, now, faults);
        CheckNames(fact, prefix, faults);
        switch (fact.Kind)
        {
            case FactKind.Registration when fact.Withdrawn && fact.Categories.Count > 0:
                faults.Add(new FieldFault(
                    "registration.categories",
                    "A withdrawal takes back the whole registration; to keep some categories, record a registration with those."));
                break;
            case FactKind.Consent:
                CheckConsent(fact, faults);
                CheckForm(fact, faults);
                break;
            case FactKind.Relation when fact.Relation is RelationKind.None or > RelationKind.Inquiry:
                faults.Add(new FieldFault("relation.relation", "Say which kind of relation it is."));
                break;
            case FactKind.Subscriber when !fact.Withdrawn
                && fact.Subscriber is SubscriberType.Unknown or > SubscriberType.LegalPerson:
                faults.Add(new FieldFault("subscriber.type", "Say which type of subscriber it is."));
                break;
        }
    }

    /// <summary>What may not be meant like this; null for nothing.</summary>
    public static List<FieldFault>? Warnings(Fact fact, DateTimeOffset now)
    {
        List<FieldFault>? warnings = null;
        if (CanForbid(fact) && StatedTimeOf(fact) is { } stated && stated > now + ClockNoise)
        {
            (warnings ??= []).Add(new FieldFault(
                fact.Effective is null ? TimeFieldOf(fact.Kind, fact.Withdrawn) : "effective",
                "The time lies ahead: what forbids counts at once. Check the clock and the time zone."));
        }

        if (fact is { Kind: FactKind.Consent, Withdrawn: false, Evidence: null })
        {
            (warnings ??= []).Add(new FieldFault("consent.evidence", "A consent without evidence never permits a call."));
        }

        return warnings;
    }

    /// <summary>The field that names what a fact is about.</summary>
    public static string ScopeField(Fact fact) =>
        Prefix(fact.Kind) + (fact.Kind == FactKind.Registration ? ".register" : fact.ProductGroup.Length > 0 ? ".product_group" : ".organisation");

    /// <summary>A text of a caller, short enough to repeat it in a message.</summary>
    public static string Quote(string text) => text.Length <= MaxName ? text : text[..MaxName] + "...";

    private static void CheckTimes(Fact fact, string prefix, DateTimeOffset now, List<FieldFault> faults)
    {
        var latest = CanForbid(fact) ? Latest : now + MaxAhead;
        if (fact.Effective is { } effective)
        {
            Time(faults, "effective", effective, latest);
        }

        if (fact.LacksTime)
        {
            faults.Add(new FieldFault(TimeFieldOf(fact.Kind, fact.Withdrawn), NoTime(fact)));
        }

        if (!HasSince(fact.Kind))
        {
            return;
        }

        var sinceField = TimeFieldOf(fact.Kind, withdrawn: false);
        if (fact.Since is { } since)
        {
            Time(faults, sinceField, since, latest);
            if (fact.Effective is { } other && other != since && !fact.Withdrawn && fact.Kind != FactKind.Relation)
            {
                faults.Add(new FieldFault(
                    "effective", $"It takes effect at {sinceField}; leave effective out, or state the same time."));
            }
        }

        CheckLastTransaction(fact, now, faults);
        if (fact.Until is not { } until || fact.Kind == FactKind.Registration)
        {
            return;
        }

        var untilField = fact.Kind == FactKind.Consent ? "consent.expires" : "relation.until";
        Time(faults, untilField, until, Latest);
        var begin = fact.Since ?? (fact.Withdrawn ? DateTimeOffset.MinValue : EffectiveOf(fact, now));
        // A single purchase is a relation that ends when it begins; a consent that does so never held.
        if (until < begin || (until == begin && fact.Kind == FactKind.Consent))
        {
            faults.Add(new FieldFault(untilField, $"It is not after {(fact.Since is null ? "effective" : sinceField)}."));
        }
    }

    private static void CheckLastTransaction(Fact fact, DateTimeOffset now, List<FieldFault> faults)
    {
        const string Field = "relation.last_transaction";
        if (fact is not { Kind: FactKind.Relation, Withdrawn: false, LastTransaction: { } last })
        {
            return;
        }

        Time(faults, Field, last, now + MaxAhead);
        if (last < (fact.Since ?? EffectiveOf(fact, now)))
        {
            faults.Add(new FieldFault(Field, "Before the relation began; it must lie within the relation."));
        }
        else if (last > fact.Until)
        {
            faults.Add(new FieldFault(Field, "After relation.until; it must lie within the relation."));
        }
    }

    private static string NoTime(Fact fact) => fact switch
    {
        { Withdrawn: true } => "Required: the withdrawal of what forbids can permit calls, so it needs the time from which it holds.",
        { Kind: FactKind.Consent } => "Required: say when the consent was given.",
        { Kind: FactKind.Relation } => "Required: say since when the relation exists.",
        { Kind: FactKind.Registration } => "Required: a registration that blocks only some categories can permit calls, so it needs the time since when it holds.",
        { Kind: FactKind.Subscriber } => "Required: a subscriber that is not a consumer can permit calls, so it needs the time since when this holds.",
        _ => "Required: say since when the number is published for offers.",
    };

    private static void CheckNames(Fact fact, string prefix, List<FieldFault> faults)
    {
        switch (fact.Kind)
        {
            case FactKind.Registration:
            case FactKind.Objection when fact.Organisation == Scope.AllName:
            case FactKind.Subscriber:
            case FactKind.PublishedForOffers:
            case FactKind.Reassignment:
                break;
            default:
                Name(faults, prefix + ".organisation", fact.Organisation);
                break;
        }

        if (HasGroup(fact.Kind) && fact.ProductGroup.Length > 0)
        {
            Name(faults, prefix + ".product_group", fact.ProductGroup);
        }
    }

    private static void CheckConsent(Fact fact, List<FieldFault> faults)
    {
        if (fact.Purposes.Count == 0 && !fact.Withdrawn)
        {
            faults.Add(new FieldFault("consent.purposes", "Say what the consent is for."));
        }

        if (fact.Purposes.Count > MaxList)
        {
            faults.Add(new FieldFault("consent.purposes", $"More than {MaxList}."));
        }
        else if (fact.Purposes.Any(purpose => purpose is Purpose.None or > Purpose.Service))
        {
            faults.Add(new FieldFault("consent.purposes", "One of the purposes is not known."));
        }

        if (fact.FirstContactMonths is < 0 or > MaxMonths)
        {
            faults.Add(new FieldFault("consent.first_contact_months", $"From 0 to {MaxMonths}."));
        }

        if (fact.Evidence is not { } evidence)
        {
            return;
        }

        if (string.IsNullOrWhiteSpace(evidence.Reference))
        {
            faults.Add(new FieldFault("consent.evidence.reference", "Say where the evidence can be found, or leave evidence out."));
        }

        Text(faults, "consent.evidence.reference", evidence.Reference, MaxReference);
        if (evidence.Sha256.Length > 0 && (evidence.Sha256.Length != 64 || !evidence.Sha256.All(char.IsAsciiHexDigit)))
        {
            faults.Add(new FieldFault("consent.evidence.sha256", "Not 64 hexadecimal digits."));
        }

        Text(faults, "consent.evidence.text_version", evidence.TextVersion, MaxLabel);
        Text(faults, "consent.evidence.channel", evidence.Channel, MaxLabel);
        Text(faults, "consent.evidence.locale", evidence.Locale, MaxLabel);
    }

    private static void CheckForm(Fact fact, List<FieldFault> faults)
    {
        const string Field = "consent.appointment";
        if (fact.Form > ConsentForm.Appointment)
        {
            faults.Add(new FieldFault("consent.form", "This form is not known."));
        }

        if (fact.Appointment is not { } appointment)
        {
            if (fact is { Form: ConsentForm.Appointment, Withdrawn: false })
            {
                faults.Add(new FieldFault(Field, "Required for an appointment: the agreed date and time of the call."));
            }

            return;
        }

        if (fact.Form != ConsentForm.Appointment)
        {
            faults.Add(new FieldFault(Field, "Only a consent with the form of an appointment has one; set consent.form."));
        }

        Time(faults, Field, appointment, Latest);
        if (StatedTimeOf(fact) is { } captured && appointment <= captured && !fact.Withdrawn)
        {
            faults.Add(new FieldFault(Field, "It is not after consent.captured."));
        }
    }

    private static void Time(List<FieldFault> faults, string field, DateTimeOffset time, DateTimeOffset latest)
    {
        if (time < Earliest)
        {
            faults.Add(new FieldFault(field, $"Before {Earliest:yyyy-MM-dd}."));
        }
        else if (time > latest)
        {
            faults.Add(new FieldFault(field, latest == Latest ? $"After {Latest:yyyy-MM-dd}." : "In the future."));
        }
    }

    private static void Name(List<FieldFault> faults, string field, string name)
    {
        if (name.Length is 0 or > MaxName || name.AsSpan().ContainsAnyExcept(NameCharacters))
        {
            faults.Add(new FieldFault(field, $"A name has 1 to {MaxName} characters of a-z, 0-9, '.', '_' and '-'."));
        }
    }

    private static void Text(List<FieldFault> faults, string field, string text, int max)
    {
        if (text.Length > max)
        {
            faults.Add(new FieldFault(field, $"Longer than {max} characters."));
        }
        else if (PlainText.Fault(text) is { } fault)
        {
            faults.Add(new FieldFault(field, fault));
        }
    }

    private static bool HasSince(FactKind kind) => kind is FactKind.Registration or FactKind.Consent or FactKind.Relation;

    private static bool HasGroup(FactKind kind) =>
        kind is FactKind.Consent or FactKind.Relation or FactKind.PublishedForOffers or FactKind.Attempt;

    private static string Prefix(FactKind kind) => kind switch
    {
        FactKind.Registration => "registration",
        FactKind.Objection => "objection",
        FactKind.Consent => "consent",
        FactKind.Relation => "relation",
        FactKind.Subscriber => "subscriber",
        FactKind.PublishedForOffers => "published_for_offers",
        FactKind.Attempt => "attempt",
        FactKind.Refusal => "refusal",
        FactKind.Reassignment => "reassignment",
        _ => "",
    };
}
