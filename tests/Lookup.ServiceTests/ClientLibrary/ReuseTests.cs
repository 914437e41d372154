using Lookup.Client;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>Answers are reused as long as the service says, and never longer.</summary>
public sealed class ReuseTests : IAsyncLifetime
{
    private readonly ManualClock _clock = new();
    private ScriptedService _service = null!;
    private LookupClient _client = null!;
    private Func<CheckRequest, Decision> _answer = _ => Decision();
    private int _asked;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _service = await ServiceAsync(request =>
        {
            Interlocked.Increment(ref _asked);
            return Response(_answer(request), request.Number.StartsWith('+') ? request.Number : "+31" + request.Number[1..]);
        });
        _client = ClientOf(_service, _clock);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _service.DisposeAsync();
    }

    [Fact]
    public async Task Check_AgainWhileReusable_IsNotAskedAgain()
    {
        Assert.True(await MayCallAsync());
        _clock.Advance(TimeSpan.FromMilliseconds(400));

        Assert.True(await MayCallAsync());
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task Question_ChangedWhileItsCheckIsUnderWay_DoesNotGetThatAnswer()
    {
        var question = Asked.Clone();
        _answer = request =>
        {
            question.Organisation = "bolt";
            return Decision(request.Question.Organisation == "acme" ? Verdict.Allow : Verdict.Deny);
        };
        Assert.True((await _client.CheckAsync(Number, question, cancellationToken: Test)).MayCall);
        Assert.Equal("bolt", question.Organisation);

        Assert.True(await MayCallAsync());
        Assert.Equal(1, _asked);
        Assert.False((await _client.CheckAsync(Number, question, cancellationToken: Test)).MayCall);
    }

    [Fact]
    public async Task Check_AgainAfterReusableUntil_IsAskedAgain()
    {
        Assert.True(await MayCallAsync());
        _answer = _ => Decision(Verdict.Deny);
        _clock.Advance(TimeSpan.FromMilliseconds(500));

        Assert.False(await MayCallAsync());
        Assert.Equal(2, _asked);
    }

    [Fact]
    public async Task Check_AgainAndAgain_DoesNotExtendTheFirst()
    {
        Assert.True(await MayCallAsync());
        _answer = _ => Decision(Verdict.Deny);
        for (var i = 0; i < 4; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(120));
            Assert.True(await MayCallAsync());
        }

        _clock.Advance(TimeSpan.FromMilliseconds(120));
        Assert.False(await MayCallAsync());
    }

    [Fact]
    public async Task Check_AfterTheWallClockWasSetBack_IsAskedAgain()
    {
        Assert.True(await MayCallAsync());
        _clock.Advance(TimeSpan.FromSeconds(1));
        _clock.Wall = ManualClock.Start;

        Assert.True(await MayCallAsync());
        Assert.Equal(2, _asked);
    }

    [Fact]
    public async Task Check_Deny_IsAskedEachTime()
    {
        _answer = _ => Decision(Verdict.Deny);

        Assert.False(await MayCallAsync());
        Assert.False(await MayCallAsync());
        Assert.Equal(2, _asked);
    }

    [Fact]
    public async Task Check_AnotherQuestion_IsAsked()
    {
        Assert.True(await MayCallAsync());
        foreach (var change in new Action<Question>[]
        {
            q => q.Organisation = "other", q => q.Purpose = Purpose.Charity, q => q.Kind = CallKind.Service, q => q.Automated = true, q => q.DiallingMode = DiallingMode.Preview, q => q.CallerNumber = "+31201234567", q => q.CalledRegion = "US-FL", q => q.LineType = LineType.Mobile,
            q => q.CallerNumberWithheld = true, q => q.ProductGroup = "energy", q => q.Subscriber = SubscriberType.LegalPerson, q => q.Sector = Sector.PressPublisher,
        })
        {
            var question = Asked.Clone();
            change(question);
            var before = _asked;
            await _client.CheckAsync(Number, question, cancellationToken: Test);
            Assert.Equal(before + 1, _asked);
        }
    }

    [Fact]
    public async Task Check_QuestionChangedAfterwards_IsAnotherQuestion()
    {
        var question = Asked.Clone();
        await _client.CheckAsync(Number, question, cancellationToken: Test);
        question.Organisation = "other";
        _answer = _ => Decision(Verdict.Deny);

        Assert.False((await _client.CheckAsync(Number, question, cancellationToken: Test)).MayCall);
    }

    [Fact]
    public async Task Check_ThatDemandsExactOrSupposes_IsAskedEachTime()
    {
        Assert.True(await MayCallAsync());
        await _client.CheckAsync(Number, Asked, new CheckOptions { Consistency = new Consistency { Exact = true } }, Test);
        await _client.CheckAsync(Number, Asked, new CheckOptions { WhatIf = new WhatIf() }, Test);

        Assert.Equal(3, _asked);
    }

    [Fact]
    public async Task Check_DeniedToAnotherCall_IsNoLongerReused()
    {
        Assert.True(await MayCallAsync());
        _answer = _ => Decision(Verdict.Deny);
        await _client.CheckAsync(Number, Asked, new CheckOptions { Consistency = new Consistency { Exact = true } }, Test);

        Assert.False(await MayCallAsync());
    }

    [Fact]
    public async Task Forget_ANumber_DropsItsAnswersOnly()
    {
        Assert.True(await MayCallAsync());
        Assert.True(await MayCallAsync("+31612345679"));
        _answer = _ => Decision(Verdict.Deny);

        _client.Forget(Number);

        Assert.False(await MayCallAsync());
        Assert.True(await MayCallAsync("+31612345679"));
    }

    [Fact]
    public async Task Forget_ANumberThatWasAskedInANationalForm_DropsItsAnswer()
    {
        Assert.True(await MayCallAsync("0612345678"));
        _answer = _ => Decision(Verdict.Deny);

        _client.Forget(Number);

        Assert.False(await MayCallAsync("0612345678"));
    }

    [Fact]
    public async Task Forget_WhileAnAnswerIsUnderWay_DoesNotKeepIt()
    {
        _answer = _ =>
        {
            // The service read before the objection that the caller is told of now.
            _client.Forget(Number);
            return Decision();
        };
        await MayCallAsync();
        _answer = _ => Decision(Verdict.Deny);

        Assert.False(await MayCallAsync());
    }

    [Fact]
    public async Task ForgetAll_Always_DropsEverything()
    {
        Assert.True(await MayCallAsync());
        _client.ForgetAll();
        _answer = _ => Decision(Verdict.Deny);

        Assert.False(await MayCallAsync());
    }

    [Theory]
    [InlineData(Number)]
    [InlineData("06 12345678")]
    public async Task RecordFacts_AboutANumber_DropsItsAnswersEvenWhenItFails(string recorded)
    {
        Assert.True(await MayCallAsync());
        _answer = _ => Decision(Verdict.Deny);

        // The scripted service has no RecordFacts.
        await Assert.ThrowsAsync<LookupException>(() => _client.RecordFactsAsync(
            new RecordFactsRequest { Facts = { new Fact { Number = recorded, Objection = new Objection { Organisation = "*" } } } }, Test));

        Assert.False(await MayCallAsync());
    }

    [Fact]
    public async Task Check_MoreNumbersThanTheLimit_ForgetsTheOldest()
    {
        for (var i = 0; i < 11; i++)
        {
            await MayCallAsync($"+316123450{i:00}");
        }

        await MayCallAsync("+31612345010");
        await MayCallAsync("+31612345001");
        Assert.Equal(11, _asked);
        await MayCallAsync("+31612345000");
        Assert.Equal(12, _asked);
    }

    [Fact]
    public async Task Check_ReuseSwitchedOff_IsAskedEachTime()
    {
        using var client = ClientOf(_service, _clock, reuse: 0);

        Assert.True((await client.CheckAsync(Number, Asked, cancellationToken: Test)).MayCall);
        Assert.True((await client.CheckAsync(Number, Asked, cancellationToken: Test)).MayCall);
        Assert.Equal(2, _asked);
    }

    private async Task<bool> MayCallAsync(string number = Number) => (await _client.CheckAsync(number, Asked, cancellationToken: Test)).MayCall;
}
