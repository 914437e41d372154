using Lookup.Load.Chaos.Checking;
using Lookup.Load.Chaos.History;

namespace Lookup.Tests.Load;

/// <summary>Hand-made histories; one tells of the time of its events in milliseconds.</summary>
public sealed class AllowCheckTests
{
    private const int BoundMs = 500;

    private readonly HandMade _history = new();

    [Fact]
    public void Allow_ConsentAlone_IsRight()
    {
        _history.Write(1, WriteKind.Consent, 10, 20);

        Assert.Empty(Judge(_history.Check(30, 40)));
    }

    [Fact]
    public void Allow_NoConsentEver_IsWrong() => Assert.Equal([Fault.WrongAllow], Judge(_history.Check(30, 40)));

    [Fact]
    public void Allow_ConsentBegunAfterTheAnswer_IsWrong()
    {
        _history.Write(1, WriteKind.Consent, 50, 60);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(30, 40)));
    }

    [Fact]
    public void Allow_ConsentOfAnotherNumber_IsWrong()
    {
        _history.Write(1, WriteKind.Consent, 10, 20, number: 8);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(30, 40)));
    }

    [Fact]
    public void Allow_ConsentThatNobodyAcknowledged_IsRight()
    {
        _history.Begin(1, WriteKind.Consent, 10).Fail(1, 20);

        Assert.Empty(Judge(_history.Check(30, 40)));
    }

    [Fact]
    public void Allow_ConsentThatWasRefused_IsWrong()
    {
        _history.Begin(1, WriteKind.Consent, 10).Refuse(1, 20);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(30, 40)));
    }

    [Fact]
    public void Allow_ConsentExpired_IsWrong()
    {
        _history.Write(1, WriteKind.Consent, 10, 20, until: 29);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(30, 40)));
        Assert.Empty(Judge(_history.Check(28, 40)));
    }

    [Theory]
    [InlineData(false, 600, false)]
    [InlineData(false, 601, true)]
    [InlineData(true, 100, false)]
    [InlineData(true, 101, true)]
    public void Allow_AfterObjection_IsWrongOnceItMustBeKnown(bool exact, int start, bool wrong)
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 90, 100);

        Assert.Equal(wrong ? [Fault.WrongAllow] : [], Judge(_history.Check(start, 2_000, exact ? ReadMode.Exact : ReadMode.Bounded)));
    }

    [Theory]
    [InlineData(6, false)]
    [InlineData(7, true)]
    [InlineData(8, true)]
    public void Allow_AfterObjectionInsideTheBound_IsWrongWithItsTokenOrALaterOne(int demanded, bool wrong)
    {
        _history.Write(1, WriteKind.Consent, 10, 20, version: 5).Write(2, WriteKind.Objection, 90, 100, version: 7);

        Assert.Equal(wrong ? [Fault.WrongAllow] : [], Judge(_history.Check(110, 120, ReadMode.Token, version: demanded)));
    }

    [Fact]
    public void Allow_ObjectionNotAcknowledged_IsRight()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Begin(2, WriteKind.Objection, 90).Fail(2, 100);

        Assert.Empty(Judge(_history.Check(2_000, 2_010, ReadMode.Exact)));
    }

    [Fact]
    public void Allow_ConsentNewerThanTheObjection_IsRight()
    {
        _history.Write(1, WriteKind.Objection, 10, 20).Write(2, WriteKind.Consent, 30, 40);

        Assert.Empty(Judge(_history.Check(2_000, 2_010, ReadMode.Exact)));
    }

    [Fact]
    public void Allow_ConsentWrittenLaterButOlderThanTheObjection_IsWrong()
    {
        _history.Write(1, WriteKind.Objection, 10, 20, effective: 9).Write(2, WriteKind.Consent, 30, 40, effective: 8);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(2_000, 2_010)));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Allow_ObjectionTakenBack_IsRightIfItIsThatOne(bool all, bool wrong)
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 30, 40, all: all).Begin(3, WriteKind.ObjectionWithdrawal, 50).Fail(3, 60);

        Assert.Equal(wrong ? [Fault.WrongAllow] : [], Judge(_history.Check(2_000, 2_010)));
    }

    [Fact]
    public void Allow_ObjectedAgainAfterTakingBack_IsWrong()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 30, 40).Write(3, WriteKind.ObjectionWithdrawal, 50, 60)
            .Write(4, WriteKind.Objection, 70, 80);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(2_000, 2_010)));
    }

    [Fact]
    public void Allow_ConsentWithdrawn_IsWrong()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.ConsentWithdrawal, 30, 40);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(2_000, 2_010)));
        Assert.Empty(Judge(_history.Check(100, 2_010)));
    }

    [Fact]
    public void Allow_NewerConsentExpired_IsWrongThoughAnOlderOneRuns()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Consent, 30, 40, until: 1_000);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(2_000, 2_010)));
    }

    [Fact]
    public void Allow_Erased_IsWrong()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Erasure, 30, 40);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(2_000, 2_010)));
    }

    [Fact]
    public void Allow_ConsentAfterErasureOfTheObjection_IsRight()
    {
        // All three at once: the objection may have been erased, and the consent may be newer than what the erasure left.
        _history.Write(1, WriteKind.Erasure, 10, 100, effective: 10).Write(2, WriteKind.Consent, 11, 90, effective: 11)
            .Write(3, WriteKind.Objection, 12, 95, effective: 12);

        Assert.Empty(Judge(_history.Check(2_000, 2_010, ReadMode.Exact)));
    }

    [Fact]
    public void Allow_ObjectionBegunAfterTheErasure_IsWrong()
    {
        _history.Write(1, WriteKind.Erasure, 10, 20).Write(2, WriteKind.Consent, 30, 40).Write(3, WriteKind.Objection, 50, 60);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(2_000, 2_010, ReadMode.Exact)));
    }

    [Fact]
    public void Allow_NoConsentNeeded_IsRightUntilSomethingForbidsIt()
    {
        Assert.Empty(Judge(_history.Check(5, 8, ReadMode.Exact, optOut: true)));
        _history.Write(1, WriteKind.Objection, 10, 20);
        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(30, 40, ReadMode.Exact, optOut: true)));
        Assert.Empty(Judge(_history.Check(30, 40, optOut: true)));
        _history.Begin(2, WriteKind.ObjectionWithdrawal, 50).Fail(2, 60);
        Assert.Empty(Judge(_history.Check(2_000, 2_010, ReadMode.Exact, optOut: true)));
        _history.Write(3, WriteKind.Erasure, 70, 80);
        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(2_000, 2_010, optOut: true)));
    }

    [Fact]
    public void Allow_WhatALostObjectionForbade_IsRightFromTheRestoreUntilItIsBack()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 100, 110).Lose(50, 1_000).Ack(2, 3_000, 9);

        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(700, 990)));
        Assert.Empty(Judge(_history.Check(1_010, 1_020, ReadMode.Exact)));
        Assert.Equal([Fault.WrongAllow], Judge(_history.Check(3_001, 3_020, ReadMode.Exact)));
    }

    [Fact]
    public void Allow_InsideTheBoundAtTheInstanceThatTookTheObjection_IsToldApart()
    {
        _history.Write(1, WriteKind.Consent, 10, 20).Write(2, WriteKind.Objection, 90, 100, instance: 2);

        Assert.Equal([Fault.OwnWrite], Judge(_history.Check(110, 120, instance: 2)));
        Assert.Empty(Judge(_history.Check(110, 120, instance: 1)));
    }

    private IEnumerable<Fault> Judge(HistoryEvent check) =>
        HistoryChecker.Judge([.. _history.Events, check, .. _history.Listing], BoundMs)
            .Where(violation => violation.Fault is Fault.WrongAllow or Fault.OwnWrite).Select(violation => violation.Fault);
}
