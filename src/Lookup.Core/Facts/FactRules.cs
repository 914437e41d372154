namespace Lookup.Core.Facts;

/// <summary>The conditions for storing a fact that depend neither on the store nor on the regimes.</summary>
internal static class FactRules
{
    public const int MaxName = NameRule.MaxLength;
    public const int MaxSource = 256;
    public const int MaxReason = 1024;
    public const int MaxReference = 512;
    public const int MaxLabel = 64;
    public const int MaxMonths = 120;
    public const int MaxList = 64;

    /// <summary>Tolerance for clocks. A fact that permits is rejected if its time is further ahead; one that forbids never is.</summary>
    public static readonly TimeSpan MaxAhead = TimeSpan.FromMinutes(5);

    /// <summary>Synchronised clocks differ by less than this.</summary>
    private static readonly TimeSpan ClockNoise = TimeSpan.FromSeconds(1);

    /// <summary>A time before this is taken for a mistake in units.</summary>
    public static readonly DateTimeOffset Earliest = new(1990, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>An end after this is taken for a mistake in units.</summary>
    public static readonly DateTimeOffset Latest = new(2200, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static DateTimeOffset EffectiveOf(Fact fact, DateTimeOffset now) => StatedTimeOf(fact) ?? now;

    /// <summary>Whether the fact can permit a call: it permits, protects less, or withdraws a fact that forbids.</summary>
    public static bool CanPermit(Fact fact) => fact.Kind switch
    {
        FactKind.Consent or FactKind.Relation or FactKind.PublishedForOffers => !fact.Withdrawn,
        FactKind.Subscriber => fact.Withdrawn || fact.Subscriber > SubscriberType.Consumer,
        _ => fact.Withdrawn,
    };

    /// <summary>Whether the fact can forbid a call.</summary>
    public static bool CanForbid(Fact fact) => fact.Kind switch
    {
        FactKind.Subscriber => !fact.Withdrawn && fact.Subscriber == SubscriberType.Consumer,
        _ => !CanPermit(fact),
    };

    /// <summary>The time that the fact states; null if it states none.</summary>
    public static DateTimeOffset? StatedTimeOf(Fact fact) =>
        fact.Effective ?? (fact.Withdrawn || !HasSince(fact.Kind) ? null : fact.Since);

    /// <summary>
    /// When the fact ends. An end up to five minutes ahead was probably stated by a fast clock and becomes the time of recording.
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
            faults.Add(new FieldFault("kind", "Required: the kind of the fact."));
            return;
        }

        if (fact.Number.Value == 0)
        {
            faults.Add(new FieldFault("number", "Required: the phone number."));
        }

        if (string.IsNullOrWhiteSpace(fact.Source))
        {
            faults.Add(new FieldFault("source", "Required: the origin of the record."));
        }

        CheckText(faults, "source", fact.Source, MaxSource);
        CheckText(faults, "actor", fact.Actor, MaxSource);
        CheckText(faults, "reason", fact.Reason, MaxReason);
        CheckTimes(fact, prefix, now, faults);
        CheckNames(fact, prefix, faults);
        switch (fact.Kind)
        {
            case FactKind.Registration when fact.Withdrawn && fact.Categories.Count > 0:
                faults.Add(new FieldFault(
                    "registration.categories",
                    "A withdrawal ends the whole registration, so it must not list categories; to keep some, record a registration with those that is later than the withdrawal."));
                break;
            case FactKind.Consent:
                CheckConsent(fact, now, faults);
                CheckForm(fact, faults);
                break;
            case FactKind.Relation when fact.Relation is RelationKind.None or > RelationKind.Inquiry:
                faults.Add(new FieldFault("relation.relation", "Required: the kind of the relation."));
                break;
            case FactKind.Subscriber when !fact.Withdrawn
                && fact.Subscriber is SubscriberType.Unknown or > SubscriberType.LegalPerson:
                faults.Add(new FieldFault("subscriber.type", "Required: the type of the subscriber."));
                break;
        }
    }

