using System.Net;
using System.Text;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>The check that counts the call in the same step, and the caps that an organisation sets itself.</summary>
public sealed class ReservationTests(LookupServer server) : IClassFixture<LookupServer>, IAsyncLifetime
{
    private const string Capped = "capped";
    private static readonly Timestamp Loaded = Timestamp.FromDateTimeOffset(new DateTimeOffset(2024, 3, 12, 0, 0, 0, TimeSpan.Zero));
    private static int _next = 10_000_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await StateAsync(server, 2);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Reserve_UpToTheCap_IsGivenAndThenDenied()
    {
        var number = NewNumber();
        var first = await ReserveAsync(server, number);
        Assert.Equal(Verdict.Allow, first.Decision.Verdict);
        Assert.Equal(TimeSpan.FromMinutes(2), (first.Reservation.Expires - first.Reservation.Called).ToTimeSpan());
        Assert.True(first.Decision.ReusableUntil <= first.Reservation.Expires);
        var second = await ReserveAsync(server, number, seconds: 3_600);
        Assert.Equal(Verdict.Allow, second.Decision.Verdict);
        Assert.True(second.Reservation.Called > first.Reservation.Called);
        var third = await ReserveAsync(server, number);
        Assert.Equal((Verdict.Deny, ReasonCode.TooManyAttempts), (third.Decision.Verdict, third.Decision.Reasons[0].Code));
        Assert.Null(third.Reservation);

        // The first is the next to be over, by the grace.
        Assert.Equal(first.Reservation.Expires.ToDateTimeOffset().AddSeconds(5), third.Decision.NextPermittedTime.ToDateTimeOffset());
        var plain = await server.Lookup.CheckAsync(Request(number, second.Decision.ConsistencyToken));
        Assert.Equal(ReasonCode.TooManyAttempts, plain.Decision.Reasons[0].Code);
        var known = (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts;
        Assert.Equal([second.Reservation.Called, first.Reservation.Called], known.Select(f => f.Fact.Effective));
        Assert.Equal([second.Reservation.Expires, first.Reservation.Expires], known.Select(f => f.Fact.Attempt.ReservedUntil));
    }

    [Fact]
    public async Task Reserve_NotPlaced_CountsNoMoreOnceItIsOver()
    {
        var clock = new SteppingClock();
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), clock: clock);
        await StateAsync(server, 2);
        var number = NewNumber();
        await ReserveAsync(server, number, seconds: 1);
        var placed = await ReserveAsync(server, number, seconds: 1);
        await server.Facts.RecordOutcomeAsync(new RecordOutcomeRequest
        {
            Number = number,
            Organisation = Capped,
            Outcome = CallOutcome.NoAnswer,
            Called = placed.Reservation.Called,
            Source = "dialer 7",
        });
        Assert.Equal(Verdict.Deny, (await ReserveAsync(server, number)).Decision.Verdict);
        clock.AdvanceWall(TimeSpan.FromSeconds(7));
        Assert.Equal(Verdict.Allow, (await ReserveAsync(server, number)).Decision.Verdict);
        // The one that was placed counts on.
        Assert.Equal(Verdict.Deny, (await ReserveAsync(server, number)).Decision.Verdict);
        var known = (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts;
        Assert.Equal([true, false], known.Select(f => f.Fact.Attempt.ReservedUntil is not null));
    }

