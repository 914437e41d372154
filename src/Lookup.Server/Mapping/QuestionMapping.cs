using Lookup.Core;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Server.Errors;
using Lookup.Server.Store;

namespace Lookup.Server.Mapping;

/// <summary>Maps a question of the contract to one of Core, and reads the consistency that it demands.</summary>
internal static class QuestionMapping
{
    // Clocks of dialers may be ahead; a later time is an error. An earlier one within this bound counts as unknown: a request that
    // appears to follow an objection only because of a clock must not lift it.
    private const long ClockSkewMs = 5 * 60 * 1000;

    private const string DemandField = "consistency.at_least_as_fresh";

    // Maximum characters of an unknown region in the error.
    private const int MaxRegion = 16;

    /// <summary>Validates every field. The result is valid only if no fault was added.</summary>
    /// <param name="source">The question, or null.</param>
    /// <param name="whatIf">The what-if assumptions, or null.</param>
    /// <param name="regimes">The regimes in force; they define the regions.</param>
    /// <param name="now">Now, in Unix milliseconds.</param>
    /// <param name="faults">Receives the faults.</param>
    internal static AskedQuestion Map(V1.Question? source, V1.WhatIf? whatIf, RegimeSet regimes, long now, ref List<FieldFault>? faults)
    {
        var callTime = now;
        var known = long.MaxValue;
        var without = default(Layers);
        long[]? placed = null;
        if (whatIf is not null)
        {
            callTime = FieldFaults.Time(whatIf.CallTime, "what_if.call_time", ref faults) ?? now;
            known = FieldFaults.Time(whatIf.KnownAt, "what_if.known_at", ref faults) ?? long.MaxValue;
            without = LayerMapping.SwitchedOff(whatIf.SwitchedOffLayers, "what_if.switched_off_layers", ref faults);
            placed = PlacedCalls(whatIf.PlacedCalls, callTime, ref faults);
        }

        if (source is null)
        {
            FieldFaults.Add(ref faults, "question", FieldFaults.Required);
            return default;
        }

        if (!FieldFaults.IsName(source.Organisation))
        {
            FieldFaults.Add(ref faults, "question.organisation", FieldFaults.NameRule);
        }

        if (source.ProductGroup.Length != 0 && !FieldFaults.IsName(source.ProductGroup))
        {
            FieldFaults.Add(ref faults, "question.product_group", "Must be at most 64 characters of [a-z0-9._-].");
        }

        FieldFaults.CheckEnum((int)source.Sector, (int)V1.Sector.PensionProvider, "question.sector", ref faults);
        FieldFaults.CheckEnum((int)source.Purpose, (int)V1.Purpose.Service, "question.purpose", ref faults);
        FieldFaults.CheckEnum((int)source.Kind, (int)V1.CallKind.Research, "question.kind", ref faults);
        FieldFaults.CheckEnum((int)source.Subscriber, (int)V1.SubscriberType.LegalPerson, "question.subscriber", ref faults);
        FieldFaults.CheckEnum((int)source.DiallingMode, (int)V1.DiallingMode.NoHuman, "question.dialling_mode", ref faults);
        FieldFaults.CheckEnum((int)source.LineType, (int)V1.LineType.Mobile, "question.line_type", ref faults);
        if (source.Automated && source.DiallingMode is not (V1.DiallingMode.Unspecified or V1.DiallingMode.NoHuman))
        {
            FieldFaults.Add(ref faults, "question.automated", "Contradicts question.dialling_mode; clear one of them, or set DIALLING_MODE_NO_HUMAN.");
            FieldFaults.Add(ref faults, "question.dialling_mode", "Contradicts question.automated, which means DIALLING_MODE_NO_HUMAN.");
        }

        var kind = source.Kind == V1.CallKind.Unspecified ? CallKind.Marketing : (CallKind)source.Kind;
        if (source.Purpose == V1.Purpose.Unspecified && kind == CallKind.Marketing)
        {
            FieldFaults.Add(ref faults, "question.purpose", "Required for a marketing call.");
        }

        if (source.CalledRegion.Length != 0 && !regimes.HasRegion(source.CalledRegion))
        {
            FieldFaults.Add(
                ref faults, "question.called_region",
                $"'{source.CalledRegion[..Math.Min(source.CalledRegion.Length, MaxRegion)]}' is not a region with its own rules; use a code such as US-FL, or leave it empty.");
        }

        var caller = CallerNumber(source, ref faults);
        var requestedAt = RequestedAt(source, kind, callTime, ref faults);
        if (faults is not null)
        {
            return default;
        }

        var grouped = source.ProductGroup.Length != 0;
        var scope = Scope.FromName(source.Organisation);
        return new AskedQuestion(without, whatIf is { Strict: true }, new Question
        {
            CallTime = callTime,
            IsTimeNamed = whatIf?.CallTime is not null,
            KnownAt = known,
            OrganisationName = source.Organisation,
            Organisation = scope,
            OrganisationGroup = grouped ? Scope.FromName(source.Organisation, source.ProductGroup) : scope,
            SpelledGroup = grouped ? Scope.OfAnySpelling(source.Organisation, source.ProductGroup) : scope,
            Group = grouped ? Scope.FromName(source.ProductGroup) : 0,
            GroupName = source.ProductGroup,
            Sector = source.Sector == V1.Sector.Unspecified ? Sector.Other : (Sector)source.Sector,
            Purpose = PurposeOf(kind, source.Purpose),
            Kind = kind,
            Mode = source.Automated ? DiallingMode.NoHuman : (DiallingMode)source.DiallingMode,
            CallerNumberWithheld = source.CallerNumberWithheld,
            CallerNumber = caller,
            Region = source.CalledRegion,
            Line = (LineType)source.LineType,
            Subscriber = (SubscriberType)source.Subscriber,
            RequestedAt = requestedAt,
            PlacedCalls = placed,
        });
    }

