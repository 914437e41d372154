using Grpc.Core;
using Lookup.Client;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>CheckResult.MayCall is true for one thing only.</summary>
public sealed class CheckResultTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public void Result_NeverSet_PermitsNothing()
    {
        var result = default(CheckResult);

        Assert.False(result.MayCall);
        Assert.Equal(CheckState.NotAsked, result.State);
        Assert.Equal(Verdict.Unknown, result.Verdict);
        Assert.Equal("", result.Number);
        Assert.NotEmpty(result.ToString());
    }

    [Fact]
    public async Task Check_Allow_PermitsUntilItIsOver()
    {
        var clock = new ManualClock();
        var result = await CheckAsync(Response(Decision(reusableSeconds: 0.5)), clock);

        Assert.True(result.MayCall);
        Assert.Equal((Number, Verdict.Allow, ReasonCode.NothingForbids, CheckState.Answered), (result.Number, result.Verdict, result.Reason, result.State));
        clock.Advance(TimeSpan.FromMilliseconds(499));
        Assert.True(result.MayCall);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(result.MayCall);
        Assert.Equal(Verdict.Allow, result.Verdict);
    }

    [Fact]
    public async Task Check_AllowOfAnEarlierService_PermitsBetweenItsTwoDates()
    {
        var clock = new ManualClock();
        var decision = Decision();
        (decision.ReusableFor, decision.ReusableUntil) = (null, decision.CallTime + new Duration { Nanos = 500_000_000 });

        var result = await CheckAsync(Response(decision), clock);

        Assert.True(result.MayCall);
        clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.False(result.MayCall);
    }

    [Fact]
    public async Task ToString_AllowThatPermitsNothing_SaysWhy()
    {
        var clock = new ManualClock();
        var expired = await CheckAsync(Response(Decision(reusableSeconds: 0.5)), clock);
        var hypothetical = Decision();
        (hypothetical.Hypothetical, hypothetical.ReusableFor) = (true, null);

        Assert.Equal($"{Number} Allow NothingForbids", expired.ToString());
        clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal($"{Number} Allow NothingForbids (permits no call: expired)", expired.ToString());
        Assert.Equal(
            $"{Number} Allow NothingForbids (permits no call: what-if answer)", (await CheckAsync(Response(hypothetical), clock)).ToString());
        Assert.DoesNotContain("permits", (await CheckAsync(Response(Decision(Verdict.Deny)), clock)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_AllowWhileTheWallClockIsSetBack_EndsByTheOtherClock()
    {
        var clock = new ManualClock();
        var result = await CheckAsync(Response(Decision(reusableSeconds: 0.5)), clock);

        clock.Advance(TimeSpan.FromSeconds(1));
        clock.Wall -= TimeSpan.FromHours(2);

        Assert.False(result.MayCall);
    }

    [Fact]
    public async Task Check_AllowWhileTheMachineSleeps_EndsByTheWallClock()
    {
        var clock = new ManualClock();
        var result = await CheckAsync(Response(Decision(reusableSeconds: 0.5)), clock);

        clock.Sleep(TimeSpan.FromSeconds(1));

        Assert.False(result.MayCall);
    }

    public static TheoryData<string, Action<CheckResponse>> Traps => new()
    {
        { "denied", r => r.Decision = Decision(Verdict.Deny) },
        { "unknown", r => r.Decision.Verdict = Verdict.Unknown },
        { "not covered", r => r.Decision.Verdict = Verdict.NotCovered },
        { "a verdict of a newer service", r => r.Decision.Verdict = (Verdict)99 },
        { "a negative verdict", r => r.Decision.Verdict = (Verdict)(-1) },
        { "no verdict", r => r.Decision.Verdict = Verdict.Unspecified },
        { "no decision", r => r.Decision = null },
        { "an empty decision", r => r.Decision = new Decision() },
        { "hypothetical", r => r.Decision.Hypothetical = true },
        { "no time to reuse it", r => r.Decision.ReusableFor = null },
        { "no time at all", r => r.Decision.ReusableFor = new() },
        { "less than no time", r => r.Decision.ReusableFor = new() { Seconds = -1 } },
        { "a time that cannot be read", r => r.Decision.ReusableFor = new() { Seconds = 1, Nanos = -1 } },
        { "two dates, expired", r => (r.Decision.ReusableFor, r.Decision.ReusableUntil) = (null, r.Decision.CallTime) },
        { "about another number", r => r.Number = "+31612345679" },
        { "about no number", r => r.Number = "" },
    };

    [Theory]
    [MemberData(nameof(Traps))]
    public async Task Check_AnswerThatIsNoAllow_PermitsNothing(string what, Action<CheckResponse> change)
    {
        Assert.NotEmpty(what);
        var response = Response(Decision());
        change(response);

        var result = await CheckAsync(response, new ManualClock());

        Assert.False(result.MayCall);
    }

    [Fact]
    public async Task Check_VerdictOfANewerService_IsUnknown() =>
        Assert.Equal(Verdict.Unknown, (await CheckAsync(Response(Decision((Verdict)99)), new ManualClock())).Verdict);

    public static TheoryData<StatusCode> Statuses => [.. Enum.GetValues<StatusCode>().Where(s => s != StatusCode.OK)];

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task Check_CallThatFails_IsAValueWithTheCause(StatusCode status)
    {
        await using var service = await ServiceAsync(_ => throw new RpcException(new Status(status, "As scripted.")));
        using var client = ClientOf(service, new ManualClock());

        var result = await client.CheckAsync(Number, Asked, cancellationToken: Test);

        Assert.False(result.MayCall);
        Assert.Equal(Verdict.Unknown, result.Verdict);
        Assert.NotEqual(CheckState.Answered, result.State);
        Assert.NotEqual(CheckState.NotAsked, result.State);
        Assert.Equal(Number, result.Number);
        Assert.IsType<LookupException>(result.Exception);
        // Waiting helps exactly where the trouble can pass.
        Assert.Equal(
            status is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.ResourceExhausted, result.RetryAfter > TimeSpan.Zero);
    }

    [Fact]
    public async Task Check_NoServiceThere_IsUnavailable()
    {
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:1") });

        var result = await client.CheckAsync(Number, Asked, cancellationToken: Test);

        Assert.Equal((CheckState.Unavailable, false), (result.State, result.MayCall));
    }

    [Fact]
    public async Task Check_SlowService_TimesOut()
    {
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = async (_, context) =>
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
                return new CheckResponse();
            },
        });
        using var client = StreamScripts.ClientOf(service, o => o with { Timeout = TimeSpan.FromMilliseconds(200) });

        var result = await client.CheckAsync(Number, Asked, cancellationToken: Test);

        Assert.Equal((CheckState.TimedOut, false), (result.State, result.MayCall));
    }

    [Fact]
    public async Task Check_CancelledByTheCaller_Throws()
    {
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:1") });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.CheckAsync(Number, Asked, cancellationToken: new CancellationToken(true)));
    }

    private static async Task<CheckResult> CheckAsync(CheckResponse response, ManualClock clock)
    {
        await using var service = await ServiceAsync(_ => response);
        using var client = ClientOf(service, clock);
        return await client.CheckAsync(Number, Asked, cancellationToken: Test);
    }
}
