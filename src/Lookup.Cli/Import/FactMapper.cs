using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Files;
using Lookup.Cli.Options;
using Lookup.Core;
using Lookup.Server.Errors;
using Lookup.V1;
using ConsentForm = Lookup.V1.ConsentForm;
using Fact = Lookup.V1.Fact;
using Purpose = Lookup.V1.Purpose;
using SubscriberType = Lookup.V1.SubscriberType;

namespace Lookup.Cli.Import;

/// <summary>How a file writes dates and withdrawals.</summary>
/// <param name="Dates">The format of each field's dates beside ISO 8601; null: none.</param>
/// <param name="Withdrawals">The words of the field "withdrawn"; null: yes and no.</param>
internal sealed record ReadingRules(IReadOnlyDictionary<Field, DateText>? Dates = null, YesNo? Withdrawals = null)
{
    public static ReadingRules Standard { get; } = new();

    /// <summary>Whether the organisations are campaigns of VICIdial, and its system-wide list.</summary>
    public bool HasCampaigns { get; init; }

    /// <summary>Whether several lists count for one organisation. A removal from one of them would lift the objections of the others.</summary>
    public bool SharesLists { get; init; }

    public YesNo FlagsOf(Field field) => field == Field.Withdrawn && Withdrawals is { } words ? words : YesNo.Any;
}

/// <summary>
/// Maps texts by field to a fact of the contract. Validates the syntax of each text; the target validates the meaning of
/// the values (number, names, order of times).
/// </summary>
internal sealed class FactMapper
{
    /// <summary>The fields of a block.</summary>
    public static readonly Field[] BlockFields =
        [Field.Number, Field.Region, Field.Kind, Field.Effective, Field.Until, Field.Source, Field.Actor, Field.Reason, Field.Organisation];

    /// <summary>The kind of a record that is a block of many numbers.</summary>
    public const string BlockKind = "block";

    private const string SystemList = "-SYSINT-";