    private static long[]? PlacedCalls(V1.PlacedCalls? source, long callTime, ref List<FieldFault>? faults)
    {
        const string Field = "what_if.placed_calls.times";
        if (source is null)
        {
            return null;
        }

        if (source.Times.Count > Question.MaxPlacedCalls)
        {
            FieldFaults.Add(ref faults, Field, $"Has {source.Times.Count} times; at most {Question.MaxPlacedCalls} are allowed: send the newest ones.");
            return null;
        }

        var times = new long[source.Times.Count];
        for (var i = 0; i < times.Length; i++)
        {
            times[i] = FieldFaults.Time(source.Times[i], $"{Field}[{i}]", ref faults) ?? 0;
            if (times[i] >= callTime)
            {
                FieldFaults.Add(ref faults, $"{Field}[{i}]", "Must be earlier than the call time.");
            }
        }

        return times;
    }

    /// <summary>Returns the token that the request demands, or null.</summary>
    internal static ConsistencyToken? Demand(V1.Consistency? consistency, StoreManifest manifest, ref List<FieldFault>? faults)
    {
        switch (consistency?.RequirementCase)
        {
            case V1.Consistency.RequirementOneofCase.AtLeastAsFresh:
                if (!ConsistencyToken.TryParse(consistency.AtLeastAsFresh, out var token, out var error))
                {
                    FieldFaults.Add(ref faults, DemandField, error);
                    return null;
                }

                if (token.Epoch != manifest.Epoch)
                {
                    FieldFaults.Add(ref faults, DemandField, "The token is from another store, or from this store before it was initialised again; omit it.");
                    return null;
                }

                return token;
            case V1.Consistency.RequirementOneofCase.Exact when !consistency.Exact:
                FieldFaults.Add(ref faults, "consistency.exact", "Must be true; otherwise omit consistency.");
                return null;
            default:
                return null;
        }
    }

    private static ulong CallerNumber(V1.Question source, ref List<FieldFault>? faults)
    {
        const string Field = "question.caller_number";
        if (source.CallerNumber.Length == 0)
        {
            return 0;
        }

        if (source.CallerNumberWithheld)
        {
            FieldFaults.Add(ref faults, Field, "Contradicts question.caller_number_withheld; clear one of them.");
            FieldFaults.Add(ref faults, "question.caller_number_withheld", "Contradicts question.caller_number; clear one of them.");
        }

        if (NumberParser.Instance.TryParseCaller(source.CallerNumber, out var number, out var fault))
        {
            return number.Value;
        }

        FieldFaults.Add(ref faults, Field, fault.Describe());
        return 0;
    }

    private static long RequestedAt(V1.Question source, CallKind kind, long callTime, ref List<FieldFault>? faults)
    {
        const string Field = "question.requested_at";
        if (FieldFaults.Time(source.RequestedAt, Field, ref faults) is not { } requestedAt)
        {
            return 0;
        }

        if (kind != CallKind.Requested)
        {
            FieldFaults.Add(ref faults, Field, "Only valid with CALL_KIND_REQUESTED.");
        }
        else if (requestedAt > callTime + ClockSkewMs)
        {
            FieldFaults.Add(ref faults, Field, "Must not be later than the call time.");
        }

        return requestedAt > callTime ? 0 : requestedAt;
    }

    // A consent to service calls is no consent to a call that promotes.
    private static Purpose PurposeOf(CallKind kind, V1.Purpose stated) => (kind, stated) switch
    {
        (CallKind.Marketing, V1.Purpose.Service) => Purpose.Commercial,
        (CallKind.Service, V1.Purpose.Unspecified) => Purpose.Service,
        (CallKind.Research, V1.Purpose.Unspecified) => Purpose.Survey,
        (_, V1.Purpose.Unspecified) => Purpose.Commercial,
        _ => (Purpose)stated,
    };
}

/// <summary>A question before the lookup of the organisation's record.</summary>
/// <param name="Without">Layers that the request switches off.</param>
/// <param name="Strict">Whether the request adds the strict policies.</param>
/// <param name="Question">The question without the record.</param>
internal readonly record struct AskedQuestion(Layers Without, bool Strict, Question Question)
{
    /// <summary>Name of the organisation.</summary>
    internal string Organisation => Question.OrganisationName;

    /// <summary>Returns the complete question: the organisation's record, if there is one, sets sector, layers and own rules.</summary>
    /// <param name="registry">The registry.</param>
    /// <param name="isKnown">Whether the organisation has a grant or facts; one with a record is known anyway.</param>
    /// <param name="number">The number that the blocks are looked up for, E.164 as an integer; 0 leaves that to <see cref="Question.About"/>.</param>
    internal Question Resolve(RegistrySnapshot registry, bool isKnown, ulong number = 0)
    {
        var blocks = registry.Blocks.For(Organisation);
        var record = registry.Find(Organisation);
        var layers = record?.Layers ?? Layers.Default;
        if (Strict)
        {
            layers |= Layers.Strict;
        }

        return Question with
        {
            Sector = record?.Sector ?? Question.Sector,
            Layers = layers & ~Without,
            Own = record?.Own,
            IsOrganisationUnknown = record is null && !isKnown,
            Blocks = blocks,
            Block = number == 0 ? null : blocks?.Find(number, Question.CallTime, Question.IsTimeNamed, Question.KnownAt),
        };
    }
}
