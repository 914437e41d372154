using Grpc.Core;
using Lookup.Core.Numbers;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>Numbers that are of no plan: refused by checks and recordings, and still read and erased where an earlier version stored them.</summary>
public sealed class NumberPlanTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("+316123456780")]
    [InlineData("+3131612345678")]
    [InlineData("+31600000001")]
    [InlineData("+11234567890")]
    public async Task Check_NumberOfNoPlan_IsRefusedByEachFace(string number)
    {
        var single = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Token));
        Assert.Equal(StatusCode.InvalidArgument, single.StatusCode);
        var recorded = await server.Facts.RecordFactsAsync(
            Samples.Record(Samples.Objection(number), Samples.Objection(Samples.NewNumber())), cancellationToken: Token);
        Assert.Equal("number", Assert.Single(recorded.Results[0].Errors).Field);

        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        var packed = await stream.AskAsync(1, ulong.Parse(number[1..]));
        Assert.Equal((Verdict.Unknown, ReasonCode.InvalidNumber), (packed.Verdicts[0], packed.Reasons[0]));
        var text = await stream.AskTextsAsync(2, number);
        Assert.Equal((Verdict.Unknown, ReasonCode.InvalidNumber), (text.Verdicts[0], text.Reasons[0]));
    }

    [Theory]
    [InlineData("+316123456780", "+316123456780")]
    [InlineData("+390549886378", "+3780549886378")]
    public async Task StoredUnderAnEarlierVersionsNumber_IsListedAndErased(string given, string value)
    {
        Assert.True(NumberParser.TryParseStored(given, out var stored));
        var key = server.Cipher.Encrypt(stored);
        await server.Store.Writer.WriteAsync([Sample.Objection(1, Sample.Now) with { Key = key }], Token);

        var listed = await server.Facts.ListFactsAsync(new ListFactsRequest { Number = given }, cancellationToken: Token);
        Assert.Equal(value, listed.Number);
        Assert.Single(listed.Facts);

        var erased = await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = given, Source = "letter" }, cancellationToken: Token);
        Assert.Equal(1u, erased.ErasedFacts);
        // What is left in each place is the objection to all.
        Assert.Single(await server.Store.Reader.ReadAllAsync(key, Token));
    }

    // One subscriber has one value: an objection to one form of the number is found by the others.
    [Theory]
    [InlineData("+39 0333 1234501", "", "+393331234501", "")]
    [InlineData("0692 12 34 01", "FR", "+262692123401", "")]
    [InlineData("+262692123402", "", "0692 12 34 02", "FR")]
    [InlineData("+5215512345601", "", "+525512345601", "")]
    [InlineData("+54 11 15 2345-6701", "", "+5491123456701", "")]
    [InlineData("0549 886301", "IT", "+378886301", "")]
    public async Task Objection_ToOneFormOfANumber_IsListedUnderTheOthers(string given, string region, string other, string otherRegion)
    {
        var objection = Samples.Objection(given);
        objection.DefaultRegion = region;
        Assert.Empty((await server.Facts.RecordFactsAsync(Samples.Record(objection), cancellationToken: Token)).Results[0].Errors);
        var listed = await server.Facts.ListFactsAsync(new ListFactsRequest { Number = other, DefaultRegion = otherRegion }, cancellationToken: Token);
        Assert.NotNull(Assert.Single(listed.Facts).Fact.Objection);
    }
}
