using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;
using Lookup.V1;

namespace Lookup.Testing.Audit;

/// <summary>A year of calls by three contact centres, with violations of every kind planted among calls that are in order.</summary>
internal sealed class AuditYear
{
    /// <summary>Calls to a number in 24 hours that the organisation allows itself.</summary>
    internal const int Cap = 2;

    private const string NotPermitted = "not permitted";
    private const string Permitted = "permitted";

    private static readonly TimeZoneInfo Zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam");
    private static readonly DateTimeOffset Begin = new(2023, 12, 1, 6, 0, 0, TimeSpan.Zero);
    private static readonly string[] Centres = ["north", "south", "west"];
    private static readonly string[] Campaigns = ["spring", "summer", "renewals", "win back"];
    private static readonly string[] Sources = ["web form", "shop <1>", "partner"];

    // On these days nobody calls in the Netherlands.
    private static readonly HashSet<DateOnly> Holidays =
        [new(2024, 1, 1), new(2024, 3, 29), new(2024, 4, 1), new(2024, 5, 9), new(2024, 5, 20), new(2024, 12, 25), new(2024, 12, 26), new(2024, 12, 31)];

    private readonly Random _random;
    private int _number = 20_000_000;

    internal AuditYear(int seed, int clean, int? planted = null)
    {
        _random = new Random(seed);
        for (var i = 0; i < clean; i++)
        {
            var number = Consented();
            var last = default(DateTimeOffset);
            for (var day = Workday(20); day < new DateOnly(2024, 12, 20); day = Next(day.AddDays(20 + _random.Next(60))))
            {
                Call(number, last = At(day));
            }

            // No call follows these objections.
            if (i % 4 == 0)
            {
                var at = last.AddHours(1 + _random.Next(10 * 24));
                Object(number, at, SessionAfter(at));
            }
        }

        for (var i = 0; i < (planted ?? clean / 12); i++)
        {
            Plant();
        }

        Calls.Sort((a, b) => a.At.CompareTo(b.At));
    }

    /// <summary>The time at which the year is looked at.</summary>
    internal DateTimeOffset Now { get; } = DateTimeOffset.UtcNow;

    /// <summary>The facts, with the time at which each is recorded.</summary>
    internal List<Known> Facts { get; } = [];

    internal List<Placed> Calls { get; } = [];

    /// <summary>The answers before the calls.</summary>
    internal List<Answered> Answers { get; } = [];

    /// <summary>When facts are recorded: on the first of every month.</summary>
    internal static IEnumerable<DateTimeOffset> Sessions => Enumerable.Range(0, 14).Select(Begin.AddMonths);

    /// <summary>Returns the call records as CSV, in local time.</summary>
    internal string Csv() => "centre,campaign,agent,dst,start\n" + string.Concat(Calls.Select(call => string.Create(
        CultureInfo.InvariantCulture, $"{call.Centre},{call.Campaign},{call.Agent},{call.Number},{call.At:yyyy-MM-dd HH:mm:ss}\n")));

    /// <summary>Starts a service with the facts, each recorded at its time.</summary>
    internal async Task<LookupServer> RecordAsync()
    {
        var store = await LookupServer.EmbeddedAsync();
        foreach (var session in Sessions.Where(session => Facts.Exists(fact => fact.Recorded == session)))
        {
            await using var server = await LookupServer.StartAsync(store, clock: new ShiftedClock(session), ownsStore: false);
            await server.Registry.PutOrganisationAsync(
                new PutOrganisationRequest { Organisation = new Organisation { Name = "acme", AttemptCaps = { new AttemptCap { Max = Cap, WithinHours = 24 } } } },
                cancellationToken: TestContext.Current.CancellationToken);
            foreach (var facts in Facts.Where(fact => fact.Recorded == session).Chunk(100))
            {
                var recorded = await server.Facts.RecordFactsAsync(Samples.Record(facts.Select(fact => fact.Fact)), cancellationToken: TestContext.Current.CancellationToken);
                Assert.All(recorded.Results, result => Assert.True(result.Outcome == FactResult.Types.Outcome.Recorded, result.ToString()));
            }
        }

        return await LookupServer.StartAsync(store, clock: new ShiftedClock(Sessions.Last().AddDays(5)));
    }

