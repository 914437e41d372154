using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Server.Mapping;
using Lookup.Server.Store;
using Lookup.V1;
using Question = Lookup.V1.Question;

namespace Lookup.ServiceTests.Shadow;

/// <summary>Random facts and questions: with a shadow the answers are those without, and what is counted is what differs.</summary>
public sealed class ShadowPropertyTests
{
    private const int Count = 400;

    private static readonly RegimeSet Next = new RegimeVariant()
        .Hours("nl.json", "NL-2", "09:00-14:30")
        .Add("nl.json", "NL-2", RegimeVariant.Register("nl-bmnr"))
        .Change("de.json", "DE", "attempts", rule => rule["max"] = 1)
        .Change("fr.json", "FR-1", "attempts", rule => rule["max"] = 1)
        .Change("uk.json", uk => uk["registers"]!.AsArray().Reverse())
        .Remove("us.json", "US", "register")
        .Without("it.json")
        .Set();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_WithShadow_AreByteForByteThoseWithoutAndDifferencesAreThoseOfDecidingTwice()
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        // Time stands still, for the store too: ages and call times are the same for both.
        var clock = new ManualClock();
        clock.Advance(TimeSpan.FromHours(1));
        await using var store = await LookupServer.EmbeddedAsync(clock);
        var numbers = Enumerable.Range(0, Count).Select(i => RandomCases.Number(random, i)).ToArray();
        await using (var writer = await LookupServer.StartAsync(store, clock: clock, ownsStore: false))
        {
            foreach (var register in (string[])["nl-bmnr", "uk-tps", "uk-ctps", "us-dnc"])
            {
                await writer.Registry.RecordSnapshotAsync(
                    new RecordSnapshotRequest { Register = register, SnapshotDate = Timestamp.FromDateTimeOffset(ManualClock.Start.AddDays(-5)) }, cancellationToken: Ct);
            }

            // It has rules of its own beside those of either version.
            var other = new Organisation { Name = "other", AttemptCaps = { new V1.AttemptCap { Max = 1, DaysBack = 40 } }, PauseAfterRefusalDays = 10 };
            await writer.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = other }, cancellationToken: Ct);
            var facts = numbers.SelectMany(n => Enumerable.Range(0, random.Next(0, 5)).Select(_ => RandomCases.Fact(random, n))).ToList();
            foreach (var batch in facts.Chunk(500))
            {
                var recorded = await writer.Facts.RecordFactsAsync(Samples.Record(batch), cancellationToken: Ct);
                Assert.All(recorded.Results, r => Assert.True(r.Outcome == FactResult.Types.Outcome.Recorded, r.ToString()));
            }
        }

        await using var plain = await LookupServer.StartAsync(store, o => o.AllowAuditsPerSecond = 0, clock: clock, ownsStore: false);
        await using var shadowed = await LookupServer.StartAsync(
            store, o => (o.AllowAuditsPerSecond, o.ShadowListEvery) = (0, 1), shadow: Next, clock: clock, ownsStore: false);
        foreach (var server in (LookupServer[])[plain, shadowed])
        {
            await Scrape.UntilAsync(server, s => Enumerable.Range(0, store.Manifest.Partitions).All(p => s.Value($"lookup_partition_followed{{partition=\"{p}\"}}") == 1));
        }

        var expected = new Dictionary<string, int>();
        var same = 0;
        // The second time facts come from the record cache.
        foreach (var number in (string[])[.. numbers, .. numbers])
        {
            var request = new CheckRequest { Number = number, Question = RandomCases.Question(random), AllReasons = random.Next(2) == 0 };
            if (random.Next(4) == 0)
            {
                request.Consistency = new Consistency { Exact = true };
            }

            var without = await plain.Lookup.CheckAsync(request, cancellationToken: Ct);
            var with = await shadowed.Lookup.CheckAsync(request, cancellationToken: Ct);
            Assert.True(without.ToByteArray().AsSpan().SequenceEqual(with.ToByteArray()), $"{request}: {without} and {with}");
            await ExpectAsync("check", number, request.Question);
        }

        var question = Samples.Question();
        await using (var stream = await StreamCall.OpenAsync(shadowed, new CheckStreamOpen { Question = question, AllReasons = true }))
        await using (var other = await StreamCall.OpenAsync(plain, new CheckStreamOpen { Question = question, AllReasons = true }))
        {
            var values = numbers.Select(n => ulong.Parse(n.AsSpan(1))).ToArray();
            Assert.Equal((await other.AskAsync(1, values)).ToByteString(), (await stream.AskAsync(1, values)).ToByteString());
            foreach (var number in numbers)
            {
                await ExpectAsync("stream", number, question);
            }
        }

        var metrics = await ShadowTests.ComparedAsync(shadowed, 3 * Count);
        var counted = metrics.Series.Where(s => s.StartsWith("lookup_shadow_differences_total", StringComparison.Ordinal))
            .ToDictionary(s => s[..s.LastIndexOf(' ')], s => (int)metrics.Value(s[..s.LastIndexOf(' ')])!.Value);
        Assert.Equal(expected.OrderBy(e => e.Key), counted.OrderBy(e => e.Key));
        Assert.True(expected.Count > 5 && same > 100, $"{expected.Count} kinds of differences, {same} the same");

        async Task ExpectAsync(string way, string number, Question asked)
        {
            if (await ChangeAsync(shadowed, number, asked) is not { } change)
            {
                same++;
                return;
            }

            var series = $"lookup_shadow_differences_total{{way=\"{way}\",from=\"{Name(change.From)}\",to=\"{Name(change.To)}\",reason=\"{Name(change.Reason.Code)}\",change=\"{(change.Added ? "came" : "went")}\"}}";
            expected[series] = expected.GetValueOrDefault(series) + 1;
        }
    }

    /// <summary>Decides twice, each version on all that is known of the number.</summary>
    private static async Task<DecisionChange?> ChangeAsync(LookupServer server, string number, Question asked)
    {
        var registry = new RegistrySnapshot(await server.Store.Registry.ReadAsync(Ct), RegimeSet.BuiltIn, 0);
        List<FieldFault>? faults = null;
        var question = QuestionMapping.Map(asked, null, RegimeSet.BuiltIn, server.Clock.GetUtcNow().ToUnixTimeMilliseconds(), ref faults).Resolve(registry, isKnown: true);
        Assert.Null(faults);
        Assert.True(PhoneNumber.TryParse(number, out var parsed, out _));
        var known = (await server.Store.Reader.ReadAllAsync(server.Cipher.Encrypt(parsed), Ct)).ToDictionary(t => t.Id, t => t.Value);
        return DecisionChange.Between(Decide(RegimeSet.BuiltIn), Decide(Next));

        Lookup.Core.Decisions.Decision Decide(RegimeSet regimes)
        {
            var values = new StoredValue[Decider.Slots];
            var rules = regimes.Find(parsed, question.CallTime);
            if (rules is not null)
            {
                var ids = new FactId[Decider.Slots];
                var slots = new byte[Decider.Slots];
                var count = Decider.Plan(rules, question, ids, slots);
                for (var i = 0; i < count; i++)
                {
                    values[slots[i]] = known.GetValueOrDefault(ids[i]);
                }
            }

            return Decider.Decide(rules, question, values, new RegisterSnapshots(regimes, registry.Dates));
        }
    }

    private static string Name(System.Enum value) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
