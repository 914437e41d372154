using Grpc.Core;
using Lookup.Core.Numbers;
using Lookup.Load.Chaos.Checking;
using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;
using Lookup.Load.Chaos.Stores;
using Lookup.Load.Chaos.Workload;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.Load.Chaos;

/// <summary>What one seed gave.</summary>
/// <param name="Plan">Its faults.</param>
/// <param name="History">Everything that happened.</param>
/// <param name="Violations">What must never be.</param>
/// <param name="Watched">Whether the service had Watch.</param>
/// <param name="Unfollowed">How often services had to be restarted since they did not find a new primary.</param>
/// <param name="KeyChanges">What became of the number key; null where it was left alone.</param>
/// <param name="Elapsed">From the first write to the last answer.</param>
internal sealed record ChaosResult(
    ChaosPlan Plan, IReadOnlyList<HistoryEvent> History, IReadOnlyList<Violation> Violations, bool Watched, int Unfollowed, KeyChanges? KeyChanges, TimeSpan Elapsed);

/// <summary>Runs the plan of one seed on a store and instances of its own, and judges the history.</summary>
internal sealed class ChaosRun(ChaosPlan plan, string tool, string folder, bool rekey = false)
{
    internal const int Instances = 3;

    /// <summary>The service's own default.</summary>
    internal const int BoundMs = 500;

    internal const string KeyFile = "number.key";

    private const int Numbers = 180;
    private const int WriteLoops = 4;
    private const int CheckLoops = 6;
    private const int StreamLoops = 2;

    // Consumers of Watch fall behind what is in memory, and are cut, in a run that is short and has few writes; filters that were
    // lost are made again in it.
    private static readonly string[] Settings =
        ["--set", "WatchBacklog=16", "--set", "WatchSendLimitMs=300", "--set", "RebuildCheckSeconds=2", "--set", "RebuildSharePercent=50",
            // Clocks are among what is disturbed.
            "--set", "ClockBoundMs=0"];

    // More than the clocks of an instance are ever behind: its facts are in effect for it, too.
    private static readonly TimeSpan Earlier = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RecoveryLimit = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan FinalDeadline = TimeSpan.FromSeconds(10);

    /// <exception cref="InvalidOperationException">Something did not start, or the service did not recover by itself.</exception>
    internal async Task<ChaosResult> RunAsync(CancellationToken ct)
    {
        var keyFile = Path.Combine(folder, KeyFile);
        await using var store = await ChaosStore.StartAsync(plan.Mode, Instances, ct);
        await store.InitAsync(tool, keyFile, ct);
        var keys = rekey ? KeyChanges.Prepare(tool, store, keyFile, plan.Seed) : null;
        using var cipher = rekey ? null : new NumberCipher(EncryptionKeyFile.Load(keyFile));
        await using var log = new HistoryLog(Path.Combine(folder, "history.jsonl"));
        if (plan.Suspends && !StoppableClock.IsThere)
        {
            throw new InvalidOperationException("libfaketime is not installed.");
        }

        var instances = Instance.Of(
            tool, Instances, store, keyFile, i => plan.Suspends ? new StoppableClock(Path.Combine(folder, $"clock-{i}")) : null, Settings);
        try
        {
            await Task.WhenAll(instances.Select(instance => instance.StartAsync(ct)));
            var epoch = await PatientAsync(() => PrepareAsync(instances[0], ct), ct);
            var subject = new Subject(
                Numbers, cipher, new InitOptions { KeyCheck = "" }.Partitions, plan.Suspends ? Earlier : TimeSpan.Zero);
            return await RunAsync(store, instances, log, subject, epoch, keys, ct);
        }
        finally
        {
            foreach (var instance in instances)
            {
                await instance.DisposeAsync();
            }
        }
    }

    /// <summary>Judges a history; of one in which the number key was changed, all but the order of Watch: docs/guide/watch.md.</summary>
    internal static IReadOnlyList<Violation> Judge(IReadOnlyList<HistoryEvent> history, bool rekeyed) =>
        [.. HistoryChecker.Judge(history, BoundMs).Where(violation => !rekeyed || violation.Fault != Fault.WatchOrder)];