    // The service rejects later times, but a fact that forbids must not be lost.
    private static readonly DateTimeOffset MaxTime = new(2200, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Func<Field, string> _where;
    private readonly TimeZoneInfo? _zone;
    private readonly string?[] _fixed = new string?[Fields.Count];
    private readonly string _defaultSource;
    private readonly TimeProvider? _clock;
    private readonly ReadingRules _rules;
    private ImportRecord _record = null!;
    private FactKind _kind;

    /// <param name="where">Names the origin of a field, for error messages.</param>
    /// <param name="constants">Values for fields that a record leaves empty; ignored for kinds without the field.</param>
    /// <param name="zone">Time zone of times without an offset; null: such times are rejected.</param>
    /// <param name="defaultSource">Source of facts without one; empty: the target rejects them.</param>
    /// <param name="clock">Gives the time for "now"; null: "now" is not accepted.</param>
    /// <param name="rules">How the file writes dates and withdrawals; null: ISO 8601, and yes or no.</param>
    public FactMapper(
        Func<Field, string> where, IReadOnlyDictionary<Field, string> constants, TimeZoneInfo? zone, string defaultSource, TimeProvider? clock = null,
        ReadingRules? rules = null)
    {
        _rules = rules ?? ReadingRules.Standard;
        _clock = clock;
        _where = where;
        _zone = zone;
        _defaultSource = defaultSource;
        foreach (var (field, value) in constants)
        {
            _fixed[(int)field] = value;
        }
    }

    /// <summary>Whether the last record should forbid calls, as far as it could be read.</summary>
    public bool IsOptOut => _kind is FactKind.Objection or FactKind.Refusal or FactKind.Registration
        ? !IsFlag(Field.Withdrawn, true)
        : _kind == FactKind.Consent && Get(Field.Withdrawn) is not null && !IsFlag(Field.Withdrawn, false);

    /// <summary>Whether a record is a block of many numbers: by its kind, or an objection whose number has an X or a * at the end.</summary>
    public bool IsBlock(ImportRecord record)
    {
        _record = record;
        return record.Faults.Count == 0 && Get(Field.Kind)?.Trim() is { } kind
            && (kind.Equals(BlockKind, StringComparison.OrdinalIgnoreCase)
                || (KindNames.TryParse(kind, out var known) && known == FactKind.Objection && IsPattern(Text(Field.Number))));
    }

    /// <summary>Maps a record to a block; null if the record has faults.</summary>
    public Block? MapBlock(ImportRecord record)
    {
        (_record, _kind) = (record, FactKind.Objection);
        ReadCampaign();
        var block = new Block
        {
            Organisation = Text(Field.Organisation),
            Pattern = Text(Field.Number),
            DefaultRegion = Text(Field.Region),
            Source = Get(Field.Source) ?? _defaultSource,
            Actor = Text(Field.Actor),
            Reason = Text(Field.Reason),
            Effective = Time(Field.Effective),
            Until = Time(Field.Until),
        };
        if (block.Pattern.Length == 0)
        {
            Fault(Field.Number, "the numbers are missing");
        }

        if (block.Organisation.Length == 0)
        {
            Fault(Field.Organisation, "the organisation is missing; '*' means all");
        }

        if (Flag(Field.Withdrawn))
        {
            Fault(Field.Withdrawn, "a file cannot remove a block; 'lookup unblock' does");
        }

        return record.Faults.Count > 0 ? null : block;
    }

    private static bool IsPattern(string number) =>
        number.Any(char.IsAsciiDigit) && (number.AsSpan().TrimEnd().EndsWith("*") || number.AsSpan().TrimEnd() is [.., 'X' or 'x']);

    /// <summary>Maps a record to a fact; null if the record has faults.</summary>
    public Fact? Map(ImportRecord record)
    {
        (_record, _kind) = (record, FactKind.None);
        if (record.Faults.Count > 0)
        {
            _ = Get(Field.Kind) is { } text && KindNames.TryParse(text, out _kind);
            return null;
        }

        if (!TryKind())
        {
            return null;
        }

        ReadCampaign();
        var fact = new Fact
        {
            Number = Text(Field.Number),
            DefaultRegion = Text(Field.Region),
            Source = Get(Field.Source) ?? _defaultSource,
            Actor = Text(Field.Actor),
            Reason = Text(Field.Reason),
            Withdrawn = Flag(Field.Withdrawn),
            Effective = Time(Field.Effective),
        };
        if (fact.Number.Length == 0)
        {
            Fault(Field.Number, "the number is missing");
        }

        if (fact.Withdrawn && _rules.SharesLists)
        {
            Fault(Field.Withdrawn, $"a delete counts for one list, and would lift what other lists and sources recorded for {Text(Field.Organisation)}: use --map organisation=campaign_id, or {WithdrawCommand(Text(Field.Organisation))}");
        }

        SetKind(fact);
        foreach (var field in (ReadOnlySpan<Field>)[Field.Organisation, Field.Register])
        {
            if (field.BelongsTo(_kind) && Get(field) is null)
            {
                Fault(field, $"the {field.Name()} is missing{(_kind == FactKind.Objection ? "; '*' means all" : "")}");
            }
        }

        for (var field = Field.Organisation; (int)field < Fields.Count; field++)
        {
            if (record[field] is not null && !field.BelongsTo(_kind))
            {
                Fault(field, $"{KindNames.WithArticle(_kind)} has no field '{field.Name()}'; leave it empty");
            }
        }

        if (record.Faults.Count > 0)
        {
            return null;
        }

        if (ForbidsAsOf(fact))
        {
            // The file may not say when on that day or in that minute. A consent of the same day or minute must not lift the fact.
            var now = (_clock ?? TimeProvider.System).GetUtcNow();
            fact.Effective = Latest(Field.Effective, fact.Effective, now);
            if (fact.Registration is { } registration)
            {
                registration.RegisteredSince = Latest(Field.Since, registration.RegisteredSince, now);
            }
        }

        return fact;
    }

    // Whether a later time forbids more.
    private static bool ForbidsAsOf(Fact fact) => fact.Withdrawn
        ? fact is { Consent: not null } or { Relation: not null } or { PublishedForOffers: not null }
        : fact is { Objection: not null } or { Refusal: not null } or { Reassignment: not null } or { Registration: not null }
            or { Subscriber.Type: SubscriberType.Consumer };

    // VICIdial's system-wide list binds every campaign.
    private void ReadCampaign()
    {
        if (!_rules.HasCampaigns || _record[Field.Organisation] is not { } campaign)
        {
            return;
        }

        if (campaign == SystemList)
        {
            _record[Field.Organisation] = "*";
            if (IsFlag(Field.Withdrawn, true))
            {
                Fault(Field.Withdrawn, $"a delete from the system-wide list {SystemList} is not imported: it would withdraw objections to all organisations from other sources too; use {WithdrawCommand("'*'")}");
            }
        }
        else if (!FieldFaults.IsName(campaign))
        {
            Fault(Field.Organisation, $"the campaign '{campaign}' is not an organisation's name (1 to 64 characters of [a-z0-9._-]): import its lines alone, with --set organisation=NAME");
        }
    }

    private static string WithdrawCommand(string organisation) => $"`lookup record objection NUMBER --org {organisation} --withdrawn --effective TIME`";

    private bool TryKind()
    {
        if (Get(Field.Kind) is not { } text)
        {
            Fault(Field.Kind, $"the kind is missing; map a column or use --set kind=KIND: {KindNames.List}");
            return false;
        }

        if (!KindNames.TryParse(text, out _kind))
        {
            Fault(Field.Kind, $"'{text}' is not a kind of fact; use one of {KindNames.List}, or {BlockKind}");
            return false;
        }

        return true;
    }

    private void SetKind(Fact fact)
    {
        switch (_kind)
        {
            case FactKind.Registration:
                fact.Registration = new Registration { Register = Text(Field.Register), RegisteredSince = Time(Field.Since) };
                AddList(Field.Categories, fact.Registration.Categories);
                break;
            case FactKind.Objection:
                fact.Objection = new Objection { Organisation = Text(Field.Organisation) };
                break;
            case FactKind.Consent:
                fact.Consent = Consent();
                break;
            case FactKind.Relation:
                fact.Relation = new Relation
                {
                    Organisation = Text(Field.Organisation),
                    Relation_ = Word(Field.Relation, Words.RelationKinds),
                    ProductGroup = Text(Field.ProductGroup),
                    Since = Time(Field.Since),
                    Until = Time(Field.Until),
                    LastTransaction = Time(Field.LastTransaction),
                    NumberObtainedAtSale = Flag(Field.ObtainedAtSale),
                    OptOutOffered = Flag(Field.OptOutOffered),
                };
                break;
            case FactKind.Subscriber:
                fact.Subscriber = new Subscriber { Type = Word(Field.Subscriber, Words.SubscriberTypes) };
                break;
            case FactKind.PublishedForOffers:
                fact.PublishedForOffers = new PublishedForOffers { ProductGroup = Text(Field.ProductGroup) };
                break;
            case FactKind.Attempt:
                fact.Attempt = new Attempt
                {
                    Organisation = Text(Field.Organisation),
                    ProductGroup = Text(Field.ProductGroup),
                    Abandoned = Flag(Field.Abandoned),
                };
                break;
            case FactKind.Reassignment:
                fact.Reassignment = new Reassignment();
                break;
            default:
                fact.Refusal = new Refusal { Organisation = Text(Field.Organisation) };
                break;
        }
    }

    private Consent Consent()
    {
        var consent = new Consent
        {
            Organisation = Text(Field.Organisation),
            ProductGroup = Text(Field.ProductGroup),
            Captured = Time(Field.Since),
            Expires = Time(Field.Until),
            Verified = Flag(Field.Verified),
            InLedger = Flag(Field.InLedger),
            FirstContactMonths = Months(Field.FirstContactMonths),
            Form = Get(Field.Form) is null ? ConsentForm.Unspecified : Word(Field.Form, Words.ConsentForms),
            Appointment = Time(Field.Appointment),
        };
        var purposes = new List<string>();
        AddList(Field.Purposes, purposes);
        foreach (var text in purposes)
        {
            if (Words.Purposes.TryParse(text, out Purpose purpose))
            {
                consent.Purposes.Add(purpose);
            }
            else
            {
                Fault(Field.Purposes, $"'{text}' is not a purpose; use one of {Words.Purposes.List}");
            }
        }

        var evidence = new Lookup.V1.Evidence
        {
            Reference = Placeholder.Is(Text(Field.Evidence)) ? "" : Text(Field.Evidence),
            Sha256 = Text(Field.EvidenceSha256),
            TextVersion = Text(Field.EvidenceTextVersion),
            Channel = Text(Field.EvidenceChannel),
            Locale = Text(Field.EvidenceLocale),
            ClaimBy = Time(Field.EvidenceClaimBy),
            Claimed = Time(Field.EvidenceClaimed),
        };
        if (evidence.CalculateSize() > 0)
        {
            consent.Evidence = evidence;
        }

        return consent;
    }

    private string? Get(Field field) => _record[field] ?? _fixed[(int)field];

    private string Text(Field field) => Get(field) ?? "";

    private void Fault(Field field, string reason) => _record.Faults.Add(new LineFault(_where(field), reason));

    private bool IsFlag(Field field, bool wanted) =>
        Get(field) is { } text && _rules.FlagsOf(field).TryParse(text, out var value) && value == wanted;

    private bool Flag(Field field)
    {
        if (Get(field) is not { } text)
        {
            return false;
        }

        if (!_rules.FlagsOf(field).TryParse(text, out var value))
        {
            Fault(field, _rules.FlagsOf(field) == YesNo.Any ? $"'{text}' is not a boolean; use true or false" : $"'{text}' is not a change that this list has");
        }

        return value;
    }

    private Timestamp? Time(Field field)
    {
        if (Get(field) is not { } text)
        {
            return null;
        }

        if (IsNow(text))
        {
            return Timestamp.FromDateTimeOffset(_clock!.GetUtcNow());
        }

        if (TimeText.TryParse(Iso(field, text), _zone, out var time, out var fault))
        {
            return Timestamp.FromDateTimeOffset(time);
        }

        Fault(field, $"'{text}' {fault}{(DateText.HasDate(text) ? ", or set --date-format" : "")}");
        return null;
    }

    // The last moment that a valid time can mean.
    private Timestamp? Latest(Field field, Timestamp? time, DateTimeOffset now)
    {
        if (Get(field) is not { } text || IsNow(text))
        {
            return time;
        }

        var latest = TimeText.LatestOf(Iso(field, text), _zone, now);
        return Timestamp.FromDateTimeOffset(latest <= MaxTime ? latest : MaxTime);
    }

    private bool IsNow(string text) => _clock is not null && text.Equals("now", StringComparison.OrdinalIgnoreCase);

    private string Iso(Field field, string text) =>
        _rules.Dates?.GetValueOrDefault(field)?.TryConvert(text, out var converted) == true ? converted : text;

    private int Months(Field field)
    {
        if (Get(field) is not { } text)
        {
            return 0;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var months))
        {
            return months;
        }

        Fault(field, $"'{text}' is not a whole number of months");
        return 0;
    }

    private T Word<T>(Field field, WordSet<T> words)
        where T : struct, System.Enum
    {
        if (Get(field) is not { } text)
        {
            Fault(field, $"the {field.Name()} is missing; use one of {words.List}");
            return default;
        }

        if (!words.TryParse(text, out var value))
        {
            Fault(field, $"'{text}' is not a valid {field.Name()}; use one of {words.List}");
        }

        return value;
    }

    private void AddList(Field field, ICollection<string> list)
    {
        foreach (var item in Text(field).Split(['|', ',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            list.Add(item);
        }
    }
}
