using Grpc.Core;
using Lookup.Load.Chaos.History;
using Lookup.V1;

namespace Lookup.Load.Chaos.Workload;

/// <summary>Writes random facts through random instances, sends again what was not acknowledged, and makes losses good.</summary>
internal sealed class Writers(HistoryLog log, Subject subject, Instance[] instances, int seed)
{
    private const int Attempts = 4;
    private const int MaxPauseMs = 60;
    private const int MaxBatch = 4;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RepairLimit = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly List<(HistoryEvent Write, long At)> _acknowledged = [];
    private TaskCompletionSource? _paused;
    private int _underWay;
    private long _lastId;

    /// <summary>The number of a write that was acknowledged after a time; null: there is none yet.</summary>
    internal int? WrittenAfter(long time)
    {
        lock (_lock)
        {
            return _acknowledged.Where(pair => pair.At > time).Select(pair => (int?)pair.Write.Number).FirstOrDefault();
        }
    }

    /// <summary>Writes until it is cancelled.</summary>
    internal async Task RunAsync(int index, CancellationToken ct)
    {
        var random = new Random(HashCode.Combine(seed, index));
        try
        {
            while (true)
            {
                await SendAsync(await NewAsync(random, ct), random, ct);
                await Task.Delay(random.Next(MaxPauseMs), ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The run is over.
        }
    }

    /// <summary>Sends one write, and again until it is acknowledged or the attempts are used up.</summary>
    internal async Task<bool> SendAsync(List<HistoryEvent> writes, Random random, CancellationToken ct)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            await EnterAsync(ct);
            try
            {
                // The history must have the begin before the store can.
                if (attempt == 0)
                {
                    writes = writes.ConvertAll(Begin);
                }

                if (await TryAsync(writes, instances[random.Next(instances.Length)]))
                {
                    return true;
                }
            }
            finally
            {
                Interlocked.Decrement(ref _underWay);
            }

            await Task.Delay(Again, ct);
        }

        return false;
    }

    /// <summary>Lets no write begin, and waits until none is under way.</summary>
    internal async Task PauseAsync(CancellationToken ct)
    {
        _paused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        while (Volatile.Read(ref _underWay) > 0)
        {
            await Task.Delay(5, ct);
        }
    }

    internal void Resume()
    {
        var paused = _paused;
        _paused = null;
        paused?.SetResult();
    }

    /// <summary>Tells the history that an older copy is in place, and sends everything again that it lacks, in order.</summary>
    /// <param name="since">Acknowledgements after it are lost.</param>
    /// <param name="start">Starts the services.</param>
    /// <param name="ct">Stops.</param>
    internal async Task RepairAsync(long since, Func<Task> start, CancellationToken ct)
    {
        log.Add(new HistoryEvent { Event = EventKind.Lost, Start = since, At = log.Now });
        subject.ForgetTokens();
        List<HistoryEvent> lost;
        lock (_lock)
        {
            lost = [.. _acknowledged.Where(pair => pair.At > since).OrderBy(pair => pair.At).Select(pair => pair.Write)];
            _acknowledged.RemoveAll(pair => pair.At > since);
        }

        await start();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(RepairLimit);
        foreach (var write in lost)
        {
            while (!await TryAsync([write], instances[0]))
            {
                await Task.Delay(Again, limit.Token);
            }
        }
    }

    private async Task EnterAsync(CancellationToken ct)
    {
        while (true)
        {
            Interlocked.Increment(ref _underWay);
            if (_paused is not { } paused)
            {
                return;
            }

            Interlocked.Decrement(ref _underWay);
            await paused.Task.WaitAsync(ct);
        }
    }

    private HistoryEvent Begin(HistoryEvent write)
    {
        var begun = write with { Id = Interlocked.Increment(ref _lastId), At = log.Now };
        // An erasure takes effect when it comes to the service.
        if (begun.Write == WriteKind.Erasure)
        {
            begun = begun with { Effective = subject.NowAtInstances };
        }

        log.Add(begun);
        return begun;
    }

