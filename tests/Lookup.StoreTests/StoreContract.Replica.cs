using System.Collections.Concurrent;
using Lookup.Redis;
using Lookup.Redis.Following;

namespace Lookup.StoreTests;

/// <content>The replica of the filters, on every store.</content>
public abstract partial class StoreContract
{
    [Fact]
    public async Task Replica_ManyWriters_NeverCallsAnAcknowledgedFactAbsent()
    {
        const int Writers = 3;
        const int Facts = 5;
        const int Enough = 10_000;
        await using var replica = new FilterReplica(Store.Feed, new ReplicaOptions { PollMs = 10 }, TimeProvider.System);
        await replica.StartAsync(Token);
        var acknowledged = new int[Writers];
        var judged = 0;
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; Volatile.Read(ref judged) < Enough && !Token.IsCancellationRequested; i++)
            {
                await Store.Writer.WriteAsync([.. Enumerable.Range(0, Facts).Select(f => Sample.Objection(Number(writer, (i * Facts) + f)))], Token);
                Volatile.Write(ref acknowledged[writer], (i + 1) * Facts);
            }
        })));
        var seed = Environment.TickCount;
        var random = new Random(seed);
        string? wrong = null;
        while (!writing.IsCompleted)
        {
            var writer = random.Next(Writers);
            var known = Volatile.Read(ref acknowledged[writer]);
            var moment = TimeProvider.System.GetTimestamp();
            await Task.Delay(random.Next(30), Token);
            for (var k = 0; k < 200 && known > 0; k++)
            {
                // The newest ones are those that a poll may miss.
                var i = k % 2 == 0 ? known - 1 - (k / 2 % known) : random.Next(known);
                var key = Sample.Key(Number(writer, i));
                var state = replica.Partition(key.Partition(Store.Manifest.Partitions));
                if (state.Filter is null || state.AsOf <= moment)
                {
                    continue;
                }

                Volatile.Write(ref judged, judged + 1);
                if (!state.Filter.MayContain(key, Sample.ObjectionId()))
                {
                    wrong ??= $"Seed {seed}: fact {i} of writer {writer} is called absent.";
                }
            }
        }

        await writing;
        Assert.Null(wrong);
        Assert.True(judged >= Enough, "No filter was ever newer than an acknowledged fact.");

        static int Number(int writer, int i) => (writer * 1_000_000) + i;
    }

    [Fact]
    public async Task Replica_WriteWhileAnAnswerIsOnItsWay_IsNotOlderThanTheFilter()
    {
        // Each poll and each load of a filter is overtaken by writes, to every partition, that it does not hold.
        const int Facts = 32;
        const int Rounds = 50;
        var acknowledged = new ConcurrentDictionary<int, long>();
        var rounds = 0;
        string? wrong = null;
        var store = new TroubledStore(Store);
        await using var replica = new FilterReplica(store.Feed, new ReplicaOptions { PollMs = 10 }, TimeProvider.System);
        store.OnTheWayBack = async () =>
        {
            Judge();
            var first = Interlocked.Increment(ref rounds) * Facts;
            await Store.Writer.WriteAsync([.. Enumerable.Range(first, Facts).Select(i => Sample.Objection(i))], Token);
            var now = TimeProvider.System.GetTimestamp();
            for (var i = first; i < first + Facts; i++)
            {
                acknowledged[i] = now;
            }
        };
        await replica.StartAsync(Token);
        while (Volatile.Read(ref rounds) < Rounds)
        {
            await Task.Delay(10, Token);
        }

        Assert.Null(wrong);

        void Judge()
        {
            foreach (var (number, moment) in acknowledged)
            {
                var key = Sample.Key(number);
                var state = replica.Partition(key.Partition(Store.Manifest.Partitions));
                if (state.Filter is not null && state.AsOf > moment && !state.Filter.MayContain(key, Sample.ObjectionId()))
                {
                    wrong = $"Fact {number} is called absent.";
                }
            }
        }
    }

    [Fact]
    public async Task Replica_StoreRolledBackOrFlushed_HasNoFilter()
    {
        await Store.Writer.WriteAsync([.. Enumerable.Range(0, 100).Select(i => Sample.Objection(i))], Token);
        await using var replica = new FilterReplica(Store.Feed, new ReplicaOptions { PollMs = 10 }, TimeProvider.System);
        await replica.StartAsync(Token);
        var count = Store.Manifest.Partitions;
        Assert.All(Enumerable.Range(0, count), p => Assert.NotNull(replica.Partition(p).Filter));
        await using var behind = await BehindAsync();
        await behind.GetDatabase().HashSetAsync(Keys.Meta(0), "v", 1);
        await NoFilterAsync();
        await FlushAsync();
        await NoFilterAsync();

        async Task NoFilterAsync()
        {
            while (Enumerable.Range(0, count).Any(p => replica.Partition(p).Filter is not null))
            {
                await Task.Delay(10, Token);
            }
        }
    }
}