    /// <summary>Returns warnings for a valid fact that is probably a mistake; null for none.</summary>
    public static List<FieldFault>? Warnings(Fact fact, DateTimeOffset now)
    {
        List<FieldFault>? warnings = null;
        if (CanForbid(fact) && StatedTimeOf(fact) is { } stated && stated > now + ClockNoise)
        {
            (warnings ??= []).Add(new FieldFault(
                fact.Effective is null ? TimeFieldOf(fact.Kind, fact.Withdrawn) : "effective",
                "The time is in the future, but a fact that forbids counts as soon as it is recorded. Check the clock and the time zone."));
        }

        if (fact is { Kind: FactKind.Consent, Withdrawn: false, Evidence: null })
        {
            (warnings ??= []).Add(new FieldFault("consent.evidence", "A consent without evidence never permits a call."));
        }

        if (fact is { Kind: FactKind.Consent, Withdrawn: false, Evidence: { IsUnclaimed: true } evidence } && evidence.ClaimBy <= now)
        {
            (warnings ??= []).Add(new FieldFault(
                "consent.evidence.claim_by",
                "The certificate can no longer be claimed, so the proof may be gone. If it was claimed, record the consent again with consent.evidence.claimed."));
        }

        return warnings;
    }

    /// <summary>The field that names the scope of a fact.</summary>
    public static string ScopeField(Fact fact) =>
        Prefix(fact.Kind) + (fact.Kind == FactKind.Registration ? ".register" : fact.ProductGroup.Length > 0 ? ".product_group" : ".organisation");

    /// <summary>Shortens a text of a caller so that a message can quote it.</summary>
    public static string Quote(string text) => text.Length <= MaxName ? text : text[..MaxName] + "...";

    private static void CheckTimes(Fact fact, string prefix, DateTimeOffset now, List<FieldFault> faults)
    {
        var latest = CanForbid(fact) ? Latest : now + MaxAhead;
        if (fact.Effective is { } effective)
        {
            CheckTime(faults, "effective", effective, latest);
        }

        if (fact.LacksTime)
        {
            faults.Add(new FieldFault(TimeFieldOf(fact.Kind, fact.Withdrawn), MissingTimeText(fact)));
        }

        if (!HasSince(fact.Kind))
        {
            return;
        }

        var sinceField = TimeFieldOf(fact.Kind, withdrawn: false);
        if (fact.Since is { } since)
        {
            CheckTime(faults, sinceField, since, latest);
            if (fact.Effective is { } other && other != since && !fact.Withdrawn && fact.Kind != FactKind.Relation)
            {
                faults.Add(new FieldFault(
                    "effective", $"Must equal {sinceField}, when the fact takes effect; or leave effective out."));
            }
        }

        CheckLastTransaction(fact, now, faults);
        if (fact.Until is not { } until || fact.Kind == FactKind.Registration)
        {
            return;
        }

        var untilField = fact.Kind == FactKind.Consent ? "consent.expires" : "relation.until";
        CheckTime(faults, untilField, until, Latest);
        var begin = fact.Since ?? (fact.Withdrawn ? DateTimeOffset.MinValue : EffectiveOf(fact, now));
        // A single purchase is a relation that ends when it starts; a consent that does so was never valid.
        if (until < begin || (until == begin && fact.Kind == FactKind.Consent))
        {
            faults.Add(new FieldFault(untilField, $"Must {(fact.Kind == FactKind.Consent ? "be after" : "not be before")} {(fact.Since is null ? "effective" : sinceField)}."));
        }
    }

    private static void CheckLastTransaction(Fact fact, DateTimeOffset now, List<FieldFault> faults)
    {
        const string Field = "relation.last_transaction";
        if (fact is not { Kind: FactKind.Relation, Withdrawn: false, LastTransaction: { } last })
        {
            return;
        }

        CheckTime(faults, Field, last, now + MaxAhead);
        if (last < (fact.Since ?? EffectiveOf(fact, now)))
        {
            faults.Add(new FieldFault(Field, "Must not be before the start of the relation."));
        }
        else if (last > fact.Until)
        {
            faults.Add(new FieldFault(Field, "Must not be after relation.until."));
        }
    }