    private async Task<List<HistoryEvent>> NewAsync(Random random, CancellationToken ct)
    {
        var batch = random.Next(8) == 0 ? 1 + random.Next(MaxBatch) : 1;
        var writes = new List<HistoryEvent>();
        for (var i = 0; i < batch; i++)
        {
            var number = random.Next(2) == 0 ? random.Next(subject.Count) : random.Next(subject.Count / 8);
            if (writes.Exists(other => other.Number == number))
            {
                continue;
            }

            var (kind, all) = Draw(number, random, alone: batch == 1);
            var time = kind == WriteKind.Erasure ? 0 : await subject.TimeAsync(number, random, ct);
            writes.Add(new HistoryEvent
            {
                Event = EventKind.Write,
                Number = number,
                Write = kind,
                All = all,
                Effective = time,
                Until = kind == WriteKind.Consent && subject.MayExpire && random.Next(10) == 0 ? time + 1_200 + random.Next(4_000) : 0,
            });
        }

        return writes;
    }

    private (WriteKind Kind, bool All) Draw(int number, Random random, bool alone)
    {
        var drawn = random.Next(100);
        if (subject.IsNeverConsented(number))
        {
            return (drawn < 50 ? WriteKind.Objection : drawn >= 97 && alone ? WriteKind.Erasure : WriteKind.ObjectionWithdrawal, false);
        }

        return drawn switch
        {
            < 45 => (WriteKind.Consent, false),
            < 70 => (WriteKind.Objection, false),
            < 75 => (WriteKind.Objection, true),
            < 90 => (WriteKind.ConsentWithdrawal, false),
            >= 96 when alone => (WriteKind.Erasure, false),
            _ => (WriteKind.ObjectionWithdrawal, false),
        };
    }

    private async Task<bool> TryAsync(List<HistoryEvent> writes, Instance instance)
    {
        var client = new FactService.FactServiceClient(instance.Channel);
        var deadline = DateTime.UtcNow + Deadline;
        try
        {
            if (writes[0].Write == WriteKind.Erasure)
            {
                var erased = await client.EraseNumberAsync(Subject.ErasureOf(writes[0].Number), deadline: deadline);
                Acknowledge(writes[0], instance, erased.ConsistencyToken, unchanged: false);
                return true;
            }

            var response = await client.RecordFactsAsync(new RecordFactsRequest { Facts = { writes.Select(Subject.FactOf) } }, deadline: deadline);
            for (var i = 0; i < writes.Count; i++)
            {
                var result = response.Results[i];
                if (result.Outcome is FactResult.Types.Outcome.Recorded or FactResult.Types.Outcome.Unchanged)
                {
                    Acknowledge(writes[i], instance, response.ConsistencyToken, result.Outcome == FactResult.Types.Outcome.Unchanged);
                }
                else
                {
                    throw new InvalidDataException($"The service refuses {writes[i].ToJson()}: {string.Join(' ', result.Errors)}");
                }
            }

            return true;
        }
        catch (RpcException e)
        {
            if (e.StatusCode == StatusCode.InvalidArgument)
            {
                throw new InvalidDataException($"The service refuses {writes[0].ToJson()}: {e.Status.Detail}", e);
            }

            foreach (var write in writes)
            {
                log.Add(new HistoryEvent { Event = EventKind.Failed, Id = write.Id, At = log.Now, Instance = instance.Index, Answer = e.StatusCode.ToString(), Text = e.Status.Detail });
            }

            return false;
        }
    }

    private void Acknowledge(HistoryEvent write, Instance instance, string token, bool unchanged)
    {
        var at = log.Now;
        var version = subject.Acknowledged(write.Number, token);
        lock (_lock)
        {
            _acknowledged.Add((write, at));
        }

        log.Add(new HistoryEvent { Event = EventKind.Ack, Id = write.Id, At = at, Instance = instance.Index, Version = version, Unchanged = unchanged });
    }
}