    /// <summary>Writes the answers into the log "receipts" under the key "number.key".</summary>
    internal void WriteReceipts(TempFolder folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var cipher = new NumberCipher(EncryptionKeyFile.Create(folder.PathOf("number.key")));
        using var log = ReceiptLog.Open(folder.PathOf("receipts"), key, TimeProvider.System, 1 << 16);
        foreach (var answer in Answers.OrderBy(answer => answer.At))
        {
            Assert.True(PhoneNumber.TryParse(answer.Number, out var number, out _));
            log.Append(ReceiptFormat.Write(new Core.Receipts.Receipt
            {
                Time = answer.At.ToUnixTimeMilliseconds(),
                CallTime = answer.At.ToUnixTimeMilliseconds(),
                Verdict = answer.IsAllow ? Core.Verdict.Allow : Core.Verdict.Deny,
                Organisation = "acme",
                Purpose = Core.Purpose.Commercial,
                CallKind = Core.CallKind.Marketing,
                Number = cipher.Encrypt(number),
            }));
        }
    }

    /// <summary>Decides a call by going through all facts, calls and answers.</summary>
    /// <returns>The finding and the check, as the audit names them.</returns>
    internal (string Finding, string Check) Decide(Placed call, ILookup<string, Known> facts, ILookup<string, Placed> calls, ILookup<string, Answered> answers)
    {
        var local = TimeZoneInfo.ConvertTime(call.At, Zone);
        var isOpen = local.DayOfWeek is not (DayOfWeek.Saturday or DayOfWeek.Sunday) && local.Hour is >= 9 and < 22
            && !Holidays.Contains(DateOnly.FromDateTime(local.DateTime))
            && calls[call.Number].Count(other => other.At < call.At && other.At > call.At.AddHours(-24)) < Cap;
        bool May(DateTimeOffset known) => isOpen
            && facts[call.Number].Any(fact => fact.Permits && fact.Recorded < known && fact.Effective <= call.At && fact.Until > call.At)
            && !facts[call.Number].Any(fact => !fact.Permits && fact.Recorded <= known && fact.Effective <= call.At);
        var finding = (May(call.At), May(DateTimeOffset.MaxValue)) switch
        {
            (true, true) => Permitted,
            (true, false) => "forbidden by what was recorded after the call",
            (false, true) => "permitted only by what was recorded after the call",
            _ => NotPermitted,
        };
        var last = answers[call.Number].Where(answer => answer.At <= call.At.AddSeconds(1) && answer.At >= call.At.AddHours(-1)).MaxBy(answer => answer.At);
        var check = last is null ? "never checked"
            : !last.IsAllow ? "dialled against the answer"
            : last.At.AddMilliseconds(1_500) < call.At ? "dialled after the answer had expired"
            : "checked";
        return (finding, check);
    }

    private void Plant()
    {
        foreach (var hour in (int[])[3, 8, 23])
        {
            Call(Consented(), At(Workday(), hour), NotPermitted);
        }

        // The seventh of January 2024 was a Sunday.
        Call(Consented(), At(new DateOnly(2024, 1, 7).AddDays(7 * _random.Next(48)), 12), NotPermitted);
        Call(Consented(), At(new DateOnly(2024, 12, 25), 12), NotPermitted);
        Call(NewNumber(), At(Workday()), NotPermitted);
        Call(Consented(Purpose.Survey), At(Workday()), NotPermitted);
        Call(Consented(hasEvidence: false), At(Workday()), NotPermitted);

        var at = At(Workday(60));
        Call(Consented(until: at.AddDays(-1)), at, NotPermitted);

        at = At(Workday(60));
        var number = Consented();
        Object(number, SessionBefore(at).AddDays(-1), SessionBefore(at));
        Call(number, at, NotPermitted);

        at = At(Workday(60));
        number = Consented();
        Object(number, at.AddDays(-2), SessionAfter(at));
        Call(number, at, "forbidden by what was recorded after the call");

        at = At(Workday(60));
        number = NewNumber();
        Consent(number, Purpose.Commercial, at.AddDays(-3), SessionAfter(at), at.AddYears(10));
        Call(number, at, "permitted only by what was recorded after the call");

        number = Consented();
        var busy = Workday();
        Call(number, At(busy, 10));
        Call(number, At(busy, 12));
        Call(number, At(busy, 15), NotPermitted);

        // Receipts are known to be kept from the first on.
        Call(Consented(), At(new DateOnly(2024, 1, 2)));
        Call(Consented(), At(Workday(1)), check: "never checked");
        Call(Consented(), At(Workday()), check: "dialled against the answer");
        Call(Consented(), At(Workday()), check: "dialled after the answer had expired");
    }