    private async Task<ChaosResult> RunAsync(
        ChaosStore store, Instance[] instances, HistoryLog log, Subject subject, ulong epoch, KeyChanges? keys, CancellationToken ct)
    {
        var writers = new Writers(log, subject, instances, plan.Seed);
        var readers = new Readers(log, subject, instances, epoch, plan.Seed);
        var watchers = new Watchers(log, subject, instances, plan.Seed);
        var faults = new FaultRunner(log, store, instances, writers, readers, tool, folder);
        using var stopWriting = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var stopWatching = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Task[] loops =
        [
            .. Enumerable.Range(0, WriteLoops).Select(i => Task.Run(() => writers.RunAsync(i, stopWriting.Token), ct)),
            .. Enumerable.Range(0, CheckLoops).Select(i => Task.Run(() => readers.CheckAsync(i, stopWriting.Token), ct)),
            .. Enumerable.Range(0, StreamLoops).Select(i => Task.Run(() => readers.StreamAsync(i, stopWriting.Token), ct)),
        ];
        var watching = Enumerable.Range(1, Instances + 1).Select(i => Task.Run(() => watchers.RunAsync(i, slow: i > Instances, stopWatching.Token), ct)).ToArray();
        var changing = keys is null ? Task.CompletedTask : Task.Run(() => keys.RunAsync(stopWriting.Token), ct);
        // A loop that ends early has found something that is no matter of faults.
        var planned = faults.RunAsync(plan, ct);
        if (await Task.WhenAny([planned, .. loops]) is var first && first != planned)
        {
            await first;
        }

        await planned;
        await RecoverAsync(instances, readers, log, ct);
        await stopWriting.CancelAsync();
        await Task.WhenAll([changing, .. loops]);
        await (keys?.FinishAsync(ct) ?? Task.CompletedTask);
        await RecoverAsync(instances, readers, log, ct);
        await stopWatching.CancelAsync();
        await Task.WhenAll(watching);
        await ListAsync(instances, readers, subject, log, ct);
        var history = log.Events;
        return new ChaosResult(
            plan, history, Judge(history, rekey), watchers.Implemented, faults.Unfollowed, keys, TimeSpan.FromMicroseconds(log.Now));
    }

    /// <summary>Tries for ten seconds: a machine that has just started many processes may be slow.</summary>
    internal static async Task<T> PatientAsync<T>(Func<Task<T>> prepare, CancellationToken ct)
    {
        for (var left = 20; ; left--)
        {
            try
            {
                return await prepare();
            }
            catch (RpcException) when (left > 0)
            {
                await Task.Delay(500, ct);
            }
        }
    }

    private static async Task<ulong> PrepareAsync(Instance instance, CancellationToken ct)
    {
        await TestBed.StateAsync(instance.Channel, emptyRegisters: true, ct);
        var listed = await new FactService.FactServiceClient(instance.Channel).ListFactsAsync(
            new ListFactsRequest { Number = "+31612345678" }, cancellationToken: ct);
        return ConsistencyToken.TryParse(listed.ConsistencyToken, out var token, out var error) ? token.Epoch : throw new InvalidDataException(error);
    }

    // Without a restart, every instance answers exactly again.
    private static async Task RecoverAsync(Instance[] instances, Readers readers, HistoryLog log, CancellationToken ct)
    {
        var limit = log.Now + (long)RecoveryLimit.TotalMicroseconds;
        foreach (var instance in instances)
        {
            while (!await readers.CheckAsync(instance, 0, ReadMode.Exact, FinalDeadline))
            {
                if (log.Now > limit)
                {
                    throw new InvalidOperationException($"Instance {instance.Index} does not recover within {RecoveryLimit.TotalSeconds} s.");
                }

                await Task.Delay(50, ct);
            }
        }
    }

    // A machine that is busy may refuse for a moment; what cannot be listed for long counts as lost.
    private static async Task<ListFactsResponse?> TryListAsync(Instance instance, int number, HistoryLog log, CancellationToken ct)
    {
        var limit = log.Now + (long)RecoveryLimit.TotalMicroseconds;
        while (true)
        {
            try
            {
                return await new FactService.FactServiceClient(instance.Channel).ListFactsAsync(
                    new ListFactsRequest { Number = Subject.Text(number) }, deadline: DateTime.UtcNow + FinalDeadline, cancellationToken: ct);
            }
            catch (RpcException e) when (log.Now > limit)
            {
                Report.Say($"  Number {number} cannot be listed: {e.StatusCode} {e.Status.Detail}");
                return null;
            }
            catch (RpcException)
            {
                await Task.Delay(50, ct);
            }
        }
    }

    private static async Task ListAsync(Instance[] instances, Readers readers, Subject subject, HistoryLog log, CancellationToken ct)
    {
        for (var number = 0; number < subject.Count; number++)
        {
            var instance = instances[number % instances.Length];
            await readers.CheckAsync(instance, number, ReadMode.Exact, FinalDeadline);
            if (await TryListAsync(instance, number, log, ct) is not { } listed)
            {
                continue;
            }

            log.Add(new HistoryEvent { Event = EventKind.Listed, Number = number, Instance = instance.Index, At = log.Now });
            foreach (var fact in listed.Facts)
            {
                if (Subject.Told(fact.Fact) is { } found)
                {
                    log.Add(found with { Event = EventKind.Found, Number = number, At = log.Now });
                }
            }
        }
    }
}