    [Fact]
    public async Task Reserve_Denied_CountsNothing()
    {
        var number = NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number, Capped)));
        Assert.Equal(ReasonCode.Objection, (await ReserveAsync(server, number)).Decision.Reasons[0].Code);
        Assert.DoesNotContain(
            (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts, f => f.Fact.KindCase == Fact.KindOneofCase.Attempt);
    }

    [Fact]
    public async Task Reserve_WithAGroup_CountsForBoth()
    {
        var number = NewNumber();
        var request = Request(number, "");
        request.Question.ProductGroup = "energy";
        request.Reserve = new Reserve();
        Assert.Equal(Verdict.Allow, (await server.Lookup.CheckAsync(request)).Decision.Verdict);
        Assert.Equal(
            ["", "energy"],
            (await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number })).Facts.Select(f => f.Fact.Attempt.ProductGroup).Order());
    }

    // The last call of a group cannot be had a second time by leaving the group out.
    [Theory]
    [InlineData("", "energy", Verdict.Deny)]
    [InlineData("energy", "", Verdict.Deny)]
    [InlineData("solar-panels", "solar_panel", Verdict.Deny)]
    [InlineData("insurance", "energy", Verdict.Allow)]
    public async Task Reserve_WithAndWithoutAGroup_CountsInEveryGroupThatItMayBe(string first, string second, Verdict verdict)
    {
        const string Name = "capped-by-group";
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest
        {
            Organisation = new Organisation { Name = Name, AttemptCaps = { new AttemptCap { Max = 1, WithinHours = 24, PerProductGroup = true } } },
        });
        var number = NewNumber();
        Assert.Equal(Verdict.Allow, (await Reserve(first)).Decision.Verdict);
        Assert.Equal(verdict, (await Reserve(second)).Decision.Verdict);

        async Task<CheckResponse> Reserve(string group)
        {
            var request = Request(number, "");
            (request.Question.Organisation, request.Question.ProductGroup, request.Reserve) = (Name, group, new Reserve());
            return await server.Lookup.CheckAsync(request);
        }
    }

    // Its clock is ahead of this one: what it reserved is later than now, and counts all the same.
    [Fact]
    public async Task Reserve_AfterAnAttemptThatIsAhead_ComesBehindIt()
    {
        var number = NewNumber();
        var ahead = server.Clock.GetUtcNow().AddMinutes(2);
        for (var i = 0; i < 2; i++)
        {
            await server.Facts.RecordFactsAsync(Samples.Record(new Fact
            {
                Number = number,
                Source = "dialer 7",
                Effective = Timestamp.FromDateTimeOffset(ahead.AddSeconds(i)),
                Attempt = new Attempt { Organisation = Capped },
            }));
        }

        Assert.Equal(ReasonCode.TooManyAttempts, (await ReserveAsync(server, number)).Decision.Reasons[0].Code);
    }

    [Theory]
    [InlineData("""{"seconds":0}""", false, "reserve.duration")]
    [InlineData("""{"seconds":3601}""", false, "reserve.duration")]
    [InlineData("""{"seconds":-9000000000}""", false, "reserve.duration")]
    [InlineData("""{"seconds":60}""", true, "reserve")]
    public async Task Reserve_FieldWrong_IsNamed(string duration, bool whatIf, string field)
    {
        var request = Request(NewNumber(), "");
        request.Reserve = new Reserve { Duration = new Duration { Seconds = System.Text.Json.JsonDocument.Parse(duration).RootElement.GetProperty("seconds").GetInt64() } };
        request.WhatIf = whatIf ? new WhatIf() : null;
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckAsync(request));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.StartsWith(field + ": ", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attempt_WithReservedUntil_IsRefused()
    {
        var fact = new Fact { Number = NewNumber(), Source = "x", Attempt = new Attempt { Organisation = Capped, ReservedUntil = Loaded } };
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await server.Facts.RecordFactsAsync(Samples.Record(fact)));
        Assert.StartsWith("facts[0].attempt.reserved_until: ", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_Json_And_Tool_ReserveTheSame()
    {
        var number = NewNumber();
        using var client = new Client.LookupClient(new Client.LookupClientOptions { Address = server.Host.GrpcAddress, HedgeAfter = TimeSpan.FromMilliseconds(1), TimeProvider = new ManualClock() });
        var result = await client.CheckAsync(number, Question, new Client.CheckOptions { Reserve = TimeSpan.FromSeconds(90) }, Token);
        Assert.True(result.MayCall);
        Assert.Equal(TimeSpan.FromSeconds(90), (result.Reservation!.Expires - result.Reservation.Called).ToTimeSpan());
        var json = $$$"""{"number":"{{{number}}}","question":{"organisation":"{{{Capped}}}","purpose":"PURPOSE_COMMERCIAL","subscriber":"SUBSCRIBER_TYPE_CONSUMER"},"reserve":{"duration":"90s"}}""";
        using var response = await server.Http.PostAsync("v1/check", new StringContent(json, Encoding.UTF8, "application/json"), Token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("\"reservation\"", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        string[] arguments = ["check", number, "--org", Capped, "--purpose", "commercial", "--reserve", "60", "--subscriber", "consumer", "--address", server.Host.GrpcAddress.ToString()];
        var denied = await CliRun.Async(arguments);
        Assert.Equal(10, denied.ExitCode);
        arguments[1] = NewNumber();
        var given = await CliRun.Async(arguments);
        Assert.Equal(0, given.ExitCode);
        Assert.Contains("dial before", given.Output, StringComparison.Ordinal);
        arguments[7] = "0";
        var refused = await CliRun.Async(arguments);
        Assert.Contains("--reserve", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Organisation_WithRulesOfItsOwn_IsListedAsItWasPut()
    {
        var address = server.Host.GrpcAddress.ToString();
        var put = await CliRun.Async("org", "put", "own", "--cap", "3/24h", "--cap", "1/6d/group", "--pause-after-refusal", "60", "--address", address);
        Assert.True(put.ExitCode == 0, put.Error);
        var listed = (await server.Registry.ListOrganisationsAsync(new ListOrganisationsRequest())).Organisations.Single(o => o.Name == "own");
        Assert.Equal(
            [new AttemptCap { Max = 3, WithinHours = 24 }, new AttemptCap { Max = 1, DaysBack = 6, PerProductGroup = true }], listed.AttemptCaps);
        Assert.Equal(60u, listed.PauseAfterRefusalDays);
        Assert.Contains("3/24h, 1/6d/group", (await CliRun.Async("org", "list", "--address", address)).Output, StringComparison.Ordinal);
        foreach (var wrong in new[] { "3", "x/24h", "3/24", "3/h", "3/24h/all" })
        {
            var refused = await CliRun.Async("org", "put", "own", "--cap", wrong, "--address", address);
            Assert.Equal(2, refused.ExitCode);
            Assert.Contains("is not an attempt limit; write it like", refused.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(0, 24, "organisation.attempt_caps[0].max")]
    [InlineData(8, 24, "organisation.attempt_caps[0].max")]
    [InlineData(1, 0, "organisation.attempt_caps[0].within_hours")]
    [InlineData(1, 8_785, "organisation.attempt_caps[0].within_hours")]
    [InlineData(1, -1, "organisation.attempt_caps[0]")]
    public async Task Organisation_CapOutOfRange_IsNamed(uint max, int hours, string field)
    {
        var cap = new AttemptCap { Max = max };
        if (hours >= 0)
        {
            cap.WithinHours = (uint)hours;
        }

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await server.Registry.PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = new Organisation { Name = "own", AttemptCaps = { cap } } }));
        Assert.StartsWith(field + ": ", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Organisation_PauseAfterRefusal_ForbidsAndIsExplained()
    {
        await server.Registry.PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = new Organisation { Name = "pausing", SwitchedOffLayers = { Layer.Code, Layer.Policy }, PauseAfterRefusalDays = 30 } });
        var number = NewNumber();
        var outcome = Samples.Outcome(number, CallOutcome.Refused, "pausing");
        outcome.Called = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-29));
        var token = (await server.Facts.RecordOutcomeAsync(outcome)).ConsistencyToken;
        var explained = await server.Lookup.ExplainAsync(new ExplainRequest
        {
            Number = number,
            Question = Samples.Question("pausing"),
            Consistency = new Consistency { AtLeastAsFresh = token },
        });
        Assert.Equal((Verdict.Deny, ReasonCode.Refusal), (explained.Decision.Verdict, explained.Decision.Reasons[0].Code));
        Assert.Contains("The organisation does not call for 30 days after a refusal.", explained.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TwoInstances_ManyAtOnceWhileRedisIsFrozenOrKilled_GiveTheLastCallOnce()
    {
        await using var redis = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");
        await StoreAdmin.InitAsync(
            redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        await using var one = await StartAsync(redis.Options);
        await using var other = await StartAsync(redis.Options);
        await StateAsync(one, 1);
        await other.Host.FollowRegistryAsync(Token);
        for (var round = 0; round < 24; round++)
        {
            var number = NewNumber();
            var isBroken = round % 6 == 5;
            var breaking = isBroken ? BreakAsync(redis, kill: round % 12 == 11) : Task.CompletedTask;
            var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
            {
                await Task.Delay(isBroken ? Random.Shared.Next(1_200) : 0, Token);
                try
                {
                    return (await ReserveAsync(i % 2 == 0 ? one : other, number)).Decision.Verdict;
                }
                catch (RpcException)
                {
                    return Verdict.Unknown;
                }
            }));
            await breaking;
            Assert.InRange(answers.Count(v => v == Verdict.Allow), isBroken ? 0 : 1, 1);
            if (!isBroken)
            {
                Assert.Equal(63, answers.Count(v => v == Verdict.Deny));
            }
            else
            {
                await ServingAsync(one);
                await ServingAsync(other);
            }
        }

        static async Task<LookupServer> StartAsync(StoreOptions options) => await LookupServer.StartAsync(
            await StoreAdmin.OpenAsync(options with { ReadTimeoutMs = 2_000 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token), o => o.StoreWriteLimitMs = 5_000);
    }

    private static async Task BreakAsync(RedisServer redis, bool kill)
    {
        await Task.Delay(200, Token);
        if (kill)
        {
            await redis.KillAsync();
            await Task.Delay(300, Token);
            await redis.RestartAsync();
        }
        else
        {
            // Longer than a read is waited for.
            redis.Pause();
            await Task.Delay(2_500, Token);
            redis.Continue();
        }
    }

    private static async Task ServingAsync(LookupServer server)
    {
        for (var left = 300; ; left--)
        {
            try
            {
                if ((await ReserveAsync(server, NewNumber())).Decision.Verdict == Verdict.Allow)
                {
                    return;
                }
            }
            catch (RpcException) when (left > 0)
            {
                // Not yet.
            }

            Assert.True(left > 0, "the service does not serve again");
            await Task.Delay(100, Token);
        }
    }

    private static string NewNumber() => $"+4474{Interlocked.Increment(ref _next)}";

    private static Question Question => new() { Organisation = Capped, Purpose = Purpose.Commercial, Subscriber = SubscriberType.Consumer };

    private static CheckRequest Request(string number, string token) => new()
    {
        Number = number,
        Question = Question,
        Consistency = token.Length > 0 ? new Consistency { AtLeastAsFresh = token } : null,
    };

    private static async Task<CheckResponse> ReserveAsync(LookupServer server, string number, int seconds = 0)
    {
        var request = Request(number, "");
        request.Reserve = new Reserve { Duration = seconds == 0 ? null : new Duration { Seconds = seconds } };
        return await server.Lookup.CheckAsync(request);
    }

    // Both British registers without anybody on them, and so many calls a day.
    private static async Task StateAsync(LookupServer server, uint max)
    {
        foreach (var register in (string[])["uk-tps", "uk-ctps"])
        {
            await server.Registry.RecordSnapshotAsync(new RecordSnapshotRequest { Register = register, SnapshotDate = Loaded });
        }

        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest
        {
            Organisation = new Organisation { Name = Capped, AttemptCaps = { new AttemptCap { Max = max, WithinHours = 24 } } },
        });
    }
}