    private static string MissingTimeText(Fact fact) => fact switch
    {
        { Withdrawn: true } => "Required: withdrawing a fact that forbids can permit calls, so the withdrawal needs the time from which it counts.",
        { Kind: FactKind.Consent } => "Required: when the consent was given.",
        { Kind: FactKind.Relation } => "Required: when the relation started.",
        { Kind: FactKind.Subscriber } => "Required: a subscriber type other than consumer can permit calls, so it needs the time from which it counts.",
        _ => "Required: when the number was published for offers.",
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
                CheckName(faults, prefix + ".organisation", fact.Organisation);
                break;
        }

        if (HasGroup(fact.Kind) && fact.ProductGroup.Length > 0)
        {
            CheckName(faults, prefix + ".product_group", fact.ProductGroup);
        }
    }

    private static void CheckConsent(Fact fact, DateTimeOffset now, List<FieldFault> faults)
    {
        if (fact.Purposes.Count == 0 && !fact.Withdrawn)
        {
            faults.Add(new FieldFault("consent.purposes", "Required: the purposes of the consent."));
        }

        if (fact.Purposes.Count > MaxList)
        {
            faults.Add(new FieldFault("consent.purposes", $"At most {MaxList} purposes."));
        }
        else if (fact.Purposes.Any(purpose => purpose is Purpose.None or > Purpose.Service))
        {
            faults.Add(new FieldFault("consent.purposes", "Contains an unknown purpose."));
        }

        if (fact.FirstContactMonths is < 0 or > MaxMonths)
        {
            faults.Add(new FieldFault("consent.first_contact_months", $"Must be from 0 to {MaxMonths}."));
        }

        if (fact.Evidence is not { } evidence)
        {
            return;
        }

        if (string.IsNullOrWhiteSpace(evidence.Reference))
        {
            faults.Add(new FieldFault("consent.evidence.reference", "Required: where the evidence can be found; or leave evidence out."));
        }

        CheckText(faults, "consent.evidence.reference", evidence.Reference, MaxReference);
        if (evidence.Sha256.Length > 0 && (evidence.Sha256.Length != 64 || !evidence.Sha256.All(char.IsAsciiHexDigit)))
        {
            faults.Add(new FieldFault("consent.evidence.sha256", "Must be 64 hexadecimal digits."));
        }

        CheckText(faults, "consent.evidence.text_version", evidence.TextVersion, MaxLabel);
        CheckText(faults, "consent.evidence.channel", evidence.Channel, MaxLabel);
        CheckText(faults, "consent.evidence.locale", evidence.Locale, MaxLabel);
        if (evidence.ClaimBy is { } claimBy)
        {
            CheckTime(faults, "consent.evidence.claim_by", claimBy, Latest);
        }

        if (evidence.Claimed is { } claimed)
        {
            CheckTime(faults, "consent.evidence.claimed", claimed, now + MaxAhead);
        }
    }

    private static void CheckForm(Fact fact, List<FieldFault> faults)
    {
        const string Field = "consent.appointment";
        if (fact.Form > ConsentForm.Appointment)
        {
            faults.Add(new FieldFault("consent.form", "Unknown form of consent."));
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
            faults.Add(new FieldFault(Field, "Allowed only if consent.form is an appointment."));
        }

        CheckTime(faults, Field, appointment, Latest);
        if (StatedTimeOf(fact) is { } captured && appointment <= captured && !fact.Withdrawn)
        {
            faults.Add(new FieldFault(Field, "Must be after consent.captured."));
        }
    }

    private static void CheckTime(List<FieldFault> faults, string field, DateTimeOffset time, DateTimeOffset latest)
    {
        if (time < Earliest)
        {
            faults.Add(new FieldFault(field, $"Must not be before {Earliest:yyyy-MM-dd}."));
        }
        else if (time > latest)
        {
            faults.Add(new FieldFault(field, latest == Latest ? $"Must not be after {Latest:yyyy-MM-dd}." : "Must not be in the future."));
        }
    }

    private static void CheckName(List<FieldFault> faults, string field, string name)
    {
        if (!NameRule.IsName(name))
        {
            faults.Add(new FieldFault(field, $"Must have {NameRule.Text}."));
        }
    }

    private static void CheckText(List<FieldFault> faults, string field, string text, int max)
    {
        if (text.Length > max)
        {
            faults.Add(new FieldFault(field, $"Must have at most {max} characters."));
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
