using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Server.Reading;

namespace Lookup.ServiceTests.Records;

/// <summary>
/// Writers, readers that keep what they read, and a store that is lost now and then, all at once. Whatever is found beside
/// a state of the replica must have every fact that was acknowledged before that state; at the end the cache must hold
/// what the store holds, and count what it holds.
/// </summary>
public sealed class FactCacheSoakTests
{
    private const int Numbers = 400;
    private const int Writers = 2;
    private const int Readers = 2;
    private const int EnoughFound = 5_000;
    private const int EnoughWritten = 500;

    private static readonly FactId[] Ids = [Sample.ObjectionId(), Sample.ObjectionId("other")];

    private readonly NumberPseudonym[] _keys = [.. Enumerable.Range(0, Numbers).Select(Sample.Key)];
    private readonly (long Effective, long At)[] _acknowledged = new (long, long)[Numbers];
    private readonly Lock[] _locks = [.. Enumerable.Range(0, Numbers).Select(_ => new Lock())];
    private int _found;
    private int _written;
    private volatile string? _wrong;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private bool IsOver => Token.IsCancellationRequested || _wrong is not null || (Volatile.Read(ref _found) >= EnoughFound && Volatile.Read(ref _written) >= EnoughWritten);

    [Theory]
    [InlineData(AnyStore.Redis)]
    [InlineData(AnyStore.Embedded)]
    public async Task Cache_RandomWritersAndReaders_NeverLacksWhatTheReplicasStateCovers(string kind)
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        await using var any = await AnyStore.OpenAsync(kind, Token);
        var store = new TroubledStore(any.Store);
        // A third of the numbers fits, so that entries are evicted all the time.
        var cache = new FactCache(store.Manifest.Partitions, Numbers / 3 * 300);
        await using var replica = new FilterReplica(store.Feed, new ReplicaOptions { PollMs = 10 }, TimeProvider.System, cache);
        await replica.StartAsync(Token);
        var tasks = new List<Task>();
        for (var i = 0; i < Writers; i++)
        {
            var (writer, random) = (i, new Random(seed + i));
            tasks.Add(RunAsync(() => WriteAsync(store, replica, writer, random)));
        }

        for (var i = 0; i < Readers; i++)
        {
            var random = new Random(seed + Writers + i);
            tasks.Add(RunAsync(() => ReadAsync(store, replica, cache, random)));
        }

        tasks.Add(RunAsync(() => LoseAsync(store, new Random(seed + Writers + Readers))));
        await Task.WhenAll(tasks);
        Assert.Null(_wrong);
        await AssertWholeAsync(store, replica, cache);
    }

    // One that fails ends the others.
    private async Task RunAsync(Func<Task> work)
    {
        try
        {
            await Task.Run(work);
        }
        catch (Exception e)
        {
            _wrong ??= e.ToString();
        }
    }

    // A loaded machine may be too slow for the store's limits; what came of the call is then not known.
    private static async Task<T?> TryAsync<T>(Task<T> call)
    {
        try
        {
            return await call;
        }
        catch (StoreUnavailableException)
        {
            return default;
        }
    }

    private async Task WriteAsync(TroubledStore store, FilterReplica replica, int writer, Random random)
    {
        for (long k = 1; !IsOver; k++)
        {
            // Each number has one writer, so that its newest fact is known.
            var number = (random.Next(Numbers / Writers) * Writers) + writer;
            var fact = Sample.Objection(number, Sample.Now + k);
            if (await TryAsync(store.Writer.WriteAsync([fact], Token)) is not { } written)
            {
                continue;
            }

            if (random.Next(2) == 0)
            {
                replica.Add(fact.Key, fact.Id, written.Token);
            }

            lock (_locks[number])
            {
                _acknowledged[number] = (Sample.Now + k, TimeProvider.System.GetTimestamp());
            }

            Interlocked.Increment(ref _written);
            // Under more changes than this nothing stays long enough to be found.
            await Task.Delay(random.Next(4), Token);
        }
    }

    private async Task ReadAsync(TroubledStore store, FilterReplica replica, FactCache cache, Random random)
    {
        var times = new FactEntry[Timeline.MaxEntries];
        for (var i = 0; !IsOver; i++)
        {
            // Half of the questions are about a few numbers.
            var number = random.Next(random.Next(2) == 0 ? Numbers / 20 : Numbers);
            var partition = _keys[number].Partition(store.Manifest.Partitions);
            (long Effective, long At) acknowledged;
            lock (_locks[number])
            {
                acknowledged = _acknowledged[number];
            }

            var state = replica.Partition(partition);
            if (state.Filter is not null && cache.TryFind(partition, _keys[number], out var facts))
            {
                var cursor = 0;
                Assert.True(facts.TryFind(Ids[0], ref cursor, out var value));
                if (state.AsOf > acknowledged.At && NewestOf(value, times) < acknowledged.Effective)
                {
                    _wrong ??= $"Number {number} lacks a fact that was acknowledged before the state.";
                }

                Interlocked.Increment(ref _found);
                continue;
            }

            var session = cache.Session(partition);
            if (await TryAsync(store.Reader.ReadAsync(_keys[number], Ids, Token).AsTask()) is not { Values: not null } read)
            {
                continue;
            }
            // On its way to the cache it is overtaken at times.
            if (random.Next(4) == 0)
            {
                await Task.Delay(random.Next(25), Token);
            }

            cache.Keep(session, partition, read.Version, _keys[number], Ids, [read.Values[0], read.Values[1]]);
        }
    }

    private async Task LoseAsync(TroubledStore store, Random random)
    {
        while (!IsOver)
        {
            await Task.Delay(random.Next(100, 300), Token);
            store.OnTheWayBack = () => throw new StoreUnavailableException(StoreFault.Damaged, "It must not be used.");
            await Task.Delay(20, Token);
            store.OnTheWayBack = () => Task.CompletedTask;
        }
    }

    private async Task AssertWholeAsync(TroubledStore store, FilterReplica replica, FactCache cache)
    {
        var end = TimeProvider.System.GetTimestamp();
        for (var p = 0; p < store.Manifest.Partitions; p++)
        {
            while (replica.Partition(p) is not { Filter: not null } state || state.AsOf <= end)
            {
                await Task.Delay(5, Token);
            }
        }

        var entries = cache.Entries.ToDictionary(e => e.Key, e => e.Bytes);
        Assert.Equal(entries.Values.Sum(b => (long)b), cache.Bytes);
        Assert.Equal(entries.Count, cache.Count);
        var checkedOnes = 0;
        foreach (var key in _keys)
        {
            if (!cache.TryFind(key.Partition(store.Manifest.Partitions), key, out var facts))
            {
                continue;
            }

            var cursor = 0;
            Assert.True(facts.TryFind(Ids[0], ref cursor, out var value));
            Assert.Equal((await store.Reader.ReadAsync(key, Ids, Token)).Values[0], value.ToArray());
            checkedOnes++;
        }

        Assert.InRange(checkedOnes, 0, entries.Count);
    }

    private static long NewestOf(StoredValue value, FactEntry[] times)
    {
        var count = value.IsNull ? 0 : Timeline.Read(FactKind.Objection, value.Span, times, out _);
        return count <= 0 ? 0 : times.Take(count).Max(t => t.Effective);
    }
}
