using System.Buffers.Binary;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Reading;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>
/// Keys of a store that are deleted, cut, overwritten, exchanged or restored past the service, while others write: no fact that
/// was acknowledged may be called absent, neither by a process that runs nor by one that starts.
/// </summary>
public sealed class StoreDamageTests : IAsyncLifetime
{
    private const int Partitions = 2;
    private const int Facts = 600;

    private static readonly RebuildOptions Fast = new() { WorkShare = 1, Wait = TimeSpan.FromMinutes(1) };

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(3));
    private RedisServer _server = null!;
    private ConnectionMultiplexer _behind = null!;
    private FactStore _store = null!;

    private CancellationToken Token => _limit.Token;

    private IDatabase Db => _behind.GetDatabase();

    public async ValueTask InitializeAsync()
    {
        _server = await RedisServer.StartAsync("--enable-debug-command", "yes");
        await StoreAdmin.InitAsync(
            _server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = Partitions, ExpectedFacts = 100_000 }, TimeProvider.System, Token);
        _store = await OpenAsync();
        _behind = await _server.AdminAsync();
        await WriteAsync(0, Facts);
    }

    public async ValueTask DisposeAsync()
    {
        await _behind.DisposeAsync();
        await _store.DisposeAsync();
        await _server.DisposeAsync();
        _limit.Dispose();
    }

    public static TheoryData<string> FilterDamages =>
    [
        "deleted", "shorter", "longer", "zeroes", "one bit", "two bytes exchanged", "older copy", "renamed", "another's", "expired",
        "another type", "emptied",
    ];

    [Theory]
    [MemberData(nameof(FilterDamages))]
    public async Task Filter_Damaged_IsNotUsedWhateverIsWrittenLater(string damage)
    {
        var older = await Db.KeyDumpAsync(Keys.Filter(0, 1));
        await WriteAsync(Facts, Facts);
        await using var running = await FollowAsync(_store);
        await DamageAsync(damage, older!);
        await WriteAsync(2 * Facts, Facts);
        Assert.Equal(damage is "deleted" or "renamed" or "expired", !await Db.KeyExistsAsync(Keys.Filter(0, 1)));
        await KnowsAllAsync(running, 3 * Facts);

        await using (var fresh = await OpenAsync())
        {
            await using var replica = await FollowAsync(fresh);
            await KnowsAllAsync(replica, 3 * Facts);
            Assert.Equal(FilterFit.Damaged, (await fresh.Filters.ListAsync(Token))[0].Fit);
            Assert.Equal(FilterFit.Damaged, (await fresh.Filters.ExamineAsync(0, Token)).Fit);
            await fresh.Writer.WriteAsync([Sample.Objection(3 * Facts)], Token);
            await KnowsAllAsync(replica, (3 * Facts) + 1);
        }

        Assert.Contains(await DoctorAsync(), finding => finding is { Level: FindingLevel.Fail, Name: "filter" });
        await _store.Filters.RebuildAsync(0, Fast, _ => { }, Token);
        Assert.DoesNotContain(await DoctorAsync(), finding => finding.Level == FindingLevel.Fail);
        await using var again = await OpenAsync();
        await using var follower = await FollowAsync(again);
        await KnowsAllAsync(follower, (3 * Facts) + 1);
        Assert.All(await again.Filters.ListAsync(Token), filter => Assert.Equal(FilterFit.Sound, filter.Fit));
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("older copy")]
    [InlineData("one less")]
    [InlineData("another type")]
    public async Task Sums_Damaged_AreNotBelieved(string damage)
    {
        var older = await Db.KeyDumpAsync(Keys.Sums(0, 1));
        await WriteAsync(Facts, Facts);
        var sums = Keys.Sums(0, 1);
        switch (damage)
        {
            case "deleted":
                await Db.KeyDeleteAsync(sums);
                break;
            case "older copy":
                await RestoreAsync(sums, older!);
                break;
            case "one less":
                await Db.HashDecrementAsync(sums, "0", 1);
                break;
            default:
                await Db.KeyDeleteAsync(sums);
                await Db.StringSetAsync(sums, "text");
                break;
        }

        await WriteAsync(2 * Facts, Facts);
        await using var fresh = await OpenAsync();
        await using var replica = await FollowAsync(fresh);
        await KnowsAllAsync(replica, 3 * Facts);
        Assert.Equal(FilterFit.Damaged, (await fresh.Filters.ExamineAsync(0, Token)).Fit);
    }

    [Fact]
    public async Task Server_ReloadsItsFiles_LeavesEverythingSound()
    {
        await Db.ExecuteAsync("DEBUG", "RELOAD");
        await WriteAsync(Facts, Facts);
        await using var fresh = await OpenAsync();
        await using var replica = await FollowAsync(fresh);
        await KnowsAllAsync(replica, 2 * Facts);
        Assert.All(await fresh.Filters.ListAsync(Token), filter => Assert.True(filter is { Fit: FilterFit.Sound, IsCounted: true, HasLost: false }));
        Assert.DoesNotContain(await DoctorAsync(), finding => finding.Level == FindingLevel.Fail);
    }

    [Fact]
    public async Task OlderVersion_SetUpTheStore_IsReadFromItsFactsUntilTheNextRebuild()
    {
        await AsAnOlderVersionAsync();
        await WriteAsync(Facts, Facts);
        await using var fresh = await OpenAsync();
        await using var replica = await FollowAsync(fresh);
        await KnowsAllAsync(replica, 2 * Facts);
        Assert.All(await fresh.Filters.ListAsync(Token), filter => Assert.True(filter is { Fit: FilterFit.Unchecked, IsCounted: false }));
        Assert.DoesNotContain(await DoctorAsync(), finding => finding.Level == FindingLevel.Fail);
        Assert.Contains(await DoctorAsync(), finding => finding is { Level: FindingLevel.Warn, Name: "filter" });

        // Its filter is not believed, so it does not matter what became of it.
        await Db.KeyDeleteAsync(Keys.Filter(0, 1));
        await using (var again = await OpenAsync())
        {
            await using var follower = await FollowAsync(again);
            await KnowsAllAsync(follower, 2 * Facts);
        }

        for (var p = 0; p < Partitions; p++)
        {
            await _store.Filters.RebuildAsync(p, Fast, _ => { }, Token);
        }

        await WriteAsync(2 * Facts, Facts);
        Assert.All(await fresh.Filters.ListAsync(Token), filter => Assert.True(filter is { Fit: FilterFit.Sound, IsCounted: true }));
        Assert.Equal(FilterFit.Sound, (await fresh.Filters.ExamineAsync(0, Token)).Fit);
    }

    [Fact]
    public async Task OlderVersion_WritesMeanwhile_TakesTheChecksumsOutOfUse()
    {
        await WriteAsOlderVersionAsync(Facts);
        // What the newer one writes later does not make them valid again.
        await WriteAsync(Facts + 1, Facts);
        await using var fresh = await OpenAsync();
        await using var replica = await FollowAsync(fresh);
        await KnowsAllAsync(replica, (2 * Facts) + 1);
        var partition = Sample.Key(Facts).Partition(Partitions);
        Assert.True((await fresh.Filters.ListAsync(Token))[partition] is { Fit: FilterFit.Unchecked, IsCounted: false, HasLost: false });
        await _store.Filters.RebuildAsync(partition, Fast, _ => { }, Token);
        Assert.True((await fresh.Filters.ListAsync(Token))[partition] is { Fit: FilterFit.Sound, IsCounted: true, HasLost: false });
    }

    public static TheoryData<string> BucketDamages => ["deleted", "field", "renamed", "expired", "another's"];

    [Theory]
    [MemberData(nameof(BucketDamages))]
    public async Task Facts_Deleted_AreMissedByEveryRead(string damage)
    {
        await using var fresh = await OpenAsync();
        await using var replica = await FollowAsync(fresh);
        var key = Sample.Key(7);
        await DamageBucketAsync(damage, key);

        await FailsAsync(() => fresh.Reader.ReadAsync(key, new[] { Sample.ObjectionId() }, Token).AsTask());
        // Other losses may not be known yet.
        await FailsAsync(() => fresh.Reader.ReadAsync(Sample.Key(8), new[] { Sample.ObjectionId() }, Token).AsTask());
        await FailsAsync(() => fresh.Maintenance.ProbeAsync(Token));

        await using var restarted = await OpenAsync();
        await using var follower = await FollowAsync(restarted);
        var batch = new ReadBatch();
        for (var i = 0; i < 20; i++)
        {
            batch.Add(Sample.Key(i), [Sample.ObjectionId()]);
        }

        await restarted.Reader.ReadAsync(batch, Token);
        Assert.Equal(StoreFault.Damaged, batch.Fault(7)!.Fault);
        await FailsAsync(() => restarted.Maintenance.ProbeAsync(Token));
        Assert.Contains(await DoctorAsync(), finding => finding is { Level: FindingLevel.Fail, Name: "count" });
    }

    [Fact]
    public async Task Bucket_OfAnotherType_IsDamaged()
    {
        var key = Sample.Key(7);
        var bucket = Keys.Bucket(key.Partition(Partitions), key.Bucket);
        await Db.KeyDeleteAsync(bucket);
        await Db.StringSetAsync(bucket, "text");
        await FailsAsync(() => _store.Reader.ReadAsync(key, new[] { Sample.ObjectionId() }, Token).AsTask());
        Assert.True((await _store.Filters.ExamineAsync(key.Partition(Partitions), Token)).HasLost);
        await FailsAsync(() => _store.Maintenance.ProbeAsync(Token));
    }

    [Fact]
    public async Task Facts_DeletedAndNobodyAsks_AreMissedByTheExamination()
    {
        await DamageBucketAsync("deleted", Sample.Key(7));
        var partition = Sample.Key(7).Partition(Partitions);
        Assert.True((await _store.Filters.ExamineAsync(partition, Token)).HasLost);
        await FailsAsync(() => _store.Reader.ReadAsync(Sample.Key(8), new[] { Sample.ObjectionId() }, Token).AsTask());

        // A rebuild does not hide it, and what was deleted is recorded again before the store is accepted.
        await _store.Filters.RebuildAsync(partition, Fast, _ => { }, Token);
        await FailsAsync(() => _store.Maintenance.ProbeAsync(Token));
        await using var operators = await OpenAsync();
        await operators.Writer.WriteAsync([.. Enumerable.Range(0, Facts).Select(i => Sample.Objection(i))], Token);
        Assert.True((await _store.Filters.ExamineAsync(partition, Token)).HasLost);
        await operators.Filters.RebuildAsync(partition, Fast with { AcceptLoss = true }, _ => { }, Token);
        Assert.False((await _store.Filters.ExamineAsync(partition, Token)).HasLost);
        Assert.Equal(Facts, (await _store.Maintenance.ProbeAsync(Token)).Facts);
        Assert.DoesNotContain(await DoctorAsync(), finding => finding.Level == FindingLevel.Fail);
    }

    // Buckets that are known to be empty are not read, but only while the counts are exact.
    [Theory]
    [InlineData("", true)]
    [InlineData("deleted", false)]
    [InlineData("zero", false)]
    [InlineData("incomplete", false)]
    [InlineData("outdated", false)]
    public async Task Scan_WhateverTheCountsSay_FindsEveryFact(string damage, bool skips)
    {
        for (var partition = 0; partition < Partitions; partition++)
        {
            await (damage switch
            {
                "deleted" => Db.KeyDeleteAsync(Keys.Counts(partition)),
                "zero" => Db.StringSetAsync(Keys.Counts(partition), new byte[BucketCounts.Size]),
                "incomplete" => Db.HashDeleteAsync(Keys.Meta(partition), "o"),
                "outdated" => Db.HashSetAsync(Keys.Meta(partition), "c", 0),
                _ => Task.CompletedTask,
            });
        }

        var before = await ReadsAsync();
        var found = new HashSet<NumberPseudonym>();
        for (var partition = 0; partition < Partitions; partition++)
        {
            await _store.Imports.ScanAsync(partition, Sample.ObjectionId(), (key, _) => found.Add(key), Token);
        }

        Assert.Equal(Enumerable.Range(0, Facts).Select(i => Sample.Key(i)).ToHashSet(), found);
        Assert.InRange(await ReadsAsync() - before, skips ? 1 : Partitions * NumberPseudonym.Buckets, skips ? Facts : long.MaxValue);
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("shorter")]
    public async Task Counts_Gone_AreNotTakenForAStoreWithoutThem(string damage)
    {
        if (damage == "deleted")
        {
            await Db.KeyDeleteAsync(Keys.Counts(0));
        }
        else
        {
            await Db.StringSetAsync(Keys.Counts(0), new byte[64]);
        }

        await WriteAsync(Facts, Facts);
        Assert.NotEqual(BucketCounts.Size, await Db.StringLengthAsync(Keys.Counts(0)));
        await using var fresh = await OpenAsync();
        await using var replica = await FollowAsync(fresh);
        Assert.True((await fresh.Filters.ExamineAsync(0, Token)).HasLost);

        // The facts are all there, so counting again mends it.
        Assert.False((await fresh.Filters.RebuildAsync(0, Fast, _ => { }, Token))!.HasLost);
        await fresh.Maintenance.ProbeAsync(Token);
        Assert.NotNull((await fresh.Reader.ReadAsync(Sample.Key(7), new[] { Sample.ObjectionId() }, Token)).Values[0]);
    }

    [Fact]
    public async Task Facts_DeletedFromAStoreOfAnOlderVersion_AreMissedByTheFirstRebuild()
    {
        await AsAnOlderVersionAsync();
        await DamageBucketAsync("deleted", Sample.Key(7));
        await FailsAsync(() => _store.Filters.RebuildAsync(Sample.Key(7).Partition(Partitions), Fast, _ => { }, Token));
        await FailsAsync(() => _store.Maintenance.ProbeAsync(Token));
    }

    [Fact]
    public async Task FalsePositive_OfTheFilter_IsNoLoss()
    {
        await using var replica = await FollowAsync(_store);
        // As if many facts had been erased: the filter knows them, the store does not.
        foreach (var i in Enumerable.Range(50_000, 200))
        {
            replica.Add(Sample.Key(i), Sample.ObjectionId(), ConsistencyToken.Of(_store.Manifest.Epoch, Sample.Key(i).Partition(Partitions), 1));
            Assert.Null((await _store.Reader.ReadAsync(Sample.Key(i), new[] { Sample.ObjectionId() }, Token)).Values[0]);
        }

        await _store.Maintenance.ProbeAsync(Token);
    }

    [Fact]
    public async Task Everything_ThatWrites_KeepsSumsAndCounts()
    {
        var random = new Random(1);
        for (var round = 0; round < 60; round++)
        {
            var i = random.Next(400);
            switch (random.Next(5))
            {
                case 0:
                    await _store.Writer.EraseAsync(Sample.Key(i), Sample.Objection(i, Sample.Now + round, organisation: "*"), Token);
                    break;
                case 1:
                    await _store.Filters.RebuildAsync(random.Next(Partitions), Fast, _ => { }, Token);
                    break;
                default:
                    await _store.Writer.WriteAsync([.. Enumerable.Range(i, 40).Select(n => Sample.Objection(n, Sample.Now + random.Next(5), organisation: $"o{random.Next(4)}"))], Token);
                    break;
            }
        }

        for (var p = 0; p < Partitions; p++)
        {
            var examined = await _store.Filters.ExamineAsync(p, Token);
            Assert.True(examined is { Fit: FilterFit.Sound, IsCounted: true, HasLost: false }, $"{examined}");
        }

        Assert.DoesNotContain(await DoctorAsync(), finding => finding.Level == FindingLevel.Fail);
    }

    private async Task DamageAsync(string damage, byte[] older)
    {
        var filter = Keys.Filter(0, 1);
        byte[] bytes = (await Db.StringGetAsync(filter))!;
        var set = Array.FindIndex(bytes, b => b != 0);
        switch (damage)
        {
            case "deleted":
                await Db.KeyDeleteAsync(filter);
                break;
            case "shorter":
                await Db.StringSetAsync(filter, bytes[..^64]);
                break;
            case "longer":
                await Db.StringAppendAsync(filter, new byte[64]);
                break;
            case "zeroes":
                await Db.StringSetRangeAsync(filter, set, new byte[256]);
                break;
            case "one bit":
                await Db.StringSetBitAsync(filter, (8L * set) + (7 - System.Numerics.BitOperations.TrailingZeroCount(bytes[set])), false);
                break;
            case "two bytes exchanged":
                var other = Array.FindIndex(bytes, set + 1, b => b != 0 && b != bytes[set]);
                await Db.StringSetRangeAsync(filter, set, new[] { bytes[other] });
                await Db.StringSetRangeAsync(filter, other, new[] { bytes[set] });
                break;
            case "older copy":
                await RestoreAsync(filter, older);
                break;
            case "renamed":
                await Db.KeyRenameAsync(filter, "{00}elsewhere");
                break;
            case "another's":
                await RestoreAsync(filter, (await Db.KeyDumpAsync(Keys.Filter(1, 1)))!);
                break;
            case "expired":
                await Db.KeyExpireAsync(filter, TimeSpan.FromMilliseconds(1));
                await Task.Delay(20, Token);
                break;
            case "another type":
                await Db.KeyDeleteAsync(filter);
                await Db.ListRightPushAsync(filter, "x");
                break;
            case "emptied":
                await Db.StringSetAsync(filter, new byte[bytes.Length]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(damage), damage, null);
        }
    }

    private async Task DamageBucketAsync(string damage, NumberPseudonym key)
    {
        var bucket = Keys.Bucket(key.Partition(Partitions), key.Bucket);
        switch (damage)
        {
            case "deleted":
                await Db.KeyDeleteAsync(bucket);
                break;
            case "field":
                await Db.HashDeleteAsync(bucket, Keys.Field(key, Sample.ObjectionId()));
                break;
            case "renamed":
                await Db.KeyRenameAsync(bucket, "{00}elsewhere");
                break;
            case "expired":
                await Db.KeyExpireAsync(bucket, TimeSpan.FromMilliseconds(1));
                await Task.Delay(20, Token);
                break;
            default:
                await Db.KeyDeleteAsync(bucket);
                await Db.HashSetAsync(bucket, [new("a", "b"), new("c", "d"), new("e", "f"), new("g", "h"), new("i", "j"), new("k", "l")]);
                break;
        }
    }

    private async Task AsAnOlderVersionAsync()
    {
        for (var p = 0; p < Partitions; p++)
        {
            await Db.HashDeleteAsync(Keys.Meta(p), ["c", "o", Keys.SumsField(1)]);
            await Db.KeyDeleteAsync([Keys.Sums(p, 1), Keys.Counts(p)]);
        }
    }

    // Its script sets the bits, stores the fact, feeds it, and moves version and number of timelines.
    private async Task WriteAsOlderVersionAsync(int number)
    {
        var fact = Sample.Objection(number);
        var partition = fact.Key.Partition(Partitions);
        var blocks = FilterGenerations.Parse((string)(await Db.HashGetAsync(Keys.Meta(partition), "g"))!).All[0].Blocks;
        var offsets = new byte[BlockFilter.BitsPerProbe];
        BlockFilter.Bits(fact.Key, fact.Id, blocks, out var block, offsets);
        foreach (var offset in offsets)
        {
            await Db.StringSetBitAsync(Keys.Filter(partition, 1), (block * 256L) + offset, true);
        }

        var (field, value) = (Keys.Field(fact.Key, fact.Id), Timeline.Single(fact.Id.Kind, fact.Entry));
        await Db.HashSetAsync(Keys.Bucket(partition, fact.Key.Bucket), field, value);
        var version = (long)await Db.HashGetAsync(Keys.Meta(partition), "v") + 1;
        var entry = new byte[10 + field.Length + value.Length];
        BinaryPrimitives.WriteInt64BigEndian(entry, version);
        BinaryPrimitives.WriteUInt16BigEndian(entry.AsSpan(8), (ushort)fact.Key.Bucket);
        field.CopyTo(entry, 10);
        value.CopyTo(entry, 10 + field.Length);
        await Db.ListRightPushAsync(Keys.Feed(partition), entry);
        await Db.HashIncrementAsync(Keys.Meta(partition), "n", 1);
        await Db.HashSetAsync(Keys.Meta(partition), "v", version);
    }

    private async Task RestoreAsync(RedisKey key, byte[] dump)
    {
        await Db.KeyDeleteAsync(key);
        await Db.KeyRestoreAsync(key, dump);
    }

    private Task<FactStore> OpenAsync() => StoreAdmin.OpenAsync(
        _server.Options with { ReadTimeoutMs = 5_000 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

    private async Task<FilterReplica> FollowAsync(FactStore store)
    {
        var replica = new FilterReplica(store.Feed, new ReplicaOptions { PollMs = 20 }, TimeProvider.System);
        await replica.StartAsync(Token);
        return replica;
    }

    private Task<WriteResult> WriteAsync(int first, int count) =>
        _store.Writer.WriteAsync([.. Enumerable.Range(first, count).Select(i => Sample.Objection(i))], Token);

    private async Task KnowsAllAsync(FilterReplica replica, int facts)
    {
        var now = TimeProvider.System.GetTimestamp();
        for (var p = 0; p < Partitions; p++)
        {
            while (replica.Partition(p) is not { Filter: not null } state || state.AsOf < now)
            {
                await Task.Delay(10, Token);
            }
        }

        Assert.All(
            Enumerable.Range(0, facts).Select(i => Sample.Key(i)),
            key => Assert.True(replica.Partition(key.Partition(Partitions)).Filter!.MayContain(key, Sample.ObjectionId())));
    }

    private Task<IReadOnlyList<Finding>> DoctorAsync() => StoreAdmin.DoctorAsync(
        _server.Options with { WriteTimeoutMs = 30_000, ReadTimeoutMs = 5_000 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

    private static async Task FailsAsync(Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(call);
        Assert.Equal(StoreFault.Damaged, e.Fault);
    }

    // Buckets that were read whole since the server started.
    private async Task<long> ReadsAsync() =>
        (await _behind.GetServers()[0].InfoAsync("commandstats")).SelectMany(group => group).Where(pair => pair.Key == "cmdstat_hgetall")
            .Select(pair => long.Parse(pair.Value.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture)).SingleOrDefault();
}
