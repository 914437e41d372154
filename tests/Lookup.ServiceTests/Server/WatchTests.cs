using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>What a stream of changes tells, on every store.</summary>
public sealed class WatchTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public static TheoryData<string> Stores => AnyStore.Both;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_Objection_IsToldAndACheckWithTheTokenSeesIt(string kind)
    {
        await using var server = await StartAsync(kind);
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        using var watch = await WatchCall.OpenAsync(server);
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));

        var change = await watch.NextChangeAsync();
        Assert.Equal((number, "acme", "call 4711", false), (change.Number, change.Fact.Fact.Objection.Organisation, change.Fact.Fact.Source, change.Removed));
        Assert.True(change.Fact.Current);
        Assert.NotNull(change.Fact.Recorded);
        var check = Samples.Check(number);
        check.Consistency = new Consistency { AtLeastAsFresh = watch.LastToken };
        Assert.Equal(ReasonCode.Objection, (await server.Lookup.CheckAsync(check)).Decision.Reasons[0].Code);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_SeveralVersions_AreToldTogetherTheNewsFirst(string kind)
    {
        await using var server = await StartAsync(kind);
        var number = Samples.NewNumber();
        using var watch = await WatchCall.OpenAsync(server);
        var objection = Samples.Objection(number);
        objection.Effective = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-2));
        await server.Facts.RecordFactsAsync(Samples.Record(objection));
        var withdrawal = Samples.Objection(number);
        (withdrawal.Withdrawn, withdrawal.Effective) = (true, Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1)));
        await server.Facts.RecordFactsAsync(Samples.Record(withdrawal));

        Assert.Empty((await watch.NextChangeAsync()).OtherVersions);
        var change = await watch.NextChangeAsync();
        Assert.True(change.Fact.Fact.Withdrawn);
        Assert.Equal(objection.Effective, Assert.Single(change.OtherVersions).Fact.Effective);
        Assert.False(change.OtherVersions[0].Current);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_Erasure_TellsTheObjectionThatStaysAndWhatIsGone(string kind)
    {
        await using var server = await StartAsync(kind);
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        using var watch = await WatchCall.OpenAsync(server);
        await server.Facts.EraseNumberAsync(new EraseNumberRequest { Number = number, Source = "letter" });

        var stays = await watch.NextChangeAsync();
        Assert.Equal((number, "*", false), (stays.Number, stays.Fact.Fact.Objection.Organisation, stays.Removed));
        var gone = new[] { await watch.NextChangeAsync(), await watch.NextChangeAsync() };
        Assert.All(gone, change =>
        {
            Assert.Equal((number, true, "acme"), (change.Number, change.Removed, change.Fact.Fact.Consent.Organisation));
            Assert.Null(change.Fact.Fact.Effective);
            Assert.Null(change.Fact.Fact.Consent.Captured);
        });
        Assert.Equal([Purpose.Commercial, Purpose.Survey], gone.SelectMany(change => change.Fact.Fact.Consent.Purposes).Order());
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_Organisations_TellsTheirsAndWhatConcernsAll(string kind)
    {
        await using var server = await StartAsync(kind);
        await server.Registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = new Organisation { Name = "acme" } });
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(Samples.NewNumber(), "bolt")));
        using var both = await WatchCall.OpenAsync(server, "", "acme", "bolt");
        using var acme = await WatchCall.OpenAsync(server, "", "acme");
        using var all = await WatchCall.OpenAsync(server);
        var grouped = Samples.Consent("", "acme");
        grouped.Consent.Purposes.Remove(Purpose.Survey);
        grouped.Consent.ProductGroup = "energy";
        Fact[] facts =
        [
            Samples.Objection("", "bolt"),
            Samples.Objection("", "acme"),
            grouped,
            Samples.Objection("", "*"),
            new Fact { Source = "t", Registration = new Registration { Register = "nl-bmnr" } },
            new Fact { Source = "t", Effective = grouped.Consent.Captured, Subscriber = new Subscriber { Type = SubscriberType.LegalPerson } },
            new Fact { Source = "t", Refusal = new Refusal { Organisation = "carl" } },
        ];
        foreach (var fact in facts)
        {
            fact.Number = Samples.NewNumber();
        }

        var recorded = await server.Facts.RecordFactsAsync(Samples.Record(facts));
        Assert.All(recorded.Results, result => Assert.Equal(FactResult.Types.Outcome.Recorded, result.Outcome));

        Assert.Equal(Numbers(1, 2, 3, 4, 5), await ToldAsync(acme));
        Assert.Equal(Numbers(0, 1, 2, 3, 4, 5), await ToldAsync(both));
        Assert.Equal(Numbers(0, 1, 2, 3, 4, 5, 6), await ToldAsync(all));

        IEnumerable<string> Numbers(params int[] which) => which.Select(i => facts[i].Number).Order();

        async Task<IEnumerable<string>> ToldAsync(WatchCall watch) => (await watch.DrainAsync()).Select(change => change.Number).Distinct().Order();
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_Resumed_TellsWhatWasMissedInOrder(string kind)
    {
        await using var server = await StartAsync(kind);
        var numbers = Enumerable.Range(0, 40).Select(_ => Samples.NewNumber()).ToList();
        var before = new List<string>();
        string token;
        using (var watch = await WatchCall.OpenAsync(server))
        {
            await server.Facts.RecordFactsAsync(Samples.Record(numbers.Take(20).Select(n => Samples.Objection(n))));
            for (var i = 0; i < 7; i++)
            {
                before.Add((await watch.NextChangeAsync()).Number);
            }

            token = watch.LastToken;
        }

        // One number twice: the order is per number.
        // In effect before its withdrawal: within one millisecond the objection would win, and nothing would change.
        var objections = numbers.Skip(20).Select(n => Samples.Objection(n)).ToList();
        objections.ForEach(objection => objection.Effective = Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-2)));
        await server.Facts.RecordFactsAsync(Samples.Record(objections));
        var withdrawn = Samples.Objection(numbers[25]);
        (withdrawn.Withdrawn, withdrawn.Effective) = (true, Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1)));
        await server.Facts.RecordFactsAsync(Samples.Record(withdrawn));

        using var resumed = await WatchCall.OpenAsync(server, token);
        var changes = await resumed.DrainAsync();
        Assert.Equal(numbers.Except(before).Append(numbers[25]).Order(), changes.Select(c => c.Number).Order());
        Assert.Equal([false, true], changes.Where(c => c.Number == numbers[25]).Select(c => c.Fact.Fact.Withdrawn));
        Assert.Equal(numbers.Skip(20).Order(), changes.Select(c => c.Number).Where(numbers.Skip(20).Contains).Distinct().Order());

        // Delivered again, also to a watch of something else, each has the same id; no other has it.
        using var again = await WatchCall.OpenAsync(server, token, "acme");
        Assert.Equal(changes.Select(c => (c.Id, c.Number)).Order(), (await again.DrainAsync()).Select(c => (c.Id, c.Number)).Order());
        Assert.Equal(changes.Count, changes.Select(c => c.Id).Distinct().Count());
        Assert.All(changes, c => Assert.Matches("^[0-9a-f]{16}-[0-9]+-[0-9]+-[0-9a-f]{8}$", c.Id));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_TokenTooOld_IsRefusedWithWhatToDo(string kind)
    {
        await using var server = await StartAsync(kind, feedLength: 16);
        string token;
        using (var watch = await WatchCall.OpenAsync(server))
        {
            token = watch.LastToken;
        }

        await server.Facts.RecordFactsAsync(Samples.Record(Enumerable.Range(0, 200).Select(_ => Samples.Objection(Samples.NewNumber()))));
        while (true)
        {
            // Until the service knows of them; while it reads the partitions anew, it takes nobody.
            using var watch = new WatchCall(server);
            try
            {
                await watch.DrainAsync();
                break;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.FailedPrecondition)
            {
            }
        }

        using var resumed = new WatchCall(server, token);
        var error = await resumed.RefusedAsync();
        Assert.Equal((StatusCode.FailedPrecondition, "RESUME_TOKEN_TOO_OLD"), (error.StatusCode, WatchCall.Reason(error)));
        Assert.Contains("Scrub", error.Status.Detail, StringComparison.Ordinal);
        Assert.Null(resumed.LastHeartbeat);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_TokenAheadOrOfAnotherStore_IsRefused(string kind)
    {
        await using var server = await StartAsync(kind);
        var epoch = server.Store.Manifest.Epoch;
        await RefusedAsync(ConsistencyToken.Of(epoch, 0, 1_000_000).ToString(), StatusCode.FailedPrecondition, "RESUME_TOKEN_AHEAD");
        await RefusedAsync(ConsistencyToken.Of(epoch + 1, 0, 1).ToString(), StatusCode.FailedPrecondition, "RESUME_TOKEN_OF_ANOTHER_STORE");
        await RefusedAsync("nonsense", StatusCode.InvalidArgument, null);

        async Task RefusedAsync(string token, StatusCode status, string? reason)
        {
            using var watch = new WatchCall(server, token);
            var error = await watch.RefusedAsync();
            Assert.Equal((status, reason), (error.StatusCode, WatchCall.Reason(error)));
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_ChangesCutWhileItRuns_TellsThatSomeAreLost(string kind)
    {
        await using var server = await StartAsync(kind, feedLength: 16);
        using var watch = await WatchCall.OpenAsync(server);
        // More at once than the feed keeps: the replica itself has to read the partitions anew.
        var store = server.Store;
        await store.Writer.WriteAsync([.. Enumerable.Range(0, 400).Select(i => Sample.Objection(i))], Test);

        var error = await watch.RefusedAsync();
        Assert.Equal((StatusCode.FailedPrecondition, "CHANGES_LOST"), (error.StatusCode, WatchCall.Reason(error)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Watch_KeyThatIsNoNumber_IsLeftOutAndTheRestGoesOn(string kind)
    {
        await using var server = await StartAsync(kind);
        using var watch = await WatchCall.OpenAsync(server);
        var partition = Sample.Key(1).Partition(server.Store.Manifest.Partitions);
        var strange = new NumberPseudonym((Sample.Key(1).High & 0xFF000000_00000000) | 1, 2);
        Assert.Equal(partition, strange.Partition(server.Store.Manifest.Partitions));
        await server.Store.Writer.WriteAsync([Sample.Objection(1) with { Key = strange }], Test);
        await server.Store.Writer.WriteAsync([Sample.Objection(1)], Test);

        Assert.Equal("+31650000001", (await watch.NextChangeAsync()).Number);
        Assert.Contains("does not decrypt to a number", server.Log.All, StringComparison.Ordinal);
    }

    private static async Task<LookupServer> StartAsync(string kind, int feedLength = 4_096) => await LookupServer.StartAsync(
        await AnyStore.OpenAsync(kind, Test, feedLength), options => options.WatchHeartbeatMs = 50);
}
