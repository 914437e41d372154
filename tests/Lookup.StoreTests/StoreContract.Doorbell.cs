using Lookup.Redis.Following;

namespace Lookup.StoreTests;

/// <content>What tells followers that facts were written, on every store.</content>
public abstract partial class StoreContract
{
    [Fact]
    public async Task Listen_Written_Rings()
    {
        var rings = 0;
        using (Store.Feed.Listen(() => Interlocked.Increment(ref rings)))
        {
            await RingsAsync(i => Store.Writer.WriteAsync([Sample.Objection(i)], Token));
            await RingsAsync(i => Store.Writer.EraseAsync(Sample.Key(i), Sample.Objection(i, Sample.Now + 1), Token));
        }

        // What is not listened to any more does not call back; whoever still listens hears what would have.
        var others = 0;
        using var other = Store.Feed.Listen(() => Interlocked.Increment(ref others));
        await OthersAsync();
        var heard = Volatile.Read(ref rings);
        await OthersAsync();
        Assert.Equal(heard, Volatile.Read(ref rings));

        async Task OthersAsync()
        {
            var before = Volatile.Read(ref others);
            for (var i = 10_000; Volatile.Read(ref others) == before; i++)
            {
                await Store.Writer.WriteAsync([Sample.Objection(i, Sample.Now + before)], Token);
                await Task.Delay(5, Token);
            }
        }

        // A ring may be lost, for one while the subscription is under way; not all of many.
        async Task RingsAsync(Func<int, Task> write)
        {
            var before = Volatile.Read(ref rings);
            for (var i = 0; Volatile.Read(ref rings) == before; i++)
            {
                await write(i);
                await Task.Delay(5, Token);
            }
        }
    }

    [Fact]
    public async Task Replica_WithoutATick_HearsTheDoorbell()
    {
        await using var replica = new FilterReplica(Store.Feed, new ReplicaOptions(), new ClockWithoutTicks());
        await replica.StartAsync(Token);
        var last = 0;
        // Each write rings; that of the last one, or of one before it that was polled late, brings it.
        for (var i = 0; i < 20; i++)
        {
            await Store.Writer.WriteAsync([Sample.Objection(i)], Token);
            last = i;
        }

        while (!replica.Partition(Sample.Key(last).Partition(Store.Manifest.Partitions)).Filter!.MayContain(Sample.Key(last), Sample.ObjectionId()))
        {
            // The subscription may still have been under way.
            await Store.Writer.WriteAsync([Sample.Objection(++last)], Token);
            await Task.Delay(5, Token);
        }
    }

    /// <summary>Timers that repeat never come; single ones do.</summary>
    private sealed class ClockWithoutTicks : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            period == Timeout.InfiniteTimeSpan
                ? System.CreateTimer(callback, state, dueTime, period)
                : System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
