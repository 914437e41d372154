using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.V1;

namespace Lookup.ServiceTests.Shadow;

/// <summary>A new version of the regimes beside the one in force: what differs is counted, and answers are what they were.</summary>
public sealed class ShadowTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    // The clock of the service is a Tuesday, 14:00 in the Netherlands.
    public static TheoryData<string, string, string> Differences => new()
    {
        // A cap: four attempts today, the new version permits three.
        { "cap", "consent attempt", "from=\"allow\",to=\"deny\",reason=\"too_many_attempts\",change=\"came\"" },
        // Hours: decided by the filter alone, nothing is known of the number.
        { "hours", "", "from=\"deny\",to=\"deny\",reason=\"outside_hours\",change=\"came\"" },
        { "hours", "consent", "from=\"allow\",to=\"deny\",reason=\"outside_hours\",change=\"came\"" },
        // A register that the version in force does not ask: the answer did not need the registration.
        { "register", "consent registration snapshot", "from=\"allow\",to=\"deny\",reason=\"registered\",change=\"came\"" },
        { "register", "registration snapshot", "from=\"deny\",to=\"deny\",reason=\"registered\",change=\"came\"" },
        { "register", "consent", "from=\"allow\",to=\"not_covered\",reason=\"register_not_loaded\",change=\"came\"" },
        // A rule less, and a country less.
        { "free", "", "from=\"deny\",to=\"allow\",reason=\"no_consent\",change=\"went\"" },
        { "gone", "consent", "from=\"allow\",to=\"not_covered\",reason=\"no_regime\",change=\"came\"" },
        { "same", "consent", "" },
    };

    [Theory]
    [MemberData(nameof(Differences))]
    public async Task Decision_UnderTwoVersions_IsCountedByWhatDiffers(string version, string facts, string expected)
    {
        await using var server = await StartAsync(await LookupServer.EmbeddedAsync(), Version(version));
        var number = Samples.NewNumber();
        await RecordAsync(server, number, facts);

        var single = await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Ct);
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        var list = await stream.AskAsync(1, ulong.Parse(number.AsSpan(1)));

        Assert.Equal(single.Decision.Verdict, list.Verdicts[0]);
        var metrics = await ComparedAsync(server, 2);
        foreach (var way in (string[])["check", "stream"])
        {
            Assert.Equal(expected.Length == 0 ? 1 : 0, metrics.Value($"lookup_shadow_comparisons_total{{way=\"{way}\",outcome=\"same\"}}"));
            Assert.Equal(expected.Length == 0 ? null : 1, metrics.Value($"lookup_shadow_differences_total{{way=\"{way}\",{expected}}}"));
        }

        Assert.Equal(expected.Length == 0 ? 0 : 2, metrics.Series.Count(s => s.StartsWith("lookup_shadow_differences_total", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Example_InTheLog_NamesBothVerdictsAndNoNumber()
    {
        await using var server = await StartAsync(await LookupServer.EmbeddedAsync(), Version("hours"));
        var number = Samples.NewNumber();
        await RecordAsync(server, number, "consent");
        for (var i = 0; i < 100; i++)
        {
            await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Ct);
        }

        await ComparedAsync(server, 100);
        var line = Assert.Single(server.Log.All.Split('\n'), l => l.Contains("SHADOW", StringComparison.Ordinal));
        Assert.Contains("Allow in force (NL-2), Deny in the shadow (NL-2): OutsideHours came", line, StringComparison.Ordinal);
        Assert.Contains("+31*****", line, StringComparison.Ordinal);
        Assert.DoesNotContain(number[4..], server.Log.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shadow_ThatThrows_ChangesNoAnswerAndIsCounted()
    {
        await using var server = await StartAsync(await LookupServer.EmbeddedAsync(), Version("register"));
        var (known, unknown) = (Samples.NewNumber(), Samples.NewNumber());
        await RecordAsync(server, known, "consent registration");
        server.Host.Shadow.DecideShadow = (_, in _, _, _) => throw new InvalidOperationException($"planted about {known}");

        // One is compared at once, one after a read, two from a list.
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(Samples.Check(unknown), cancellationToken: Ct)).Decision.Verdict);
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(Samples.Check(known), cancellationToken: Ct)).Decision.Verdict);
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        var list = await stream.AskAsync(1, ulong.Parse(known.AsSpan(1)), ulong.Parse(unknown.AsSpan(1)));

        Assert.Equal([Verdict.Allow, Verdict.Deny], list.Verdicts);
        var metrics = await ComparedAsync(server, 4);
        Assert.Equal(2, metrics.Value("lookup_shadow_comparisons_total{way=\"check\",outcome=\"failed\"}"));
        Assert.Equal(2, metrics.Value("lookup_shadow_comparisons_total{way=\"stream\",outcome=\"failed\"}"));
        Assert.Contains("A decision under the shadow regimes failed", server.Log.All, StringComparison.Ordinal);
        Assert.Contains("planted", server.Log.All, StringComparison.Ordinal);
        Assert.DoesNotContain(known[4..], server.Log.All, StringComparison.Ordinal);

        // It is over: the next one is compared again.
        server.Host.Shadow.DecideShadow = Lookup.Core.Decisions.Decider.Decide;
        await server.Lookup.CheckAsync(Samples.Check(known), cancellationToken: Ct);
        metrics = await ComparedAsync(server, 5);
        Assert.Equal(1, metrics.Value("lookup_shadow_comparisons_total{way=\"check\",outcome=\"different\"}"));
    }

    [Fact]
    public async Task Facts_ThatTheShadowNeedsAndCannotRead_AreNotTakenForAbsent()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await StartAsync(store, Version("register"));
        var number = Samples.NewNumber();
        await RecordAsync(server, number, "registration snapshot");
        // The version in force needs nothing of the store once the organisation is known; the shadow's registration is there, and the store is not.
        await RecordAsync(server, Samples.NewNumber(), "consent");
        await Scrape.UntilAsync(server, s => s.Value("lookup_partition_followed{partition=\"0\"}") == 1);
        store.Trouble = _ => throw new StoreUnavailableException(StoreFault.Unreachable, "planted");
        try
        {
            await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Ct);
            var metrics = await ComparedAsync(server, 1);
            Assert.Equal(1, metrics.Value("lookup_shadow_comparisons_total{way=\"check\",outcome=\"unread\"}"));
        }
        finally
        {
            store.Trouble = _ => Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Question_WhatIfOrExplained_IsNotCompared()
    {
        await using var server = await StartAsync(await LookupServer.EmbeddedAsync(), Version("hours"));
        var number = Samples.NewNumber();
        var whatIf = new WhatIf { CallTime = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(1)) };
        await server.Lookup.CheckAsync(new CheckRequest { Number = number, Question = Samples.Question(), WhatIf = whatIf }, cancellationToken: Ct);
        await server.Lookup.ExplainAsync(new ExplainRequest { Number = number, Question = Samples.Question() }, cancellationToken: Ct);
        await using (var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question(), WhatIf = whatIf }))
        {
            await stream.AskAsync(1, ulong.Parse(number.AsSpan(1)));
        }

        await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Ct);
        var metrics = await ComparedAsync(server, 1);
        Assert.Equal(1, metrics.Value("lookup_shadow_comparisons_total{way=\"check\",outcome=\"different\"}"));
    }

    [Fact]
    public async Task Check_ThatReserves_IsComparedOnWhatItWasDecidedOn()
    {
        await using var server = await StartAsync(await LookupServer.EmbeddedAsync(), Version("cap"));
        var number = Samples.NewNumber();
        await RecordAsync(server, number, "consent");
        for (var i = 0; i < 4; i++)
        {
            var answer = await server.Lookup.CheckAsync(Reserving(number), cancellationToken: Ct);
            Assert.Equal(Verdict.Allow, answer.Decision.Verdict);
        }

        // The new version permits three: only the fourth differs.
        var metrics = await ComparedAsync(server, 4);
        Assert.Equal(3, metrics.Value("lookup_shadow_comparisons_total{way=\"check\",outcome=\"same\"}"));
        Assert.Equal(1, metrics.Value("lookup_shadow_differences_total{way=\"check\",from=\"allow\",to=\"deny\",reason=\"too_many_attempts\",change=\"came\"}"));
    }

    [Fact]
    public async Task Check_ThatReservesAndWhoseFactsWereNotRead_IsNotCompared()
    {
        await using var server = await StartAsync(await LookupServer.EmbeddedAsync(), Version("register"));
        var number = Samples.NewNumber();
        await RecordAsync(server, number, "consent registration snapshot");
        await server.Lookup.CheckAsync(Reserving(number), cancellationToken: Ct);
        var metrics = await ComparedAsync(server, 1);
        Assert.Equal(1, metrics.Value("lookup_shadow_comparisons_total{way=\"check\",outcome=\"unread\"}"));
    }

    [Fact]
    public async Task Lists_BySample_CompareAboutThatShare()
    {
        await using var server = await LookupServer.StartAsync(
            await LookupServer.EmbeddedAsync(), o => o.ShadowListEvery = 16, shadow: Version("hours"));
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        await stream.AskAsync(1, Enumerable.Range(0, 1_600).Select(i => 31_612_000_000UL + (ulong)i));
        var metrics = await ComparedAsync(server, 100);
        Assert.Equal(100, metrics.Value("lookup_shadow_comparisons_total{way=\"stream\",outcome=\"different\"}"));
    }

    [Fact]
    public async Task Metrics_WithoutShadow_AreZero()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()), cancellationToken: Ct);
        Assert.Equal(0, Compared(await Scrape.OfAsync(server)));
    }

    [Fact]
    public async Task Build_RegisterWhoseCategoriesMoved_IsRefused()
    {
        var moved = new RegimeVariant().Change("nl.json", nl => nl["registers"]![0]!["categories"]!.AsArray().Insert(0, "another")).Set();
        var store = await LookupServer.EmbeddedAsync();
        var error = await Assert.ThrowsAsync<RegimeException>(() => LookupServer.StartAsync(store, shadow: moved));
        Assert.Contains("\"nl-bmnr\" must begin with", error.Message, StringComparison.Ordinal);
        await store.DisposeAsync();
    }

    private static RegimeSet Version(string name) => (name switch
    {
        "cap" => new RegimeVariant().Add("nl.json", "NL-2", RegimeVariant.Attempts(3)),
        "hours" => new RegimeVariant().Hours("nl.json", "NL-2", "15:00-22:00"),
        "register" => new RegimeVariant().Add("nl.json", "NL-2", RegimeVariant.Register("nl-bmnr")),
        "free" => new RegimeVariant().Remove("nl.json", "NL-2", "permission"),
        "gone" => new RegimeVariant().Without("nl.json"),
        _ => new RegimeVariant(),
    }).Set();

    private static CheckRequest Reserving(string number)
    {
        var request = Samples.Check(number);
        request.Reserve = new Reserve();
        return request;
    }

    /// <summary>Every number of a list is compared.</summary>
    private static Task<LookupServer> StartAsync(FactStore store, RegimeSet shadow) =>
        LookupServer.StartAsync(store, o => o.ShadowListEvery = 1, shadow: shadow);

    private static async Task RecordAsync(LookupServer server, string number, string facts)
    {
        foreach (var fact in facts.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var day = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-20));
            switch (fact)
            {
                case "snapshot":
                    await server.Registry.RecordSnapshotAsync(new RecordSnapshotRequest { Register = "nl-bmnr", SnapshotDate = day }, cancellationToken: Ct);
                    break;
                case "attempt":
                    await server.Facts.RecordFactsAsync(Samples.Record(Enumerable.Range(1, 4).Select(i => new Fact
                    {
                        Number = number,
                        Source = "dialer",
                        Effective = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddMinutes(-i)),
                        Attempt = new Attempt { Organisation = "acme" },
                    })), cancellationToken: Ct);
                    break;
                case "registration":
                    await server.Facts.RecordFactsAsync(
                        Samples.Record(new Fact { Number = number, Source = "register", Registration = new Registration { Register = "nl-bmnr", RegisteredSince = day } }), cancellationToken: Ct);
                    break;
                default:
                    await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)), cancellationToken: Ct);
                    break;
            }
        }
    }

    /// <summary>The metrics once so many decisions are compared.</summary>
    internal static Task<Scrape> ComparedAsync(LookupServer server, double count) => Scrape.UntilAsync(server, s => Compared(s) == count);

    private static double Compared(Scrape scrape) =>
        scrape.Series.Where(s => s.StartsWith("lookup_shadow_comparisons_total", StringComparison.Ordinal)).Sum(s => scrape.Value(s[..s.LastIndexOf(' ')])!.Value);
}
