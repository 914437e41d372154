using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Redis.Imports;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>Registers go from one snapshot to the next, on both kinds of store.</summary>
public sealed class SnapshotLoadTests
{
    private const string Register = "nl-bmnr";
    private const long Day = 24 * 3_600_000L;
    private const long First = Sample.Now - (20 * Day);
    private const long Second = Sample.Now - (10 * Day);

    private static readonly FactId Id = new(FactKind.Registration, 0, Scope.FromName(Register));

    public static TheoryData<string> Kinds => AnyStore.Both;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Load_TwoSnapshots_EndsInTheSecondAndTellsTheDifference(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var before = RandomList(random, 3_000);
        // Most stay as they are, some have other categories, some leave, some come.
        var after = before.Where(_ => random.Next(10) > 0).ToDictionary(p => p.Key, p => random.Next(20) == 0 ? (uint)random.Next(4) : p.Value);
        foreach (var (number, categories) in RandomList(random, 200))
        {
            after.TryAdd(number + 10_000, categories);
        }

        var first = await LoadAsync(any.Store, First, before, "a");
        var second = await LoadAsync(any.Store, Second, after, "b");
        var third = await LoadAsync(any.Store, Second + Day, after, "c");

        Assert.True((first.Loaded, first.Listed, first.Additions, first.Share) == (0, before.Count, before.Count, 0), $"seed {seed}");
        Assert.Equal(
            new SnapshotDifference(
                before.Count,
                after.Count,
                after.Keys.Except(before.Keys).Count(),
                before.Keys.Except(after.Keys).Count(),
                after.Count(p => before.TryGetValue(p.Key, out var old) && old != p.Value),
                0),
            second);
        Assert.Equal((after.Count, 0, 0, 0), (third.Loaded, third.Additions, third.Removals, third.Changes));
        Assert.Equal(before, await ListAsync(any.Store, First));
        Assert.Equal(after.OrderBy(p => p.Key), (await ListAsync(any.Store, Second)).OrderBy(p => p.Key));
        var registry = await any.Store.Registry.ReadAsync(Token);
        Assert.Equal([First, Second, Second + Day], registry.Snapshots[Register]);
        var imports = await any.Store.Imports.ListAsync(Token);
        Assert.All(imports, import => Assert.Equal((ImportState.Done, Register), (import.State, import.Register)));
        Assert.Equal(second.Removals, imports.Single(import => import.SnapshotDate == Second).Removals);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Load_BrokenOff_CountsForNothingAndGoesOnToTheSameEnd(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        await LoadAsync(any.Store, First, Range(0, 20_000), "a");
        await Assert.ThrowsAsync<IOException>(() => LoadAsync(any.Store, Second, Range(10_000, 20_000), "b", breakAfter: 1));
        var broken = (await any.Store.Imports.ListAsync(Token))[0];
        var dates = (await any.Store.Registry.ReadAsync(Token)).Snapshots[Register];
        var other = await Assert.ThrowsAsync<ImportException>(() => LoadAsync(any.Store, Second, Range(5_000, 20_000), "c"));

        var rest = await LoadAsync(any.Store, Second, Range(10_000, 20_000), "b");

        Assert.Equal(ImportState.BrokenOff, broken.State);
        Assert.Equal([First], dates);
        Assert.StartsWith($"The load {broken.Id} of another file", other.Message, StringComparison.Ordinal);
        Assert.InRange(rest.Additions + rest.Removals, 1, 19_999);
        var done = (await any.Store.Imports.ListAsync(Token))[0];
        Assert.Equal((broken.Id, ImportState.Done, 10_000L, 10_000L), (done.Id, done.State, done.Additions, done.Removals));
        Assert.Equal(Range(10_000, 20_000).Keys.Order(), (await ListAsync(any.Store, Second)).Keys.Order());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Load_DateNotLater_IsRefused(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        await LoadAsync(any.Store, Second, Range(0, 10), "a");

        var same = await Assert.ThrowsAsync<ImportException>(() => LoadAsync(any.Store, Second, Range(0, 10), "a"));
        var older = await Assert.ThrowsAsync<ImportException>(() => LoadAsync(any.Store, First, Range(0, 10), "b"));

        Assert.Matches("^The register is already loaded as of [0-9-]+ [0-9:]+Z\\.$", same.Message);
        Assert.EndsWith("which is newer: a snapshot must be newer than the loaded one.", older.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Load_NumbersTwiceAndRecordsByHand_AreTakenAsTheyAre(string kind)
    {
        await using var any = await AnyStore.OpenAsync(kind, Token);
        await LoadAsync(any.Store, First, Range(0, 10), "a");
        // Taken back by hand between the snapshots, and again after the second.
        await any.Store.Writer.WriteAsync([Hand(1, First + Day, withdrawn: true), Hand(2, Second + Day, withdrawn: true), Hand(50, First + Day)], Token);

        var load = new SnapshotLoad(any.Store.Manifest, any.Store.EncryptionKeys, any.Store.Imports, Register, Second, TimeProvider.System);
        foreach (var (number, categories) in new (int, uint)[] { (1, 0), (2, 0), (3, 1), (3, 2), (50, 0) })
        {
            load.Add(Sample.Key(number), categories);
        }

        var difference = await load.CompareAsync(Token);

        // On it now: 0, 2 to 9 and 50. Number 1 comes back, 3 has other categories, 0 and 4 to 9 leave.
        Assert.Equal(new SnapshotDifference(10, 4, 1, 7, 1, 1), difference);
    }

    internal static async Task<SnapshotDifference> LoadAsync(
        FactStore store, long date, IReadOnlyDictionary<int, uint> numbers, string file, int breakAfter = int.MaxValue)
    {
        await SnapshotImports.CheckAsync(store.Imports, store.Registry, Register, date, TimeProvider.System, Token);
        var load = new SnapshotLoad(store.Manifest, store.EncryptionKeys, store.Imports, Register, date, TimeProvider.System);
        foreach (var (number, categories) in numbers)
        {
            load.Add(Sample.Key(number), categories);
        }

        var difference = await load.CompareAsync(Token);
        var session = await SnapshotImports.OpenAsync(
            store.Imports,
            store.Registry,
            new StoredImport { Id = "", FileSha256 = file, Source = "test", Register = Register, SnapshotDate = date },
            difference,
            TimeProvider.System,
            Token);
        try
        {
            await load.ApplyAsync(store.Writer, store.Registry, session, TimeSpan.Zero, _ => breakAfter-- <= 1 ? throw new IOException("broken on purpose") : Task.CompletedTask, Token);
        }
        catch
        {
            await session.BreakOffAsync();
            throw;
        }

        return difference;
    }

    internal static Dictionary<int, uint> Range(int first, int count) => Enumerable.Range(first, count).ToDictionary(n => n, _ => 0u);

    private static Dictionary<int, uint> RandomList(Random random, int count) =>
        Enumerable.Range(0, count).Select(_ => random.Next(10_000)).Distinct().ToDictionary(n => n, _ => (uint)random.Next(4));

    private static StoredFact Hand(int number, long at, bool withdrawn = false) => new(
        Sample.Key(number), Id, new FactEntry { Effective = at, Recorded = 1, Source = 2, Withdrawn = withdrawn }, Register, null);

    // The register as of a time, by number.
    private static async Task<Dictionary<int, uint>> ListAsync(FactStore store, long at)
    {
        var listed = new Dictionary<int, uint>();
        for (var p = 0; p < store.Manifest.Partitions; p++)
        {
            await store.Imports.ScanAsync(
                p,
                Id,
                (key, value) =>
                {
                    if (Timeline.TryAsOf(FactKind.Registration, value, at, out var entry) == AsOf.Found && !entry.Withdrawn)
                    {
                        listed.Add((int)(Sample.Cipher.Decrypt(key).Value - 31_650_000_000UL), entry.Categories);
                    }
                },
                Token);
        }

        return listed;
    }
}
