using Lookup.Load.Chaos.Checking;
using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;

namespace Lookup.Tests.Load;

public sealed class HistoryCheckerTests
{
    private readonly HandMade _history = new();

    [Fact]
    public void Final_EverythingAcknowledgedListed_IsRight()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 30, 40, all: true).List(900)
            .Find(WriteKind.Consent, 10, 900).Find(WriteKind.Objection, 30, 900, all: true);

        Assert.Empty(Judge());
    }

    [Fact]
    public void Final_AcknowledgedFactMissing_IsLost()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 30, 40).List(900).Find(WriteKind.Consent, 10, 900);

        Assert.Equal([Fault.LostFact], Judge());
    }

    [Fact]
    public void Final_WithdrawalListedInPlaceOfTheFact_IsLostAndStrange()
    {
        _history.Write(1, WriteKind.Objection, 10, 20).List(900).Find(WriteKind.ObjectionWithdrawal, 10, 900);

        Assert.Equal([Fault.LostFact, Fault.StrangeFact], Judge().Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Final_UnacknowledgedFact_MayBeThereOrNot(bool there)
    {
        _history.Begin(1, WriteKind.Consent, 10).Fail(1, 20).List(900);
        if (there)
        {
            _history.Find(WriteKind.Consent, 10, 900);
        }

        Assert.Empty(Judge());
    }

    [Fact]
    public void Final_NumberNotListed_ShowsNothing()
    {
        _history.Write(1, WriteKind.Consent, 10, 20);

        Assert.Equal([Fault.LostFact], Judge());
    }

    [Fact]
    public void Final_FactThatNobodyWrote_IsStrange()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).List(900).Find(WriteKind.Consent, 10, 900).Find(WriteKind.Consent, 11, 900);

        Assert.Equal([Fault.StrangeFact], Judge());
    }

    [Fact]
    public void Final_ErasedFactStillThere_IsStrange()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Erasure, 30, 40).List(900)
            .Find(WriteKind.Objection, 35, 900, all: true).Find(WriteKind.Consent, 10, 900);

        Assert.Equal([Fault.StrangeFact], Judge());
    }

    [Fact]
    public void Final_ErasureLeftItsObjections_IsRight()
    {
        _history.Write(1, WriteKind.Erasure, 30, 40).List(900).Find(WriteKind.Objection, 35, 900, all: true).Find(WriteKind.Objection, 0, 900, all: true);

        Assert.Empty(Judge());
    }

    [Fact]
    public void Final_ErasureLeftNoObjection_IsLost()
    {
        _history.Write(1, WriteKind.Erasure, 30, 40).List(900).Find(WriteKind.Objection, 29, 900, all: true);

        Assert.Equal([Fault.LostFact, Fault.StrangeFact], Judge().Order());
    }

    [Fact]
    public void Final_VersionsBeyondThoseKept_MayBeGone()
    {
        for (var i = 1; i <= 9; i++)
        {
            _history.Write(i, WriteKind.Consent, i * 10, (i * 10) + 5);
        }

        _history.List(900);
        for (var i = 3; i <= 9; i++)
        {
            _history.Find(WriteKind.Consent, i * 10, 900);
        }

        Assert.Empty(Judge());
    }

    [Fact]
    public void Watch_ChangeToldTwice_IsRight()
    {
        _history.Watching(1, 5).Write(1, WriteKind.Consent, 10, 20).Watched(1, WriteKind.Consent, 10, 21).Watched(1, WriteKind.Consent, 10, 22)
            .WatchEnded(1, 800).List(900).Find(WriteKind.Consent, 10, 900);

        Assert.Empty(Judge());
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("too old", false)]
    public void Watch_ChangeNotTold_IsMissedUnlessItWasSaid(string? why, bool missed)
    {
        _history.Watching(1, 5).Write(1, WriteKind.Consent, 10, 20).WatchEnded(1, 800, why).List(900).Find(WriteKind.Consent, 10, 900);

        Assert.Equal(missed ? [Fault.WatchMissed] : [], Judge());
    }

    // A consumer that the end of the run cut off knows that it was told up to its last token, and no more.
    [Theory]
    [InlineData(4, false)]
    [InlineData(5, true)]
    public void Watch_CutOffBeforeItCaughtUp_IsJudgedUpToItsToken(int reached, bool missed)
    {
        _history.Watching(1, 5).Write(1, WriteKind.Consent, 10, 20, version: 5).WatchEnded(1, 800, reached: reached).List(900).Find(WriteKind.Consent, 10, 900);

        Assert.Equal(missed ? [Fault.WatchMissed] : [], Judge());
    }

    [Fact]
    public void Watch_ChangeFromBeforeItBegan_NeedNotBeTold()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Watching(1, 25).WatchEnded(1, 800).List(900).Find(WriteKind.Consent, 10, 900);

        Assert.Empty(Judge());
    }

    [Fact]
    public void Watch_ChangesInTheWrongOrder_AreTold()
    {
        _history.Watching(1, 5).Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 30, 40)
            .Watched(1, WriteKind.Objection, 30, 50).Watched(1, WriteKind.Consent, 10, 51)
            .WatchEnded(1, 800).List(900).Find(WriteKind.Consent, 10, 900).Find(WriteKind.Objection, 30, 900);

        Assert.Equal([Fault.WatchOrder], Judge());
    }

    [Fact]
    public void Watch_ChangesMadeAtOnce_MayComeInAnyOrder()
    {
        _history.Watching(1, 5).Write(1, WriteKind.Consent, 10, 35).Write(2, WriteKind.Objection, 30, 40)
            .Watched(1, WriteKind.Objection, 30, 50).Watched(1, WriteKind.Consent, 10, 51)
            .WatchEnded(1, 800).List(900).Find(WriteKind.Consent, 10, 900).Find(WriteKind.Objection, 30, 900);

        Assert.Empty(Judge());
    }

    [Theory]
    [InlineData(1_400, true)]
    [InlineData(1_600, false)]
    public void Doubt_AllowedLaterThanTheBound_IsBelieved(int asked, bool right)
    {
        var events = _history.Write(1, WriteKind.Consent, 10, 20).List(900).Find(WriteKind.Consent, 10, 900).Events
            .Append(new HistoryEvent { Event = EventKind.Doubt, Start = 1_000_000, At = 3_000_000, Text = "it was told so" })
            .Append(_history.Check(asked, asked + 10)).ToList();

        Assert.Equal(right ? [] : [Fault.Believed], HistoryChecker.Judge(events, 500).Select(violation => violation.Fault));
    }

    [Fact]
    public void History_WrittenAndRead_IsTheSame()
    {
        _history.Write(1, WriteKind.Consent, 10, 20, until: 99, version: 3, instance: 2).Fail(1, 30).Lose(5, 40);
        var lines = _history.Events.Append(_history.Check(1, 2, ReadMode.Token, 4)).ToList();

        Assert.Equal(lines, lines.Select(told => HistoryEvent.Parse(told.ToJson())));
    }

    [Fact]
    public void Plan_SameSeed_IsTheSame()
    {
        var plan = ChaosPlan.Make(7, null, TimeSpan.FromSeconds(60), 3);

        Assert.Equal(plan.Faults, ChaosPlan.Make(7, null, TimeSpan.FromSeconds(60), 3).Faults);
        Assert.NotEqual(plan.Faults, ChaosPlan.Make(8, plan.Mode, TimeSpan.FromSeconds(60), 3).Faults);
    }

    private IEnumerable<Fault> Judge() => HistoryChecker.Judge(_history.Events, 500).Select(violation => violation.Fault);
}
