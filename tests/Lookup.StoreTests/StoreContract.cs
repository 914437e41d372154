using System.Buffers.Binary;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Store;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>What every store does. Each kind of store runs it.</summary>
public abstract partial class StoreContract : IAsyncLifetime
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));
    private FactStore? _store;

    protected CancellationToken Token => _limit.Token;

    private protected FactStore Store => _store!;

    public async ValueTask InitializeAsync()
    {
        try
        {
            _store = await StartAsync();
        }
        catch
        {
            await StopAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        await StopAsync();
        _limit.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<FactStore> StartAsync();

    private protected abstract Task StopAsync();

    /// <summary>How to reach the server.</summary>
    private protected abstract StoreOptions Options { get; }

    /// <summary>Takes everything out of the servers.</summary>
    private protected virtual async Task FlushAsync()
    {
        await using var behind = await BehindAsync();
        await behind.GetDatabase().ExecuteAsync("FLUSHALL");
    }

    /// <summary>A plain connection to the server, to look behind the store.</summary>
    private async Task<ConnectionMultiplexer> BehindAsync() =>
        await ConnectionMultiplexer.ConnectAsync(Options.ConnectionString + ",allowAdmin=true");

    [Fact]
    public async Task Read_NothingWritten_IsAbsent()
    {
        var read = await Store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token);
        Assert.Null(Assert.Single(read.Values));
        Assert.Equal(Sample.Key(1).Partition(Store.Manifest.Partitions), read.Partition);
    }

    [Fact]
    public async Task Write_ThenRead_IsTheMergedTimelineAtTheToken()
    {
        var first = Sample.Objection(1, Sample.Now - 1000);
        var second = Sample.Objection(1, Sample.Now, withdrawn: true);
        var one = await Store.Writer.WriteAsync([first], Token);
        var two = await Store.Writer.WriteAsync([second], Token);

        var read = await Store.Reader.ReadAsync(first.Key, new[] { first.Id, Sample.ObjectionId("other") }, Token);
        Assert.Equal([WriteOutcome.Recorded], one.Outcomes);
        Assert.Equal([WriteOutcome.Recorded], two.Outcomes);
        Assert.Equal(
            Timeline.Merge(FactKind.Objection, Timeline.Single(FactKind.Objection, first.Entry), Timeline.Single(FactKind.Objection, second.Entry)),
            read.Values[0]);
        Assert.Null(read.Values[1]);
        Assert.True(read.Version >= two.Token.VersionOf(read.Partition));
        Assert.True(two.Token.VersionOf(read.Partition) > one.Token.VersionOf(read.Partition));
        Assert.Equal(Store.Manifest.Epoch, two.Token.Epoch);
    }

    [Fact]
    public async Task Write_SameFactsAgainInAnotherOrder_ChangesNothing()
    {
        var facts = Enumerable.Range(0, 2_000).Select(i => Sample.Objection(i / 2, Sample.Now + (i % 2))).ToArray();
        var first = await Store.Writer.WriteAsync(facts, Token);
        var health = await Store.Maintenance.ProbeAsync(Token);
        var again = await Store.Writer.WriteAsync([.. facts.Reverse().Select(f => f with { Entry = f.Entry with { Recorded = f.Entry.Recorded + 60 } })], Token);

        Assert.All(first.Outcomes, o => Assert.Equal(WriteOutcome.Recorded, o));
        Assert.All(again.Outcomes, o => Assert.Equal(WriteOutcome.Unchanged, o));
        Assert.Equal(first.Token, again.Token);
        Assert.Equal(1_000, health.Facts);
        Assert.Equal(1_000, (await Store.Maintenance.ProbeAsync(Token)).Facts);
    }

    [Fact]
    public async Task Write_ManyWritersOfTheSameTimelines_LosesNoVersion()
    {
        // Eight versions is what a timeline keeps; each writer brings one of them for every number, in its own order.
        // Each has a connection of its own: on one, a server takes scripts one after the other anyway.
        const int Numbers = 200;
        await Task.WhenAll(Enumerable.Range(0, Timeline.MaxEntries).Select(writer => Task.Run(async () =>
        {
            await using var store = await StoreAdmin.OpenAsync(Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
            var random = new Random(writer);
            foreach (var chunk in Enumerable.Range(0, Numbers).OrderBy(_ => random.Next()).Chunk(10))
            {
                await store.Writer.WriteAsync([.. chunk.Select(n => Sample.Objection(n, Sample.Now + writer))], Token);
            }
        })));

        for (var n = 0; n < Numbers; n++)
        {
            var read = await Store.Reader.ReadAsync(Sample.Key(n), new[] { Sample.ObjectionId() }, Token);
            Assert.Equal(Timeline.MaxEntries, Sample.Entries(Sample.ObjectionId(), read.Values[0]));
        }

        Assert.Equal(Numbers, (await Store.Maintenance.ProbeAsync(Token)).Facts);
        await CheckInsideAsync(expectedChanges: Numbers * Timeline.MaxEntries);
    }

    [Fact]
    public async Task Write_ManyFacts_AreInFilterAndFeedWithoutGaps()
    {
        var facts = Enumerable.Range(0, 3_000).Select(i => Sample.Objection(i, organisation: "org" + (i % 3))).ToArray();
        await Store.Writer.WriteAsync(facts, Token);
        await CheckInsideAsync(expectedChanges: facts.Length);
    }

    [Fact]
    public async Task Write_NameThatHasTheScopeOfAnother_IsRefused()
    {
        var good = Sample.Objection(1, organisation: "acme");
        var forged = Sample.Objection(2, organisation: "acme") with { ScopeName = "not-acme" };
        await Store.Writer.WriteAsync([good], Token);
        var result = await Store.Writer.WriteAsync([forged, Sample.Objection(3)], Token);
        Assert.Equal([WriteOutcome.NameCollision, WriteOutcome.Recorded], result.Outcomes);
        Assert.Null((await Store.Reader.ReadAsync(Sample.Key(2), new[] { good.Id }, Token)).Values[0]);
        Assert.Equal("acme", await Store.Names.NameAsync(Scope.FromName("acme"), Token));
        Assert.Null(await Store.Names.NameAsync(Scope.FromName("unheard-of"), Token));
    }

    [Fact]
    public async Task ReadAll_FactsWithTexts_TellsEachWithItsOwn()
    {
        await Store.Writer.WriteAsync(
            [
                Sample.Objection(1, Sample.Now, detail: """{"reason":"one"}"""),
                Sample.Objection(1, Sample.Now + 1, withdrawn: true, detail: """{"reason":"two"}"""),
                Sample.Objection(1, Sample.Now, organisation: "other"),
                Sample.Objection(2, Sample.Now, detail: """{"reason":"elsewhere"}"""),
            ],
            Token);
        var all = await Store.Reader.ReadAllAsync(Sample.Key(1), Token);
        Assert.Equal(2, all.Count);
        var acme = all.Single(t => t.Id == Sample.ObjectionId());
        Assert.Equal("""{"reason":"one"}""", acme.Details[Sample.Now]);
        Assert.Equal("""{"reason":"two"}""", acme.Details[Sample.Now + 1]);
        Assert.Empty(all.Single(t => t.Id != Sample.ObjectionId()).Details);
    }

    [Fact]
    public async Task Erase_NumberWithFacts_LeavesTheSuppressionAlone()
    {
        await Store.Writer.WriteAsync(
            [Sample.Objection(1, detail: "{}"), Sample.Objection(1, organisation: "other"), Sample.Objection(2)], Token);
        var stays = Sample.Objection(1, Sample.Now + 5, organisation: "*", detail: """{"reason":"erased"}""");
        var erased = await Store.Writer.EraseAsync(Sample.Key(1), stays, Token);

        Assert.Equal(2, erased.Erased);
        var left = Assert.Single(await Store.Reader.ReadAllAsync(Sample.Key(1), Token));
        Assert.Equal(stays.Id, left.Id);
        Assert.Equal("""{"reason":"erased"}""", Assert.Single(left.Details).Value);
        Assert.Single(await Store.Reader.ReadAllAsync(Sample.Key(2), Token));
        Assert.Equal(2, (await Store.Maintenance.ProbeAsync(Token)).Facts);
        // Three facts, what stays, and two removals.
        await CheckInsideAsync(expectedChanges: 6);
    }

    [Fact]
    public async Task Source_GivenAgain_KeepsItsNumber()
    {
        var one = await Store.Names.SourceIdAsync("web form", "alice", Token);
        var other = await Store.Names.SourceIdAsync("web form", "bob", Token);
        Assert.Equal(one, await Store.Names.SourceIdAsync("web form", "alice", Token));
        Assert.NotEqual(one, other);
        Assert.Equal(new StoredSource("web form", "alice"), await Store.Names.SourceAsync(one, Token));
        Assert.Null(await Store.Names.SourceAsync(999, Token));
    }

    [Fact]
    public async Task Registry_Changed_IsReadAtOnce()
    {
        var empty = await Store.Registry.ReadAsync(Token);
        await Store.Registry.PutOrganisationAsync(new StoredOrganisation("acme", Sector.Other, Layers.Default), Token);
        await Store.Registry.AddSnapshotAsync("nl-bmnr", 2_000, Token);
        await Store.Registry.AddSnapshotAsync("nl-bmnr", 1_000, Token);
        await Store.Registry.AddSnapshotAsync("nl-bmnr", 2_000, Token);
        var first = await Store.Registry.ReadAsync(Token);
        await Store.Registry.PutOrganisationAsync(new StoredOrganisation("acme", Sector.CharityLottery, Layers.Law), Token);
        var second = await Store.Registry.ReadAsync(Token);

        Assert.Empty(empty.Organisations);
        Assert.Equal(new StoredOrganisation("acme", Sector.Other, Layers.Default), Assert.Single(first.Organisations));
        Assert.Equal([1_000L, 2_000L], first.Snapshots["nl-bmnr"]);
        Assert.Equal(new StoredOrganisation("acme", Sector.CharityLottery, Layers.Law), Assert.Single(second.Organisations));
        Assert.True(second.Version > first.Version && first.Version > empty.Version);
    }

    [Fact]
    public async Task Flushed_EveryCall_IsRefused()
    {
        await Store.Writer.WriteAsync([Sample.Objection(1)], Token);
        await FlushAsync();
        await EveryCallFailsAsync(StoreFault.NotInitialised);
    }

    [Fact]
    public async Task PartitionGone_ReadOfItsNumbers_IsRefused()
    {
        await Store.Writer.WriteAsync([Sample.Objection(1)], Token);
        await using (var behind = await BehindAsync())
        {
            await behind.GetDatabase().KeyDeleteAsync(Keys.Meta(Sample.Key(1).Partition(Store.Manifest.Partitions)));
        }

        await FailsAsync(StoreFault.NotInitialised, () => Store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token).AsTask());
        await FailsAsync(StoreFault.NotInitialised, () => Store.Maintenance.ProbeAsync(Token));
    }

    [Fact]
    public async Task SetUpAnew_EveryCall_IsRefused()
    {
        await using (var behind = await BehindAsync())
        {
            var db = behind.GetDatabase();
            await db.HashSetAsync(Keys.Manifest, "epoch", "0123456789abcdef");
            for (var p = 0; p < Store.Manifest.Partitions; p++)
            {
                await db.HashSetAsync(Keys.Meta(p), "e", "0123456789abcdef");
            }
        }

        await EveryCallFailsAsync(StoreFault.ForeignEpoch);
    }

    [Fact]
    public async Task RolledBack_EvenAfterNewWrites_StaysRefused()
    {
        var fact = Sample.Objection(1);
        await Store.Writer.WriteAsync([fact, Sample.Objection(1, Sample.Now + 1), Sample.Objection(1, organisation: "other")], Token);
        var meta = Keys.Meta(fact.Key.Partition(Store.Manifest.Partitions));
        await using (var behind = await BehindAsync())
        {
            await behind.GetDatabase().HashSetAsync(meta, "v", 1);
            await FailsAsync(StoreFault.RolledBack, () => Store.Reader.ReadAsync(fact.Key, new[] { fact.Id }, Token).AsTask());
            await behind.GetDatabase().HashSetAsync(meta, "v", 1_000);
        }

        await FailsAsync(StoreFault.RolledBack, () => Store.Reader.ReadAsync(fact.Key, new[] { fact.Id }, Token).AsTask());
        await FailsAsync(StoreFault.RolledBack, () => Store.Maintenance.ProbeAsync(Token));
    }

    [Fact]
    public async Task Damaged_MergeIntoUnreadable_IsRefusedAndLeavesIt()
    {
        var fact = Sample.Objection(1);
        await Store.Writer.WriteAsync([fact], Token);
        var bucket = Keys.Bucket(fact.Key.Partition(Store.Manifest.Partitions), fact.Key.Bucket);
        await using var behind = await BehindAsync();
        await behind.GetDatabase().HashSetAsync(bucket, Keys.Field(fact.Key, fact.Id), new byte[] { 0x71, 1, 2 });

        await FailsAsync(StoreFault.Damaged, () => Store.Writer.WriteAsync([Sample.Objection(1, Sample.Now + 1)], Token));
        await FailsAsync(StoreFault.Damaged, () => Store.Reader.ReadAllAsync(fact.Key, Token));
        Assert.Equal(new byte[] { 0x71, 1, 2 }, (await Store.Reader.ReadAsync(fact.Key, new[] { fact.Id }, Token)).Values[0]);
    }

    [Fact]
    public async Task NewGeneration_WhileWriting_GetsTheBitsToo()
    {
        await Store.Writer.WriteAsync([Sample.Objection(1)], Token);
        await using (var behind = await BehindAsync())
        {
            for (var p = 0; p < Store.Manifest.Partitions; p++)
            {
                var generations = (string)(await behind.GetDatabase().HashGetAsync(Keys.Meta(p), "g"))!;
                await behind.GetDatabase().HashSetAsync(Keys.Meta(p), "g", generations + ",2:64");
                await behind.GetDatabase().StringSetRangeAsync(Keys.Filter(p, 2), (64 * BlockFilter.BlockSize) - 1, new byte[1]);
            }

            var fact = Sample.Objection(2);
            Assert.Equal([WriteOutcome.Recorded], (await Store.Writer.WriteAsync([fact], Token)).Outcomes);
            byte[] filter = (await behind.GetDatabase().StringGetAsync(Keys.Filter(fact.Key.Partition(Store.Manifest.Partitions), 2)))!;
            Assert.True(BlockFilter.FromBytes(filter).MayContain(fact.Key, fact.Id));
        }
    }

    private protected static async Task FailsAsync(StoreFault fault, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(call);
        Assert.Equal(fault, e.Fault);
    }

    private protected async Task EveryCallFailsAsync(StoreFault fault)
    {
        var fact = Sample.Objection(1);
        Assert.Equal(fault, await BatchFaultAsync());
        await FailsAsync(fault, () => Store.Reader.ReadAsync(fact.Key, new[] { fact.Id }, Token).AsTask());
        await FailsAsync(fault, () => Store.Writer.WriteAsync([fact], Token));
        await FailsAsync(fault, () => Store.Writer.WriteAsync([Sample.Objection(1, organisation: "new")], Token));
        await FailsAsync(fault, () => Store.Reader.ReadAllAsync(fact.Key, Token));
        await FailsAsync(fault, () => Store.Writer.EraseAsync(fact.Key, fact, Token));
        await FailsAsync(fault, () => Store.Names.SourceIdAsync("new source", "", Token).AsTask());
        await FailsAsync(fault, () => Store.Names.SourceAsync(77, Token).AsTask());
        await FailsAsync(fault, () => Store.Names.NameAsync(77, Token).AsTask());
        await FailsAsync(fault, () => Store.Registry.ReadAsync(Token));
        await FailsAsync(fault, () => Store.Registry.PutOrganisationAsync(new StoredOrganisation("acme", Sector.Other, Layers.Default), Token));
        await FailsAsync(fault, () => Store.Registry.AddSnapshotAsync("nl-bmnr", 1, Token));
        await FailsAsync(fault, () => Store.Maintenance.ProbeAsync(Token));
    }

    /// <summary>Reads everything behind the store: counts, versions, feeds and filters agree with the buckets.</summary>
    private protected async Task CheckInsideAsync(int expectedChanges)
    {
        await using var behind = await BehindAsync();
        var db = behind.GetDatabase();
        long changes = 0;
        for (var p = 0; p < Store.Manifest.Partitions; p++)
        {
            var version = (long)await db.HashGetAsync(Keys.Meta(p), "v");
            changes += version;
            var feed = await db.ListRangeAsync(Keys.Feed(p));
            Assert.Equal(version, feed.Length);
            var last = new Dictionary<(int, string), byte[]>();
            for (var i = 0; i < feed.Length; i++)
            {
                byte[] entry = feed[i]!;
                Assert.Equal(i + 1, BinaryPrimitives.ReadInt64BigEndian(entry));
                last[(BinaryPrimitives.ReadUInt16BigEndian(entry.AsSpan(8)), Convert.ToHexString(entry.AsSpan(10, Keys.FieldSize)))] =
                    entry[(10 + Keys.FieldSize)..];
            }

            byte[] bytes = (await db.StringGetAsync(Keys.Filter(p, 1)))!;
            var filter = BlockFilter.FromBytes(bytes);
            Assert.Equal(FilterFit.Sound, (await Store.Filters.ExamineAsync(p, Token)).Fit);
            long count = 0;
            foreach (var ((bucket, field), value) in last)
            {
                var raw = Convert.FromHexString(field);
                var stored = await db.HashGetAsync(Keys.Bucket(p, bucket), raw);
                Assert.Equal(value.Length == 0 ? null : value, (byte[]?)stored);
                if (value.Length == 0)
                {
                    continue;
                }

                count++;
                Assert.True(filter.MayContain(NumberPseudonym.FromField(bucket, raw), FactId.Read(raw.AsSpan(NumberPseudonym.FieldSize))));
            }

            Assert.Equal(count, (long)await db.HashGetAsync(Keys.Meta(p), "n"));
        }

        Assert.All(await Store.Filters.ListAsync(Token), filter => Assert.True(filter is { Fit: FilterFit.Sound, IsCounted: true, HasLost: false }));

        Assert.Equal(expectedChanges, changes);
    }
}
