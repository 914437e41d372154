using Grpc.Core;
using Lookup.Client;
using Lookup.Client.Testing;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;

namespace Lookup.ServiceTests.ClientLibrary;

public sealed class FakeLookupTests
{
    private readonly FakeLookup _fake = new();

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_RealNumberWithoutAScript_IsNeverAllowed()
    {
        var result = await CheckAsync("+31612345678");

        Assert.Equal((Verdict.NotCovered, false), (result.Verdict, result.MayCall));
    }

    [Fact]
    public async Task Check_Scripted_AnswersByTheLastLineThatFits()
    {
        _fake.On((number, question) => question.Organisation == "acme", FakeAnswer.Allow(ReasonCode.Consent))
            .On("06 1234-5678", FakeAnswer.Deny())
            .On("+31612345678", FakeAnswer.Fail(StatusCode.Unavailable, TimeSpan.FromSeconds(3)))
            .Otherwise(FakeAnswer.Unknown());

        Assert.True((await CheckAsync("+31687654321")).MayCall);
        Assert.Equal(Verdict.Deny, (await CheckAsync("0612345678")).Verdict);
        var failed = await CheckAsync("+31612345678");
        Assert.Equal((CheckState.Unavailable, TimeSpan.FromSeconds(3)), (failed.State, failed.RetryAfter));
        Assert.Equal(Verdict.Unknown, (await _fake.CheckAsync("+31687654321", new Question { Organisation = "other" }, cancellationToken: Test)).Verdict);
        Assert.Equal(4, _fake.Asked.Count);
    }

    [Fact]
    public async Task Check_EveryMagicNumber_AnswersAsItSays()
    {
        Assert.InRange(MagicNumbers.All.Count, 50, 200);
        foreach (var (number, answer) in MagicNumbers.All)
        {
            var result = await CheckAsync(number);
            if (answer.Failure is { } status)
            {
                Assert.NotEqual(CheckState.Answered, result.State);
                Assert.Equal(status, Assert.IsType<LookupException>(result.Exception).Status);
            }
            else
            {
                Assert.Equal((CheckState.Answered, answer.Reason), (result.State, result.Reason));
            }

            Assert.Equal(int.Parse(number[^3..], System.Globalization.CultureInfo.InvariantCulture) is (> 0 and < 20) or 500, result.MayCall);
            Assert.Equal(FakeLookup.Mark, result.Decision?.Regime ?? FakeLookup.Mark);
        }
    }

    [Fact]
    public void Docs_EveryMagicNumber_IsInTheTableWithItsVerdict()
    {
        var docs = File.ReadAllLines(Path.Combine(Programs.Root(), "docs/guide/testing-your-dialer.md"));
        var rows = docs.Where(l => l.StartsWith("| +44", StringComparison.Ordinal)).Select(l => l.Split('|', StringSplitOptions.TrimEntries)).ToList();

        Assert.Equal(
            MagicNumbers.All.Select(m => (m.Number, Name(m.Answer))),
            rows.Select(r => (r[1], r[2])));

        static string Name(FakeAnswer answer) => answer switch
        {
            { Failure: not null } => "-",
            { Verdict: Verdict.NotCovered } => "NOT_COVERED",
            _ => answer.Verdict.ToString().ToUpperInvariant(),
        };
    }

    [Fact]
    public async Task Check_EveryReasonAndStatus_HasItsNumber()
    {
        foreach (var reason in Enum.GetValues<ReasonCode>().Where(r => r != ReasonCode.Unspecified))
        {
            Assert.Equal(reason, (await CheckAsync(MagicNumbers.For(reason))).Reason);
        }

        foreach (var status in Enum.GetValues<StatusCode>().Where(s => s != StatusCode.OK))
        {
            Assert.Equal(status, Assert.IsType<LookupException>((await CheckAsync(MagicNumbers.For(status))).Exception).Status);
        }
    }

