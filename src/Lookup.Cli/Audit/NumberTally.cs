using System.Text.Json.Nodes;
using Lookup.Client;
using Lookup.Redis.Maintenance;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>Consents of one source.</summary>
internal sealed class ConsentCount
{
    /// <summary>With a reference to evidence and its hash.</summary>
    public long Hashed { get; set; }

    /// <summary>With a reference to evidence, without its hash.</summary>
    public long Referenced { get; set; }

    /// <summary>Without evidence.</summary>
    public long Without { get; set; }
}

/// <summary>
/// Counts what is on record now about the called numbers: consents, objections and calls per number. Memory does not grow with the
/// numbers, except for those whose subscriber objected after a call.
/// </summary>
/// <param name="question">The audited question; facts of other organisations and consents to other purposes are left out.</param>
/// <param name="now">The time of the report.</param>
/// <param name="from">Objections before this time are not of the period.</param>
/// <param name="to">Objections from this time on are not of the period.</param>
internal sealed class NumberTally(Question question, DateTimeOffset now, DateTimeOffset from, DateTimeOffset to)
{
    /// <summary>An objection counts for the last call at most this many days before it.</summary>
    public const int DaysAfterCall = 7;

    /// <summary>Numbers with at least this many calls are counted together.</summary>
    public const int MostCalls = 10;

    /// <summary>Upper bounds of <see cref="CalledAfter"/>, in days; the last element counts longer times.</summary>
    public static readonly int[] AfterDays = [1, 3, 7, 30];

    /// <summary>Bounds of <see cref="Expiring"/>, in days.</summary>
    public static readonly int[] ExpiryDays = [30, 60, 90];

    private const int MaxSources = 1_000;

    // The clocks of dialer and service differ, and an objection in a call is recorded with the time at which the dialer placed it.
    private static readonly TimeSpan SameCall = TimeSpan.FromMinutes(5);

    private readonly Dictionary<(string Organisation, ulong Number), long> _objections = [];

    /// <summary>Numbers called.</summary>
    public long Numbers { get; private set; }

    /// <summary>Numbers by calls: [0] with one call; the last element with <see cref="MostCalls"/> or more.</summary>
    public long[] Calls { get; } = new long[MostCalls];

    /// <summary>Numbers whose subscriber objected in the period.</summary>
    public long Objected { get; private set; }

    /// <summary>Of those, the numbers that were called in the days before the objection.</summary>
    public long ObjectedAfterCall { get; private set; }

    /// <summary>Numbers with an objection in effect.</summary>
    public long Objections { get; private set; }

    /// <summary>Of those, the numbers that were called after it, by the days from the objection to the last call.</summary>
    public long[] CalledAfter { get; } = new long[AfterDays.Length + 1];

    /// <summary>Times from the objection to the last call of those numbers.</summary>
    public DelayCount AfterObjection { get; } = new();

    /// <summary>Consents in effect by their source.</summary>
    public Dictionary<string, ConsentCount> Consents { get; } = [];

    /// <summary>Consents that expire within each of <see cref="ExpiryDays"/>; one within 30 days also counts in 60 and 90.</summary>
    public long[] Expiring { get; } = new long[ExpiryDays.Length];

    /// <summary>Consents that have expired.</summary>
    public long Expired { get; private set; }

    /// <summary>Consents without a stated end.</summary>
    public long WithoutEnd { get; private set; }

    /// <summary>Certificates of consents in effect that were not claimed yet.</summary>
    public CertificateCount Certificates { get; } = new(now);

    /// <summary>Consents counted.</summary>
    public long AllConsents => Consents.Values.Sum(source => source.Hashed + source.Referenced + source.Without);

    /// <summary>Returns the counts for programs.</summary>
    public JsonObject Json() => new()
    {
        ["called"] = Numbers,
        ["by_calls"] = new JsonArray([.. Calls.Select(count => (JsonNode)count)]),
        ["objections_in_period"] = Objected,
        ["objections_after_call"] = ObjectedAfterCall,
        ["objections_in_effect"] = Objections,
        ["called_after_objection"] = new JsonArray([.. CalledAfter.Select(count => (JsonNode)count)]),
        ["consents"] = new JsonObject(Consents.OrderBy(source => source.Key, StringComparer.Ordinal).Select(source => KeyValuePair.Create(source.Key, (JsonNode?)new JsonObject
        {
            ["with_hashed_evidence"] = source.Value.Hashed,
            ["with_evidence"] = source.Value.Hashed + source.Value.Referenced,
            ["without_evidence"] = source.Value.Without,
        }))),
        ["consents_expiring"] = new JsonArray([.. Expiring.Select(count => (JsonNode)count)]),
        ["consents_expired"] = Expired,
        ["consents_without_end"] = WithoutEnd,
        ["certificates_to_claim"] = Certificates.Due,
        ["certificates_not_claimed"] = Certificates.Missed,
    };

