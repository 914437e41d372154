using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;
using Lookup.Load.Chaos.Stores;
using Lookup.Load.Chaos.Workload;
using Lookup.Load.Results;

namespace Lookup.Load.Chaos;

/// <summary>Makes the faults of a plan happen, and does what docs/failures.md tells an operator to do.</summary>
internal sealed class FaultRunner(HistoryLog log, ChaosStore store, Instance[] instances, Writers writers, Readers readers, string folder)
{
    // Writes that an older copy lacks, and reads that must be refused before the operator comes.
    private static readonly TimeSpan Dwell = TimeSpan.FromSeconds(1.5);

    // After it a client of a primary that failed over must have found the new one, or it is restarted.
    private static readonly TimeSpan FollowLimit = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    /// <summary>Services that had to be restarted since they did not find the new primary by themselves.</summary>
    internal int Unfollowed { get; private set; }

    internal async Task RunAsync(ChaosPlan plan, CancellationToken ct)
    {
        foreach (var fault in plan.Faults)
        {
            await Task.Delay(fault.Pause, ct);
            Report.Say($"  {log.Now / 1e6:F1} s: {fault}");
            await Task.WhenAll(OneAsync(fault, ct), WithinAsync(fault.Within, ct));
        }

        async Task WithinAsync(PlannedFault? within, CancellationToken stop)
        {
            if (within is null)
                return;
            await Task.Delay(within.Pause, stop);
            await OneAsync(within, stop);
        }
    }

    private async Task OneAsync(PlannedFault fault, CancellationToken ct)
    {
        var begin = log.Now;
        await MakeAsync(fault, ct);
        log.Add(new HistoryEvent { Event = EventKind.Fault, Start = begin, At = log.Now, Instance = fault.Target, Text = fault.Kind.ToString() });
    }