    [Fact]
    public async Task Check_Magic_ConstantsMeanWhatTheirNamesSay()
    {
        Assert.True((await CheckAsync(MagicNumbers.Allow)).MayCall);
        Assert.Equal(ReasonCode.Consent, (await CheckAsync(MagicNumbers.AllowByConsent)).Reason);
        Assert.Equal(ReasonCode.Objection, (await CheckAsync(MagicNumbers.DenyByObjection)).Reason);
        Assert.Equal(ReasonCode.Registered, (await CheckAsync(MagicNumbers.DenyByRegister)).Reason);
        Assert.Equal(ReasonCode.NoConsent, (await CheckAsync(MagicNumbers.DenyWithoutConsent)).Reason);
        Assert.Equal(ReasonCode.OutsideHours, (await CheckAsync(MagicNumbers.DenyOutsideHours)).Reason);
        Assert.Equal(Verdict.NotCovered, (await CheckAsync(MagicNumbers.NotCovered)).Verdict);
        Assert.Equal((Verdict.Unknown, CheckState.Answered), ((await CheckAsync(MagicNumbers.Unknown)).Verdict, (await CheckAsync(MagicNumbers.Unknown)).State));
        Assert.Equal(CheckState.Unavailable, (await CheckAsync(MagicNumbers.Unavailable)).State);
        Assert.Equal(CheckState.TimedOut, (await CheckAsync(MagicNumbers.TimesOut)).State);
        Assert.Equal(TimeSpan.FromSeconds(2), (await CheckAsync(MagicNumbers.Overloaded)).RetryAfter);
        Assert.Equal(CheckState.Refused, (await CheckAsync(MagicNumbers.Refused)).State);
        Assert.Equal(CheckState.Broken, (await CheckAsync(MagicNumbers.Broken)).State);
        Assert.Equal(TimeSpan.FromSeconds(3), MagicNumbers.Answer(MagicNumbers.Slow)!.Delay);
        foreach (var trap in new[] { MagicNumbers.Hypothetical, MagicNumbers.Expired, MagicNumbers.UnheardOf })
        {
            Assert.Equal((CheckState.Answered, false), ((await CheckAsync(trap)).State, (await CheckAsync(trap)).MayCall));
        }
    }

    [Fact]
    public async Task Check_SlowAnswer_CanBeCancelled()
    {
        using var stop = new CancellationTokenSource();
        var check = _fake.CheckAsync(MagicNumbers.Slow, Asked, cancellationToken: stop.Token);
        Assert.False(check.IsCompleted);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => check);
    }

    [Fact]
    public async Task Record_AnObjection_DeniesFromThenOn()
    {
        Assert.True((await CheckAsync(MagicNumbers.Allow)).MayCall);

        await _fake.RecordFactsAsync(
            new RecordFactsRequest { Facts = { new Fact { Number = "+44 7700 900001", Objection = new Objection { Organisation = "acme" } } } }, Test);

        Assert.Equal(ReasonCode.Objection, (await CheckAsync(MagicNumbers.Allow)).Reason);
        Assert.True((await _fake.CheckAsync(MagicNumbers.Allow, new Question { Organisation = "other" }, cancellationToken: Test)).MayCall);
        Assert.Single((await _fake.ListFactsAsync(new ListFactsRequest { Number = MagicNumbers.Allow }, Test)).Facts);
        Assert.Single(_fake.Recorded);
    }

    [Fact]
    public async Task Check_NoNumber_IsRefusedAndInAListAnItem()
    {
        var refused = await CheckAsync("call me");
        var item = default(CheckResult);
        await foreach (var result in _fake.CheckAsync(OneAsync(), Asked, cancellationToken: Test))
        {
            item = result;
        }

        Assert.Equal((CheckState.Refused, "number"), (refused.State, Assert.Single(refused.Fields).Field));
        Assert.Equal((CheckState.Answered, ReasonCode.InvalidNumber, false), (item.State, item.Reason, item.MayCall));

        static async IAsyncEnumerable<string> OneAsync()
        {
            await Task.Yield();
            yield return "call me";
        }
    }

    [Fact]
    public async Task Check_WhatIf_PermitsNothing() =>
        Assert.False((await _fake.CheckAsync(MagicNumbers.Allow, Asked, new CheckOptions { WhatIf = new WhatIf() }, Test)).MayCall);

    [Fact]
    public async Task Explain_Magic_AnswersAsTheCheckDoes() => Assert.Equal(
        Verdict.Deny,
        (await _fake.ExplainAsync(new ExplainRequest { Number = MagicNumbers.DenyByObjection, Question = Asked }, Test)).Decision.Verdict);

    private Task<CheckResult> CheckAsync(string number) => _fake.CheckAsync(number, Asked, cancellationToken: Test);
}