    /// <summary>Counts a number.</summary>
    public void Add(CalledNumber called, IReadOnlyCollection<KnownFact> facts)
    {
        Numbers++;
        Calls[Math.Min(called.Times.Count, MostCalls) - 1]++;
        var organisation = called.Organisation.Length > 0 ? called.Organisation : question.Organisation;
        AddObjections(called, [.. facts.Where(known => !known.Fact.Withdrawn && known.Fact.Objection is { } objection && (objection.Organisation == organisation || objection.Organisation == "*"))]);
        foreach (var known in facts)
        {
            if (known is { Current: true, Fact: { Withdrawn: false, Consent: { } consent } } && consent.Organisation == organisation && consent.Form != ConsentForm.Appointment
                && (question.Purpose == Purpose.Unspecified || consent.Purposes.Contains(question.Purpose)))
            {
                AddConsent(known.Fact.Source, consent);
            }
        }
    }

    /// <summary>Returns once for each number whether its subscriber objected in the days after this call, and before any later one.</summary>
    public bool TakeObjection(CallLine call)
    {
        var key = (call.Organisation, call.Number);
        return _objections.TryGetValue(key, out var at) && (call.OtherAt ?? call.At).ToUnixTimeMilliseconds() == at && _objections.Remove(key);
    }

    private void AddObjections(CalledNumber called, KnownFact[] objections)
    {
        if (objections.Length == 0)
        {
            return;
        }

        if (objections.Where(known => known.Current).Select(At).Order().Cast<DateTimeOffset?>().FirstOrDefault() is { } since)
        {
            Objections++;
            var after = DateTimeOffset.FromUnixTimeMilliseconds(called.Times[^1]) - since;
            if (after > SameCall)
            {
                AfterObjection.Add(after);
                CalledAfter[AfterDays.Count(days => after > TimeSpan.FromDays(days))]++;
            }
        }

        if (objections.Select(At).Where(at => at >= from && at < to).Order().Cast<DateTimeOffset?>().FirstOrDefault() is { } objected)
        {
            Objected++;
            var last = called.Times.LastOrDefault(time => time <= (objected + SameCall).ToUnixTimeMilliseconds(), -1);
            if (last >= 0 && objected - DateTimeOffset.FromUnixTimeMilliseconds(last) <= TimeSpan.FromDays(DaysAfterCall))
            {
                ObjectedAfterCall++;
                _objections[(called.Organisation, called.Number)] = last;
            }
        }

        static DateTimeOffset At(KnownFact known) => known.Fact.Effective.ToDateTimeOffset();
    }

    private void AddConsent(string source, Consent consent)
    {
        var end = consent.Expires?.ToDateTimeOffset();
        if (end <= now)
        {
            Expired++;
            return;
        }

        source = Consents.ContainsKey(source) || Consents.Count < MaxSources ? source : "(others)";
        if (!Consents.TryGetValue(source, out var count))
        {
            Consents[source] = count = new ConsentCount();
        }

        if (consent.Evidence is not { } evidence)
        {
            count.Without++;
        }
        else if (evidence.Sha256.Length > 0)
        {
            count.Hashed++;
        }
        else
        {
            count.Referenced++;
        }

        Certificates.Add(consent.Evidence?.ClaimBy?.ToDateTimeOffset(), consent.Evidence?.Claimed is not null);
        WithoutEnd += end is null ? 1 : 0;
        for (var i = 0; i < ExpiryDays.Length; i++)
        {
            Expiring[i] += end <= now.AddDays(ExpiryDays[i]) ? 1 : 0;
        }
    }
}

/// <summary>Reads what is on record about the called numbers.</summary>
internal static class NumberReads
{
    // Requests at a time.
    private const int InFlight = 64;

    // Numbers are read in a random order within this many: in ascending order they would look like the enumeration of a range.
    private const int Block = 65_536;

    /// <summary>Reads the facts of every number of the index.</summary>
    /// <param name="questions">Asks the service.</param>
    /// <param name="calls">The calls.</param>
    /// <param name="tally">Receives the numbers.</param>
    /// <param name="progress">Receives the number of numbers read.</param>
    /// <param name="ct">Ends the reading.</param>
    /// <exception cref="LookupException">The service rejected the request, or did not answer for as long as --wait says.</exception>
    public static async Task RunAsync(AuditQuestions questions, CallIndex calls, NumberTally tally, Action<long> progress, CancellationToken ct)
    {
        foreach (var block in calls.Numbers().Chunk(Block))
        {
            Random.Shared.Shuffle(block);
            await Parallel.ForEachAsync(block, new ParallelOptions { MaxDegreeOfParallelism = InFlight, CancellationToken = ct }, async (called, stop) =>
            {
                var facts = await questions.FactsAsync(called.Number, stop);
                lock (tally)
                {
                    tally.Add(called, facts);
                    progress(tally.Numbers);
                }
            });
        }
    }
}
