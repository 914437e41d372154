using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>Imports are reverted, on both kinds of store.</summary>
public sealed class RevertTests
{
    private const int Numbers = 150;

    private static readonly RevertOrder Order = new(DryRun: false, "tester", "a wrong file");

    public static TheoryData<string> Kinds => AnyStore.Both;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Revert_RandomImportsAndWrites_IsTheHistoryWithoutTheImport(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var store = any.Store;
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var a = await BeginAsync(store);
        var b = await BeginAsync(store);
        var live = await store.Names.SourceIdAsync("live", "", Token);
        uint[] sources = [await a.SourceIdAsync("one", "", Token), await a.SourceIdAsync("two", "", Token), await b.SourceIdAsync("one", "", Token), live];

        // Numbers from 0 have the history with A, those from Numbers the one without.
        var writes = Enumerable.Range(0, 3_000).Select(_ => RandomFact(random, sources)).ToArray();
        foreach (var chunk in writes.Chunk(200))
        {
            await Task.WhenAll(chunk.Chunk(50).Select(part => store.Writer.WriteAsync(
                [.. part, .. part.Where(f => !IsA(f)).Select(Without)], Token)));
        }

        await a.EndAsync(Token);
        await b.EndAsync(Token);
        // Others write on while it is reverted.
        var later = Enumerable.Range(0, 600).Select(_ => RandomFact(random, sources[2..])).ToArray();
        var writing = Task.Run(async () =>
        {
            foreach (var chunk in later.Chunk(20))
            {
                await store.Writer.WriteAsync([.. chunk, .. chunk.Select(Without)], Token);
            }
        }, Token);
        var would = await store.Imports.RevertAsync(a.Id, Order with { DryRun = true }, TimeProvider.System, _ => { }, Token);
        var done = await store.Imports.RevertAsync(a.Id, Order, TimeProvider.System, _ => { }, Token);
        await writing;
        var again = await store.Imports.RevertAsync(a.Id, Order, TimeProvider.System, _ => { }, Token);

        Assert.Equal(ImportState.Reverted, done.State);
        Assert.NotEqual(0, done.Revert!.Counts.Gone.Values.Sum());
        Assert.NotEqual(0, would.Revert!.Counts.Gone.Values.Sum());
        Assert.Equal(done.Revert.Counts.Gone, again.Revert!.Counts.Gone);
        var timelines = 0;
        for (var n = 0; n < Numbers; n++)
        {
            var with = await store.Reader.ReadAllAsync(Sample.Key(n), Token);
            var without = await store.Reader.ReadAllAsync(Sample.Key(n + Numbers), Token);
            Assert.True(Same(with, without), $"seed {seed}, number {n}");
            timelines += with.Count;
        }

        Assert.Equal(2 * timelines, (await store.Maintenance.ProbeAsync(Token)).Facts);
        await any.CheckAsync(Token);

        bool IsA(StoredFact fact) => fact.Entry.Source == sources[0] || fact.Entry.Source == sources[1];
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Revert_FactsFoundUnchangedByOthers_Stay(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var store = any.Store;
        var a = await BeginAsync(store);
        var b = await BeginAsync(store);
        var (sourceA, sourceB) = (await a.SourceIdAsync("file", "", Token), await b.SourceIdAsync("file", "", Token));
        await store.Writer.WriteAsync([.. Enumerable.Range(0, 50).Select(n => Of(Sample.Objection(n), sourceA))], Token);
        var second = await store.Writer.WriteAsync([.. Enumerable.Range(25, 50).Select(n => Of(Sample.Objection(n), sourceB))], Token);
        await a.EndAsync(Token);
        await b.EndAsync(Token);

        var would = await store.Imports.RevertAsync(a.Id, Order with { DryRun = true }, TimeProvider.System, _ => { }, Token);
        var untouched = (await store.Maintenance.ProbeAsync(Token)).Facts;
        var done = await store.Imports.RevertAsync(a.Id, Order, TimeProvider.System, _ => { }, Token);

        Assert.Equal(25, second.Outcomes.Count(outcome => outcome == WriteOutcome.Unchanged));
        Assert.Equal(75, untouched);
        Assert.Equal((25, 25, 25), (would.Revert!.Counts.Gone["objection"], would.Revert.Counts.Passed, would.Revert.Counts.MayPermit["objection"]));
        Assert.Equal((25, 25, 0), (done.Revert!.Counts.Gone["objection"], done.Revert.Counts.Passed, done.Revert.Counts.SetBack));
        Assert.Equal(50, (await store.Maintenance.ProbeAsync(Token)).Facts);
        for (var n = 0; n < 75; n++)
        {
            var value = (await store.Reader.ReadAsync(Sample.Key(n), new[] { Sample.ObjectionId() }, Token)).Values[0];
            Assert.Equal(n < 25, value is null);
            if (value is not null)
            {
                Assert.Equal(Timeline.Single(FactKind.Objection, Of(Sample.Objection(n), sourceB).Entry), value);
            }
        }

        await store.Imports.RevertAsync(b.Id, Order, TimeProvider.System, _ => { }, Token);
        Assert.Equal(0, (await store.Maintenance.ProbeAsync(Token)).Facts);
        await any.CheckAsync(Token);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Revert_BrokenOff_GoesOnWhereItWas(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var store = any.Store;
        var a = await BeginAsync(store);
        var source = await a.SourceIdAsync("file", "", Token);
        await store.Writer.WriteAsync([.. Enumerable.Range(0, 2_000).Select(n => Of(Sample.Objection(n), source))], Token);
        await a.BreakOffAsync();

        await Assert.ThrowsAsync<IOException>(() => store.Imports.RevertAsync(
            a.Id, Order, TimeProvider.System, share => _ = share > 0.4 ? throw new IOException("broken on purpose") : share, Token));
        var between = (await store.Maintenance.ProbeAsync(Token)).Facts;
        var record = await store.Imports.FindAsync(a.Id, Token);
        var refused = await Assert.ThrowsAsync<ImportException>(() => ImportSession.ResumeAsync(store.Imports, a.Id, TimeProvider.System, Token));
        var done = await store.Imports.RevertAsync(a.Id, Order, TimeProvider.System, _ => { }, Token);

        Assert.InRange(between, 1, 1_999);
        Assert.Equal(ImportState.Reverting, record!.State);
        Assert.EndsWith("was reverted; start a new one.", refused.Message, StringComparison.Ordinal);
        Assert.Equal((ImportState.Reverted, "tester", "a wrong file"), (done.State, done.Revert!.Actor, done.Revert.Reason));
        Assert.Equal(0, (await store.Maintenance.ProbeAsync(Token)).Facts);
        await any.CheckAsync(Token);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Revert_Snapshot_BringsTheOlderOneBack(string kind)
    {
        const long Day = 24 * 3_600_000L;
        const long First = Sample.Now - (20 * Day);
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var store = any.Store;
        await SnapshotLoadTests.LoadAsync(store, First, SnapshotLoadTests.Range(0, 500), "a");
        var before = await ValuesAsync(store);
        await SnapshotLoadTests.LoadAsync(store, First + Day, SnapshotLoadTests.Range(100, 500), "b");
        var ids = (await store.Imports.ListAsync(Token)).OrderBy(import => import.SnapshotDate).Select(import => import.Id).ToArray();

        var order = await Assert.ThrowsAsync<ImportException>(() => store.Imports.RevertAsync(ids[0], Order, TimeProvider.System, _ => { }, Token));
        var done = await store.Imports.RevertAsync(ids[1], Order, TimeProvider.System, _ => { }, Token);
        var registry = await store.Registry.ReadAsync(Token);

        Assert.StartsWith($"The load {ids[1]} of a newer snapshot", order.Message, StringComparison.Ordinal);
        Assert.Equal(200, done.Revert!.Counts.Gone["registration"]);
        Assert.Equal([First], registry.Snapshots["nl-bmnr"]);
        Assert.Equal(before, await ValuesAsync(store));
        // The same snapshot again, and then both go.
        await SnapshotLoadTests.LoadAsync(store, First + Day, SnapshotLoadTests.Range(100, 500), "b");
        foreach (var import in (await store.Imports.ListAsync(Token)).OrderByDescending(import => import.SnapshotDate))
        {
            await store.Imports.RevertAsync(import.Id, Order, TimeProvider.System, _ => { }, Token);
        }

        Assert.Empty((await store.Registry.ReadAsync(Token)).Snapshots);
        Assert.Equal(0, (await store.Maintenance.ProbeAsync(Token)).Facts);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Revert_UnknownOrRunning_IsRefused(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var running = await BeginAsync(any.Store);

        await Assert.ThrowsAsync<ImportException>(() => any.Store.Imports.RevertAsync("x", Order, TimeProvider.System, _ => { }, Token));
        var exception = await Assert.ThrowsAsync<ImportException>(
            () => any.Store.Imports.RevertAsync(running.Id, Order, TimeProvider.System, _ => { }, Token));

        Assert.Contains("is running", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Erase_NumberWithClaims_LeavesNone(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var a = await BeginAsync(any.Store);
        var source = await a.SourceIdAsync("file", "", Token);
        await any.Store.Writer.WriteAsync([Of(Sample.Objection(1), source)], Token);
        await any.Store.Writer.WriteAsync([Of(Sample.Objection(1), 2)], Token);
        await any.Store.Writer.EraseAsync(Sample.Key(1), Of(Sample.Objection(1, organisation: "*"), 2), Token);
        await any.Store.Writer.WriteAsync([Of(Sample.Objection(1), source)], Token);
        await a.EndAsync(Token);

        var done = await any.Store.Imports.RevertAsync(a.Id, Order, TimeProvider.System, _ => { }, Token);

        // Before the erasure another source asserted it too; that must be forgotten.
        Assert.Equal(1, done.Revert!.Counts.Gone["objection"]);
        Assert.Equal(1, (await any.Store.Maintenance.ProbeAsync(Token)).Facts);
    }

    private static async Task<ImportSession> BeginAsync(FactStore store) =>
        await ImportSession.BeginAsync(store.Imports, new StoredImport { Id = "" }, TimeProvider.System, Token);

    private static StoredFact Of(StoredFact fact, uint source) => fact with { Entry = fact.Entry with { Source = source } };

    private static StoredFact Without(StoredFact fact) => fact with
    {
        Key = Sample.Key((int)(Sample.Cipher.Decrypt(fact.Key).Value - 31_650_000_000UL) + Numbers),
    };

    private static StoredFact RandomFact(Random random, uint[] sources)
    {
        var kind = (FactKind)random.Next(1, 9);
        // At most six versions, so that no history is cut.
        var entry = new FactEntry
        {
            Effective = Sample.Now + random.Next(6),
            Recorded = (uint)random.Next(4),
            Source = sources[random.Next(sources.Length)],
            Withdrawn = random.Next(3) == 0,
            Until = random.Next(2) == 0 ? FactEntry.Open : Sample.Now + 10 + random.Next(3),
            Categories = (uint)random.Next(4),
            Marks = (FactMarks)random.Next(64),
            FirstContactMonths = (byte)random.Next(3),
            Subscriber = (SubscriberType)random.Next(4),
        };
        return new StoredFact(Sample.Key(random.Next(Numbers)), new FactId(kind, 0, Scope.FromName("acme")), entry, "acme", null);
    }

    private static bool Same(IReadOnlyList<StoredTimeline> a, IReadOnlyList<StoredTimeline> b) =>
        a.Count == b.Count && a.Zip(b).All(pair => pair.First.Id == pair.Second.Id && pair.First.Value.AsSpan().SequenceEqual(pair.Second.Value));

    private static async Task<SortedDictionary<string, string>> ValuesAsync(FactStore store)
    {
        var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (var p = 0; p < store.Manifest.Partitions; p++)
        {
            await store.Imports.ScanAsync(
                p,
                new FactId(FactKind.Registration, 0, Scope.FromName("nl-bmnr")),
                (key, value) => values.Add(key.ToString(), Convert.ToHexString(value)),
                Token);
        }

        return values;
    }
}
