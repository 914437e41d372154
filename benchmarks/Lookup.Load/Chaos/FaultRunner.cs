using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;
using Lookup.Load.Chaos.Stores;
using Lookup.Load.Chaos.Workload;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.Load.Chaos;

/// <summary>Makes the faults of a plan happen, and does what docs/operate/failures.md tells an operator to do.</summary>
internal sealed class FaultRunner(HistoryLog log, ChaosStore store, Instance[] instances, Writers writers, Readers readers, string tool, string folder)
{
    // Writes that an older copy lacks, and reads that must be refused before the operator comes.
    private static readonly TimeSpan Dwell = TimeSpan.FromSeconds(1.5);

    // After it a client of a primary that failed over must have found the new one, or it is restarted.
    private static readonly TimeSpan FollowLimit = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    // Many more versions than writers make meanwhile.
    private const int FillFacts = 4_000;
    private const int FillBatch = 1_000;
    private const int FillNumbers = 1_000_000;
    private static readonly TimeSpan FillLimit = TimeSpan.FromSeconds(30);

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
            {
                return;
            }

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
        FaultKind.KillStore => KillAsync(store.PrimaryAsync(fault.Target, ct), fault.Length, ct),
        FaultKind.KillReplica => KillAsync(store.ReplicaAsync(fault.Target, ct), fault.Length, ct),
        FaultKind.FreezeStore => FreezeStoreAsync(fault, ct),
        FaultKind.StutterStore => StutterAsync(fault, ct),
        FaultKind.Reshard => store.ReshardAsync((int)fault.Length.TotalMilliseconds % new InitOptions { KeyCheck = "" }.Partitions, fault.Length / 40, ct),
        FaultKind.SlowLink => LinkAsync(fault, proxy => proxy.Delay((int)(fault.Length.TotalMilliseconds % 300) + 20), ct),
        FaultKind.CutLink => LinkAsync(fault, proxy => proxy.Hold(), ct),
        FaultKind.RefuseLink => LinkAsync(fault, proxy => proxy.Refuse(), ct),
        FaultKind.Flush => FlushAsync(fault.Length, ct),
        FaultKind.Exchange => ExchangeAsync(fault.Length, ct),
        FaultKind.Restore => RestoreAsync(fault.Length, ct),
        FaultKind.Fork => ForkAsync(fault.Length, ct),
        FaultKind.LoseFilters => LoseFiltersAsync(fault, ct),
        FaultKind.LoseFacts => LoseFactsAsync(fault.Length, ct),
        FaultKind.LoseRegistry => LoseRegistryAsync(fault.Length, ct),
        FaultKind.Full => FullAsync(fault, ct),
        FaultKind.FailOver => FailOverAsync(fault.Length, ct),
        FaultKind.SplitBrain => SplitBrainAsync(fault.Length, ct),
        FaultKind.KillService => KillServiceAsync(instances[fault.Target], fault.Length, ct),
        FaultKind.FreezeService => FreezeAsync(instances[fault.Target].Freeze, instances[fault.Target].Thaw, fault.Length, ct),
        FaultKind.SuspendService => instances[fault.Target].SuspendAsync(fault.Length, ct),
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, null),
    };

    private async Task KillAsync(Task<RedisNode> found, TimeSpan length, CancellationToken ct)
    {
        var node = await found;
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

    private async Task FreezeStoreAsync(PlannedFault fault, CancellationToken ct)
    {
        var node = await store.PrimaryAsync(fault.Target, ct);
        await FreezeAsync(node.Freeze, node.Thaw, fault.Length, ct);
    }

    private async Task StutterAsync(PlannedFault fault, CancellationToken ct)
    {
        var (node, length) = (await store.PrimaryAsync(fault.Target, ct), fault.Length);
        var (still, moving) = (TimeSpan.FromMilliseconds(length.TotalMilliseconds % 150 + 30), TimeSpan.FromMilliseconds(40));
        for (var left = length; left > TimeSpan.Zero; left -= still + moving)
        {
            await FreezeAsync(node.Freeze, node.Thaw, still, ct);
            await Task.Delay(moving, ct);
        }
    }

    private async Task LinkAsync(PlannedFault fault, Action<TcpProxy> act, CancellationToken ct)
    {
        store.EachProxy(fault.Target, act);
        await Task.Delay(fault.Length, ct);
        store.EachProxy(fault.Target, proxy => proxy.Heal());
    }

    private async Task FullAsync(PlannedFault fault, CancellationToken ct)
    {
        var node = await store.PrimaryAsync(fault.Target, ct);
        await node.RunAsync(ct, "CONFIG", "SET", "maxmemory", "1mb");
        await Task.Delay(fault.Length, ct);
        await node.RunAsync(ct, "CONFIG", "SET", "maxmemory", "0");
    }

    private async Task FlushAsync(TimeSpan length, CancellationToken ct)
    {
        var (copy, since) = await CopyAsync(ct);
        await SeenAsync(since, ct);
        var primary = await store.PrimaryAsync(0, ct);
        await primary.RunAsync(ct, "FLUSHALL");
        await Task.Delay(length, ct);
        await primary.KillAsync();
        await TakeCopyAsync(copy, ct);
        await OperateAsync(since, ct);
    }

    // A store of the same deployment, of another epoch and with later versions: but for the epoch it could be the same one.
    private async Task ExchangeAsync(TimeSpan length, CancellationToken ct)
    {
        await using var other = new RedisNode();
        await other.StartAsync(ct);
        string[] init = ["init", "--redis", $"127.0.0.1:{other.Port}", "--key-file", Path.Combine(folder, ChaosRun.KeyFile), "--json"];
        (await Tool.RunAsync(tool, init, ct)).MustSucceed("lookup init");
        for (var partition = 0; partition < new InitOptions { KeyCheck = "" }.Partitions; partition++)
        {
            await other.RunAsync(ct, "HSET", Keys.Meta(partition)!, "v", "1000000000");
        }

        store.Redirect(other);
        await Task.Delay(length, ct);
        store.Redirect(null);
        await FoundAsync(ct);
    }

    private async Task RestoreAsync(TimeSpan length, CancellationToken ct)
    {
        var (copy, since) = await CopyAsync(ct);
        await Task.Delay(length, ct);
        await SeenAsync(since, ct);
        await (await store.PrimaryAsync(0, ct)).KillAsync();
        await TakeCopyAsync(copy, ct);
        await Task.Delay(Dwell, ct);
        await OperateAsync(since, ct);
    }

    // Nobody sees the versions go back: when the instances look again, there are others as high.
    private async Task ForkAsync(TimeSpan length, CancellationToken ct)
    {
        var (copy, since) = await CopyAsync(ct);
        await Task.Delay(length, ct);
        await SeenAsync(since, ct);
        await writers.PauseAsync(ct);
        var primary = await store.PrimaryAsync(0, ct);
        Array.ForEach(instances, instance => instance.Freeze());
        try
        {
            await primary.KillAsync();
            await TakeCopyAsync(copy, ct);
            await using var other = await StrangerAsync(ct);
            await FillAsync(other, ct);
        }
        finally
        {
            Array.ForEach(instances, instance => instance.Thaw());
        }

        await DoubtAsync(Dwell, "the store has gone on from an older copy", ct);
        writers.Resume();
        await OperateAsync(since, ct);
    }

    // Whoever runs has all of it in memory; whoever starts must not believe what is left.
    private async Task LoseFiltersAsync(PlannedFault fault, CancellationToken ct)
    {
        await StoreDamage.LoseFiltersAsync(await store.PrimaryAsync(fault.Target, ct), (int)fault.Length.TotalMilliseconds);
        await KillServiceAsync(instances[fault.Target], fault.Length / 2, ct);
    }

    private async Task LoseFactsAsync(TimeSpan length, CancellationToken ct)
    {
        var (copy, since) = await CopyAsync(ct);
        await SeenAsync(since, ct);
        var primary = await store.PrimaryAsync(0, ct);
        await StoreDamage.LoseFactsAsync(primary, (int)length.TotalMilliseconds);
        await Task.Delay(length, ct);
        await primary.KillAsync();
        await TakeCopyAsync(copy, ct);
        await OperateAsync(since, ct);
    }

    private async Task LoseRegistryAsync(TimeSpan length, CancellationToken ct)
    {
        var primary = await store.PrimaryAsync(0, ct);
        var copy = await StoreDamage.CopyRegistryAsync(primary);
        await ChaosRun.PatientAsync(
            async () =>
            {
                await TestBed.StateAsync(instances[0].Channel, emptyRegisters: false, ct);
                return true;
            },
            ct);
        await FoundAsync(ct);
        // Frozen, they never see the older version between the copy and the changes: only its marks tell the two histories apart.
        Array.ForEach(instances, instance => instance.Freeze());
        try
        {
            await StoreDamage.RestoreRegistryAsync(primary, copy);
            // As many changes as were lost, or one more, by somebody who does not know of them.
            await using var other = await StrangerAsync(ct);
            var changes = 1 + ((int)length.TotalMilliseconds % 2);
            for (var i = 0; i < changes; i++)
            {
                await new RegistryService.RegistryServiceClient(other.Channel).PutOrganisationAsync(
                    new PutOrganisationRequest { Organisation = new Organisation { Name = $"other-{i}", Sector = Sector.Other } }, cancellationToken: ct);
            }
        }
        finally
        {
            Array.ForEach(instances, instance => instance.Thaw());
        }

        await DoubtAsync(length, "the registry has gone on from an older copy", ct);
        await Task.WhenAll(instances.Select(instance => instance.KillAsync()));
        await Task.WhenAll(instances.Select(instance => instance.StartAsync(ct)));
        await FoundAsync(ct);
    }

    // One that has seen nothing of what is lost.
    private async Task<Instance> StrangerAsync(CancellationToken ct)
    {
        var other = new Instance(
            tool,
            instances.Length,
            ["--redis", store.DirectConnection, "--key-file", Path.Combine(folder, ChaosRun.KeyFile), "--wait-replicas", $"{store.WaitReplicas}"]);
        await other.StartAsync(ct);
        return other;
    }

    // Facts about numbers that nobody asks for, in all partitions.
    private static async Task FillAsync(Instance instance, CancellationToken ct)
    {
        for (var first = 0; first < FillFacts; first += FillBatch)
        {
            var facts = Enumerable.Range(FillNumbers + first, FillBatch).Select(
                i => new Fact { Number = NumberBlock.Dutch.Text(i), Source = "chaos", Objection = new Objection { Organisation = TestBed.Organisation } });
            await new FactService.FactServiceClient(instance.Channel).RecordFactsAsync(
                new RecordFactsRequest { Facts = { facts } }, deadline: DateTime.UtcNow + FillLimit, cancellationToken: ct);
        }
    }

    private async Task DoubtAsync(TimeSpan length, string why, CancellationToken ct)
    {
        var begin = log.Now;
        await Task.Delay(length + TimeSpan.FromMilliseconds(ChaosRun.BoundMs), ct);
        log.Add(new HistoryEvent { Event = EventKind.Doubt, Start = begin, At = log.Now, Text = why });
    }

    // An instance that never saw anything of what a copy lacks cannot tell the copy from the store. That it refuses one
    // otherwise is what is shown here; what an operator does about it stands in docs/operate/failures.md.
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

    private async Task<(string Folder, long Since)> CopyAsync(CancellationToken ct)
    {
        var since = log.Now;
        var copy = Path.Combine(folder, $"copy-{since}");
        (await store.PrimaryAsync(0, ct)).CopyTo(copy);
        return (copy, since);
    }

    private async Task TakeCopyAsync(string copy, CancellationToken ct)
    {
        var primary = await store.PrimaryAsync(0, ct);
        primary.TakeFrom(copy);
        await store.RestartAsync(primary, ct);
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
        await (await store.PrimaryAsync(0, ct)).KillAsync();
        await Task.Delay(length, ct);
        var old = await store.PromoteAsync(ct);
        await store.RestartAsync(old, ct);
        await FoundAsync(ct);
    }

    private async Task SplitBrainAsync(TimeSpan length, CancellationToken ct)
    {
        var old = await store.PrimaryAsync(0, ct);
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
        // An instance that wrote to the new primary and then found the old one holds that something is lost, and is right to
        // stay away until an operator restarts it; where sentinels tell who the primary is, it does not come to that.
        await FoundAsync(ct, isExpected: true);
    }

    // The client library looks for the primary when it is told on this channel, else once a minute.
    private async Task AnnounceAsync(CancellationToken ct) => await (await store.PrimaryAsync(0, ct)).RunAsync(ct, "PUBLISH", "__Booksleeve_MasterChanged", "*");

    private async Task FoundAsync(CancellationToken ct, bool isExpected = false)
    {
        await AnnounceAsync(ct);
        await Task.WhenAll(instances.Select(instance => UntilAsync(instance, () => readers.CheckAsync(instance, 0, ReadMode.Exact, Limit), ct, isExpected)));
    }

    private async Task UntilAsync(Instance instance, Func<Task<bool>> answers, CancellationToken ct, bool isExpected = false)
    {
        for (var begin = log.Now; !await answers(); await Task.Delay(50, ct))
        {
            if (log.Now - begin < FollowLimit.TotalMicroseconds)
            {
                continue;
            }

            Unfollowed += isExpected ? 0 : 1;
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