    private Task MakeAsync(PlannedFault fault, CancellationToken ct) => fault.Kind switch
    {
        FaultKind.KillStore => KillAsync(store.Primary, fault.Length, ct),
        FaultKind.KillReplica => KillAsync(store.Replicas[fault.Target % store.Replicas.Count], fault.Length, ct),
        FaultKind.FreezeStore => FreezeAsync(store.Primary.Freeze, store.Primary.Thaw, fault.Length, ct),
        FaultKind.StutterStore => StutterAsync(fault.Length, ct),
        FaultKind.SlowLink => LinkAsync(fault, proxy => proxy.Delay((int)(fault.Length.TotalMilliseconds % 300) + 20), ct),
        FaultKind.CutLink => LinkAsync(fault, proxy => proxy.Hold(), ct),
        FaultKind.RefuseLink => LinkAsync(fault, proxy => proxy.Refuse(), ct),
        FaultKind.Flush => FlushAsync(fault.Length, ct),
        FaultKind.Restore => RestoreAsync(fault.Length, ct),
        FaultKind.Full => FullAsync(fault.Length, ct),
        FaultKind.FailOver => FailOverAsync(fault.Length, ct),
        FaultKind.SplitBrain => SplitBrainAsync(fault.Length, ct),
        FaultKind.KillService => KillServiceAsync(instances[fault.Target], fault.Length, ct),
        FaultKind.FreezeService => FreezeAsync(instances[fault.Target].Freeze, instances[fault.Target].Thaw, fault.Length, ct),
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, null),
    };

    private async Task KillAsync(RedisNode node, TimeSpan length, CancellationToken ct)
    {
        await node.KillAsync();
        await Task.Delay(length, ct);
        await store.RestartAsync(node, ct);
    }

    private static async Task FreezeAsync(Action freeze, Action thaw, TimeSpan length, CancellationToken ct)
    {
        freeze();
        try
        {
            await Task.Delay(length, ct);
        }
        finally
        {
            thaw();
        }
    }

    private async Task StutterAsync(TimeSpan length, CancellationToken ct)
    {
        var (still, moving) = (TimeSpan.FromMilliseconds(length.TotalMilliseconds % 150 + 30), TimeSpan.FromMilliseconds(40));
        for (var left = length; left > TimeSpan.Zero; left -= still + moving)
        {
            await FreezeAsync(store.Primary.Freeze, store.Primary.Thaw, still, ct);
            await Task.Delay(moving, ct);
        }
    }

    private async Task LinkAsync(PlannedFault fault, Action<TcpProxy> act, CancellationToken ct)
    {
        store.EachProxy(fault.Target, act);
        await Task.Delay(fault.Length, ct);
        store.EachProxy(fault.Target, proxy => proxy.Heal());
    }

    private async Task FullAsync(TimeSpan length, CancellationToken ct)
    {
        await store.Primary.RunAsync(ct, "CONFIG", "SET", "maxmemory", "1mb");
        await Task.Delay(length, ct);
        await store.Primary.RunAsync(ct, "CONFIG", "SET", "maxmemory", "0");
    }

    private async Task FlushAsync(TimeSpan length, CancellationToken ct)
    {
        var (copy, since) = Copy();
        await SeenAsync(since, ct);
        await store.Primary.RunAsync(ct, "FLUSHALL");
        await Task.Delay(length, ct);
        await store.Primary.KillAsync();
        await TakeCopyAsync(copy, ct);
        await OperateAsync(since, ct);
    }

    private async Task RestoreAsync(TimeSpan length, CancellationToken ct)
    {
        var (copy, since) = Copy();
        await Task.Delay(length, ct);
        await SeenAsync(since, ct);
        await store.Primary.KillAsync();
        await TakeCopyAsync(copy, ct);
        await Task.Delay(Dwell, ct);
        await OperateAsync(since, ct);
    }

    // An instance that never saw anything of what a copy lacks cannot tell the copy from the store. That it refuses one
    // otherwise is what is shown here; what an operator does about it stands in docs/failures.md.
    private async Task SeenAsync(long since, CancellationToken ct)
    {
        foreach (var instance in instances)
        {
            await UntilAsync(
                instance,
                async () => writers.WrittenAfter(since) is { } number && await readers.CheckAsync(instance, number, ReadMode.Token, Limit),
                ct);
        }
    }

    private (string Folder, long Since) Copy()
    {
        var since = log.Now;
        var copy = Path.Combine(folder, $"copy-{since}");
        store.Primary.CopyTo(copy);
        return (copy, since);
    }

    private async Task TakeCopyAsync(string copy, CancellationToken ct)
    {
        store.Primary.TakeFrom(copy);
        await store.RestartAsync(store.Primary, ct);
        Directory.Delete(copy, recursive: true);
    }

    // Nothing answers while the loss is not made good, but for what the new services say before the last fact is back.
    private async Task OperateAsync(long since, CancellationToken ct)
    {
        await Task.WhenAll(instances.Select(instance => instance.KillAsync()));
        await writers.PauseAsync(ct);
        await store.FollowedAsync(ct);
        await writers.RepairAsync(
            since,
            async () =>
            {
                await Task.WhenAll(instances.Select(instance => instance.StartAsync(ct)));
                writers.Resume();
            },
            ct);
    }

    private async Task FailOverAsync(TimeSpan length, CancellationToken ct)
    {
        await store.Primary.KillAsync();
        await Task.Delay(length, ct);
        var old = await store.PromoteAsync(ct);
        await store.RestartAsync(old, ct);
        await FoundAsync(ct);
    }

    private async Task SplitBrainAsync(TimeSpan length, CancellationToken ct)
    {
        var old = store.Primary;
        old.Freeze();
        try
        {
            await Task.Delay(length / 2, ct);
            await store.PromoteAsync(ct);
            await AnnounceAsync(ct);
            await Task.Delay(length, ct);
        }
        finally
        {
            old.Thaw();
        }

        await Task.Delay(Dwell, ct);
        await store.DemoteAsync(old, ct);
        await FoundAsync(ct);
    }

    // The client library looks for the primary when it is told on this channel, else once a minute.
    private Task<string> AnnounceAsync(CancellationToken ct) => store.Primary.RunAsync(ct, "PUBLISH", "__Booksleeve_MasterChanged", "*");

    private async Task FoundAsync(CancellationToken ct)
    {
        await AnnounceAsync(ct);
        await Task.WhenAll(instances.Select(instance => UntilAsync(instance, () => readers.CheckAsync(instance, 0, ReadMode.Exact, Limit), ct)));
    }

    private async Task UntilAsync(Instance instance, Func<Task<bool>> answers, CancellationToken ct)
    {
        for (var begin = log.Now; !await answers(); await Task.Delay(50, ct))
        {
            if (log.Now - begin < FollowLimit.TotalMicroseconds)
                continue;
            Unfollowed++;
            Report.Say($"    {log.Now / 1e6:F1} s: instance {instance.Index} does not find the primary and is restarted.");
            await instance.KillAsync();
            await instance.StartAsync(ct);
            begin = log.Now;
        }
    }

    private static async Task KillServiceAsync(Instance instance, TimeSpan length, CancellationToken ct)
    {
        await instance.KillAsync();
        await Task.Delay(length, ct);
        await instance.StartAsync(ct);
    }
}