    private void Call(string number, DateTimeOffset at, string finding = Permitted, string check = "checked")
    {
        var centre = Centres[_random.Next(Centres.Length)];
        Calls.Add(new Placed(number, at, centre, Campaigns[_random.Next(Campaigns.Length)], $"{centre}-{1 + _random.Next(4)}", finding, check));
        if (check != "never checked")
        {
            Answers.Add(new Answered(number, at.AddSeconds(check == "dialled after the answer had expired" ? -200 : -0.2), check != "dialled against the answer"));
        }
    }

    private string NewNumber() => string.Create(CultureInfo.InvariantCulture, $"+316{_number++}");

    private string Consented(Purpose purpose = Purpose.Commercial, DateTimeOffset? until = null, bool hasEvidence = true)
    {
        var number = NewNumber();
        Consent(number, purpose, Begin.AddDays(-10), Begin, until ?? Now.AddDays(((int[])[15, 45, 75, 400])[_random.Next(4)]), hasEvidence);
        return number;
    }

    private void Consent(string number, Purpose purpose, DateTimeOffset captured, DateTimeOffset recorded, DateTimeOffset until, bool hasEvidence = true)
    {
        var fact = Samples.Consent(number);
        fact.Source = Sources[_random.Next(Sources.Length)];
        fact.Consent.Purposes.Clear();
        fact.Consent.Purposes.Add(purpose);
        fact.Consent.FirstContactMonths = 36;
        fact.Consent.Captured = Timestamp.FromDateTimeOffset(captured);
        fact.Consent.Expires = Timestamp.FromDateTimeOffset(until);
        fact.Consent.Evidence = hasEvidence ? new Evidence { Reference = "recording 4711", Sha256 = _random.Next(2) == 0 ? "" : new string('a', 64) } : null;
        Facts.Add(new Known(number, purpose == Purpose.Commercial && hasEvidence, captured, until, recorded, fact));
    }

    private void Object(string number, DateTimeOffset at, DateTimeOffset recorded)
    {
        var fact = Samples.Objection(number);
        fact.Effective = Timestamp.FromDateTimeOffset(at);
        Facts.Add(new Known(number, false, at, DateTimeOffset.MaxValue, recorded, fact));
    }

    private static DateTimeOffset SessionBefore(DateTimeOffset at) => Sessions.Last(session => session < at);

    private static DateTimeOffset SessionAfter(DateTimeOffset at) => Sessions.First(session => session > at);

    private DateOnly Workday(int from = 0) => Next(new DateOnly(2024, 1, 2).AddDays(from + _random.Next(330 - from)));

    private static DateOnly Next(DateOnly day)
    {
        while (day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday || Holidays.Contains(day))
        {
            day = day.AddDays(1);
        }

        return day;
    }

    private DateTimeOffset At(DateOnly day, int hour = 0)
    {
        var local = day.ToDateTime(new TimeOnly(hour == 0 ? 9 + _random.Next(8) : hour, _random.Next(60), _random.Next(60)));
        return new DateTimeOffset(local, Zone.GetUtcOffset(local));
    }

    internal sealed record Known(string Number, bool Permits, DateTimeOffset Effective, DateTimeOffset Until, DateTimeOffset Recorded, Fact Fact);

    internal sealed record Placed(string Number, DateTimeOffset At, string Centre, string Campaign, string Agent, string Finding, string Check);

    internal sealed record Answered(string Number, DateTimeOffset At, bool IsAllow);
}
