using System.Buffers.Binary;
using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>Reads what followers need: versions, changes, filters.</summary>
internal sealed class RedisFeed(
    RedisTopology link, PartitionStates partitions, Fences fences, KeyRotationState keys, ChangeNotifier notifier) : IChangeFeed, IDisposable
{
    private const int HeaderSize = sizeof(ulong) + sizeof(ushort);

    // Writes between the two reads of a poll shift changes out of a range that counts from the end.
    private const int Slack = 256;

    // Newest changes of a partition that are recorded when its filter is loaded.
    private const int Newest = 64;

    // Attempts of one read that writes overtake by more than that.
    private const int MaxRounds = 4;

    // Share of the time for building a filter from facts: reads and writes continue.
    private const double ScanShare = 0.5;

    private static readonly RedisValue[] MetaFields = ["e", "v", "g"];

    // One scan at a time; each reads all buckets of a partition.
    private readonly SemaphoreSlim _scans = new(1);

    public void Dispose() => _scans.Dispose();

    /// <inheritdoc/>
    public int Partitions => partitions.Count;

    /// <inheritdoc/>
    public IDisposable Listen(Action heard) => notifier.Listen(heard);

    /// <inheritdoc/>
    public void Expect(IKnownFacts known) => partitions.KnownFacts = known;

    /// <inheritdoc/>
    public uint MarkOf(int partition, ulong version) => partitions.History(partition).MarkOf(version);

    /// <inheritdoc/>
    public async ValueTask<bool> HasAsync(int partition, ulong version, uint mark, CancellationToken cancellation)
    {
        if (mark == 0 || version == 0)
        {
            return true;
        }

        if (MarkOf(partition, version) is not 0 and var known)
        {
            return known == mark;
        }

        return await ReadChangesAsync(partition, version - 1, 1, cancellation) is not [var change] || ChangeMark.Of(change) == mark;
    }

    /// <inheritdoc/>
    public async Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken cancellation)
    {
        var floors = new ulong[partitions.Count];
        for (var p = 0; p < floors.Length; p++)
        {
            floors[p] = partitions.Floor(p);
        }

        var polls = new FeedPoll[floors.Length];
        await Task.WhenAll(Enumerable.Range(0, polls.Length).GroupBy(link.FindServer)
            .Select(group => PollAsync(group.Key, [.. group], floors, known, polls, cancellation)));
        return Array.TrueForAll(polls, poll => poll.Fault is not null) ? throw polls[0].Fault! : polls;
    }

    // A server that does not answer is no fault of the partitions of another.
    private async Task PollAsync(
        ServerLink? server, int[] own, ulong[] floors, ReadOnlyMemory<ulong?> known, FeedPoll[] polls, CancellationToken cancellation)
    {
        try
        {
            if (server is null)
            {
                throw RedisFaults.NoServer();
            }

            Task<Dictionary<string, string>>? replication = null;
            Task<RedisResult>? time = null;
            var metas = await server.ReadAsync(
                async db =>
                {
                    time = db.ExecuteAsync("TIME");
                    var metas = own.Select(p => db.HashGetAsync(Keys.Meta(p), MetaFields, CommandFlags.DemandMaster)).ToArray();
                    // After the other commands: a server does not return to an earlier state.
                    replication = server.InfoAsync(db, "replication");
                    await replication;
                    await ((Task)Task.WhenAll(metas)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    return metas;
                },
                cancellation);
            var info = await replication!;
            var history = History(info);
            var storeTime = await MicrosecondsAsync(time!);
            for (var i = 0; i < own.Length; i++)
            {
                var p = own[i];
                polls[p] = await PollAsync(p, metas[i], floors[p], known.Span[p], history) with { StoreTime = storeTime };
            }

            await Task.WhenAll(own.Select(async p =>
            {
                if (polls[p] is { Fault: null, Changes: null } && known.Span[p] is { } since && since < polls[p].Version)
                {
                    polls[p] = await ChangesAsync(server, p, since, polls[p], cancellation);
                }
            }));
            if (fences.IsOn)
            {
                await ConfirmAsync(server, Array.FindAll(own, p => polls[p].Fault is null), polls, history, cancellation);
            }

            await Task.WhenAll(own.Where(p => polls[p].Fault is null).Select(
                p => ContinueAsync(server, p, polls[p].Version, polls[p].Changes ?? [], history, cancellation)));
        }
        catch (StoreUnavailableException e)
        {
            if (e.MayBeElsewhere)
            {
                _ = link.RediscoverAsync();
            }

            foreach (var p in own)
            {
                polls[p] = new FeedPoll(0, 0, null, Fault: e);
            }
        }
    }

    // A user without the right to call TIME has one clock less to compare with.
    private static async Task<long> MicrosecondsAsync(Task<RedisResult> time)
    {
        try
        {
            return (string[]?)await time is [var seconds, var rest]
                && long.TryParse(seconds, CultureInfo.InvariantCulture, out var whole) && long.TryParse(rest, CultureInfo.InvariantCulture, out var part)
                ? (whole * 1_000_000) + part
                : 0;
        }
        catch (RedisException)
        {
            return 0;
        }
    }

    // After all reads: then replicas have the data, and no other server takes over without it.
    private async Task ConfirmAsync(ServerLink server, int[] read, FeedPoll[] polls, string history, CancellationToken cancellation)
    {
        if (read.Length == 0)
        {
            return;
        }

        if (await fences.RaiseAsync(server, read, cancellation) != history)
        {
            throw RedisFaults.Changed();
        }

        foreach (var p in read)
        {
            partitions.Confirm(p, polls[p].Version);
        }
    }

    // What this process knew before must be part of the history that it follows from now on, see KnownHistory.cs.
    private async Task ContinueAsync(
        ServerLink server, int partition, ulong version, IReadOnlyList<FeedChange> changes, string history, CancellationToken cancellation)
    {
        var known = partitions.History(partition);
        if (known.Name != history)
        {
            // Where writes wait for replicas, whichever server takes over has everything that counts.
            if (known.Name.Length > 0 && known.Newest > 0 && !fences.IsOn && !await HasAsync(server, partition, version, known, cancellation))
            {
                throw partitions.RollBack();
            }

            known.Name = history;
        }

        foreach (var change in changes)
        {
            partitions.RecordChange(partition, change.Version, ChangeMark.Of(change));
        }
    }

    // Returns whether the newest known change is in the feed; false also if it is no longer kept, because then nothing proves it.
    private static async Task<bool> HasAsync(ServerLink server, int partition, ulong version, KnownHistory known, CancellationToken cancellation)
    {
        var newest = known.Newest;
        var place = -(long)(Math.Max(version, newest) - newest) - 1;
        var entries = await server.ReadAsync(
            db => db.ListRangeAsync(Keys.Feed(partition), place - Slack, place, CommandFlags.DemandMaster), cancellation);
        return Array.Exists(entries, entry => Version(entry) == newest && ChangeMark.Of(Parse(entry)) == known.MarkOf(newest));
    }

    // A partition that is moving to another server is no fault of those that stay.
    private async Task<FeedPoll> PollAsync(int partition, Task<RedisValue[]> meta, ulong floor, ulong? known, string history)
    {
        try
        {
            var (version, generation) = Check(partition, await meta, floor);
            return new FeedPoll(version, generation.Number, known == version ? [] : null, history);
        }
        catch (Exception e) when (e is StoreUnavailableException or RedisException)
        {
            var fault = RedisFaults.Map(e);
            if (fault.IsElsewhere)
            {
                _ = link.RediscoverAsync();
            }

            return new FeedPoll(0, 0, null, Fault: fault);
        }
    }

    // Each primary generates a new id for its history when it starts or takes over.
    internal static string History(Dictionary<string, string> info) =>
        info.GetValueOrDefault("role") is "slave" or "replica" ? throw RedisFaults.Replica() : info.GetValueOrDefault("master_replid", "");

    /// <inheritdoc/>
    public async Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken cancellation)
    {
        var floor = partitions.Floor(partition);
        var history = await HistoryAsync(partition, cancellation);
        var (version, generation) = await MetaAsync(partition, floor, cancellation);
        var stored = await new StoredFilters(link, partitions, keys).ReadAsync(partition, generation, cancellation);
        partitions.SetFit(partition, generation.Number, stored.Fit);
        var filter = stored.Fit == FilterFit.Sound ? stored.Filter! : await ScanAsync(partition, generation.Blocks, cancellation);

        var newest = await link.ReadAsync(
            partition, db => db.ListRangeAsync(Keys.Feed(partition), -Newest, -1, CommandFlags.DemandMaster), cancellation);
        // The store and the filter are still the same: what was read was not being removed.
        if ((await MetaAsync(partition, version, cancellation)).Generation != generation)
        {
            throw RedisFaults.Timeout();
        }

        var now = fences.IsOn
            ? await fences.RaiseAsync(link.GetServer(partition), [partition], cancellation)
            : await HistoryAsync(partition, cancellation);
        if (now != history)
        {
            throw RedisFaults.Changed();
        }

        partitions.Confirm(partition, version);
        await ContinueAsync(link.GetServer(partition), partition, version, [.. newest.Select(entry => Parse(entry))], history, cancellation);
        return new LoadedFilter(filter, version, generation.Number, history);
    }

    private async Task<BlockFilter> ScanAsync(int partition, int blocks, CancellationToken cancellation)
    {
        await _scans.WaitAsync(cancellation);
        try
        {
            return await new FilterScan(link, partitions, keys, partition, ScanShare).RunAsync(blocks, _ => { }, cancellation);
        }
        finally
        {
            _scans.Release();
        }
    }

    /// <summary>Returns the replication history of the partition's server; another history may lack what was read before.</summary>
    internal async Task<string> HistoryAsync(int partition, CancellationToken cancellation)
    {
        var server = link.GetServer(partition);
        return History(await server.ReadAsync(db => server.InfoAsync(db, "replication"), cancellation));
    }

    private async Task<FeedPoll> ChangesAsync(
        ServerLink server, int partition, ulong since, FeedPoll poll, CancellationToken cancellation)
    {
        var wanted = poll.Version - since;
        if (wanted > (ulong)link.Options.FeedLength)
        {
            return poll;
        }

        var entries = await server.ReadAsync(
            db => db.ListRangeAsync(Keys.Feed(partition), -(long)wanted - Slack, -1, CommandFlags.DemandMaster), cancellation);
        var changes = Parse(entries, since);
        var version = changes is null or [] ? since : changes[^1].Version;
        return version >= poll.Version ? poll with { Version = version, Changes = changes } : poll;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(
        int partition, ulong since, int max, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(max, 10_000);
        var feed = Keys.Feed(partition);
        for (var round = 0; round < MaxRounds; round++)
        {
            var floor = partitions.Floor(partition);
            var (version, _) = await MetaAsync(partition, floor, cancellation);
            if (since >= version)
            {
                return since == version ? [] : null;
            }

            // The newest entry has index -1 and the partition's version.
            var first = -(long)Math.Min(version - since, int.MaxValue);
            var entries = await link.ReadAsync(
                partition,
                db => db.ListRangeAsync(feed, first - Slack, Math.Min(first + max - 1, -1), CommandFlags.DemandMaster),
                cancellation);
            if (Parse(entries, since) is [_, ..] changes)
            {
                return changes;
            }

            byte[]? oldest = await link.ReadAsync(
                partition, db => db.ListGetByIndexAsync(feed, 0, CommandFlags.DemandMaster), cancellation);
            if (oldest is null || Version(oldest) > since + 1)
            {
                return null;
            }
        }

        throw RedisFaults.Timeout();
    }

    /// <summary>Parses the changes after a version; returns null if the first of them, or one in between, is missing.</summary>
    private static List<FeedChange>? Parse(RedisValue[] entries, ulong since)
    {
        var changes = new List<FeedChange>(entries.Length);
        var version = since;
        foreach (byte[]? entry in entries)
        {
            var next = Version(entry);
            if (next <= since)
            {
                continue;
            }

            if (next != version + 1)
            {
                return null;
            }

            version = next;
            changes.Add(Parse(entry));
        }

        return changes;
    }

    private static FeedChange Parse(byte[]? entry)
    {
        var version = Version(entry);
        var field = entry.AsSpan(HeaderSize);
        var key = NumberPseudonym.FromField(BinaryPrimitives.ReadUInt16BigEndian(entry.AsSpan(sizeof(ulong))), field);
        return new FeedChange(version, key, FactId.Read(field[NumberPseudonym.FieldSize..]), entry.AsMemory(HeaderSize + Keys.FieldSize));
    }

    private static ulong Version(byte[]? entry) => entry is { Length: >= HeaderSize + Keys.FieldSize }
        ? BinaryPrimitives.ReadUInt64BigEndian(entry)
        : throw RedisFaults.Damaged();

    private async Task<(ulong Version, FilterGeneration Generation)> MetaAsync(
        int partition, ulong floor, CancellationToken cancellation) => Check(
            partition,
            await link.ReadAsync(partition, db => db.HashGetAsync(Keys.Meta(partition), MetaFields, CommandFlags.DemandMaster), cancellation),
            floor);

    private (ulong Version, FilterGeneration Generation) Check(int partition, RedisValue[] meta, ulong floor)
    {
        var version = partitions.Check(partition, keys, meta[0], meta[1], floor);
        if (meta[2].IsNull)
        {
            throw RedisFaults.Damaged();
        }
        // The first generation is the active one; a second one is still being built.
        return (version, FilterGenerations.Parse(meta[2]!).All[0]);
    }
}
