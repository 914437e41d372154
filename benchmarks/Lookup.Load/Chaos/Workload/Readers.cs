using Grpc.Core;
using Lookup.Load.Chaos.History;
using Lookup.Load.Processes;
using Lookup.Load.Streams;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.Load.Chaos.Workload;

/// <summary>Asks random numbers at random instances, one at a time and in lists, in every mode.</summary>
internal sealed class Readers(HistoryLog log, Subject subject, Instance[] instances, ulong epoch, int seed)
{
    private const int MaxPauseMs = 20;
    private const int MaxChunks = 5;
    private const int MaxChunk = 40;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StreamDeadline = TimeSpan.FromSeconds(8);

    private readonly Question _question = StreamDriver.Open(TestBed.Organisation).Question;

    /// <summary>Single checks until it is cancelled.</summary>
    internal async Task CheckAsync(int index, CancellationToken ct)
    {
        var random = new Random(HashCode.Combine(seed, 1_000 + index));
        while (!ct.IsCancellationRequested)
        {
            var number = subject.Any(random);
            await CheckAsync(instances[random.Next(instances.Length)], number, Draw(random), Deadline);
            await Task.Delay(random.Next(MaxPauseMs), CancellationToken.None);
        }
    }

    /// <summary>One check.</summary>
    /// <returns>Whether it was decided.</returns>
    internal async Task<bool> CheckAsync(Instance instance, int number, ReadMode mode, TimeSpan deadline)
    {
        var token = mode == ReadMode.Token ? subject.TokenOf(number) : null;
        if (mode == ReadMode.Token && token is null)
        {
            mode = ReadMode.Bounded;
        }

        var request = new CheckRequest
        {
            Number = Subject.Text(number),
            Question = _question,
            Consistency = mode switch
            {
                ReadMode.Token => new Consistency { AtLeastAsFresh = token!.Value.Text },
                ReadMode.Exact => new Consistency { Exact = true },
                _ => null,
            },
        };
        var check = new HistoryEvent
        {
            Event = EventKind.Check,
            Number = number,
            OptOut = Subject.IsOptOut(number),
            Instance = instance.Index,
            Mode = mode,
            Version = token?.Version ?? 0,
            Wall = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            Start = log.Now,
        };
        string answer;
        try
        {
            using var call = new LookupService.LookupServiceClient(instance.Channel).CheckAsync(request, deadline: DateTime.UtcNow + deadline);
            answer = Name((await call).Decision.Verdict);
        }
        catch (RpcException e)
        {
            answer = e.StatusCode.ToString();
        }

        log.Add(check with { At = log.Now, Answer = answer });
        return answer is "ALLOW" or "DENY";
    }

    /// <summary>Lists until it is cancelled, each a few chunks long.</summary>
    internal async Task StreamAsync(int index, CancellationToken ct)
    {
        var random = new Random(HashCode.Combine(seed, 2_000 + index));
        while (!ct.IsCancellationRequested)
        {
            var instance = instances[random.Next(instances.Length)];
            var mode = Draw(random);
            var versions = subject.Versions();
            var open = StreamDriver.Open(TestBed.Organisation);
            open.Consistency = mode switch
            {
                ReadMode.Token => new Consistency { AtLeastAsFresh = ConsistencyToken.Of(epoch, versions).ToString() },
                ReadMode.Exact => new Consistency { Exact = true },
                _ => null,
            };
            try
            {
                using var call = new LookupService.LookupServiceClient(instance.Channel).CheckStream(
                    deadline: DateTime.UtcNow + StreamDeadline, cancellationToken: CancellationToken.None);
                await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = open }, CancellationToken.None);
                for (var chunk = 1 + random.Next(MaxChunks); chunk > 0; chunk--)
                {
                    await ChunkAsync(call, instance, mode, versions, (ulong)(MaxChunks - chunk + 1), random);
                    await Task.Delay(random.Next(MaxPauseMs), CancellationToken.None);
                }

                await call.RequestStream.CompleteAsync();
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
            {
                // A list whose call is over cannot be written to, which the library says in its own way.
                var status = e is RpcException rpc ? rpc.StatusCode : StatusCode.Aborted;
                log.Add(new HistoryEvent { Event = EventKind.Check, Number = -1, Stream = true, Instance = instance.Index, Mode = mode, Start = log.Now, At = log.Now, Answer = status.ToString() });
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private async Task ChunkAsync(
        AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse> call, Instance instance, ReadMode mode, ulong[] versions, ulong sequence, Random random)
    {
        var numbers = Enumerable.Range(0, 1 + random.Next(MaxChunk)).Select(_ => subject.Any(random)).ToArray();
        var shared = new HistoryEvent
        {
            Event = EventKind.Check,
            Stream = true,
            Instance = instance.Index,
            Mode = mode,
            Wall = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            Start = log.Now,
        };
        await call.RequestStream.WriteAsync(
            new CheckStreamRequest { Chunk = new CheckStreamChunk { Sequence = sequence, Numbers = { numbers.Select(Subject.Integer) } } }, CancellationToken.None);
        if (!await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            throw new RpcException(new Status(StatusCode.Aborted, "The list ended early."));
        }

        var verdicts = call.ResponseStream.Current.Verdicts;
        shared = shared with { At = log.Now };
        if (verdicts.Count != numbers.Length || call.ResponseStream.Current.Sequence != sequence)
        {
            throw new InvalidDataException($"A chunk of {numbers.Length} numbers was answered with {verdicts.Count} verdicts.");
        }

        for (var i = 0; i < numbers.Length; i++)
        {
            if (verdicts[i] == Verdict.Allow)
            {
                log.Add(shared with { Number = numbers[i], OptOut = Subject.IsOptOut(numbers[i]), Answer = Name(verdicts[i]), Version = mode == ReadMode.Token ? versions[subject.PartitionOf(numbers[i])] : 0 });
            }
        }

        foreach (var group in verdicts.Where(verdict => verdict != Verdict.Allow).GroupBy(verdict => verdict))
        {
            log.Add(shared with { Number = -1, Answer = Name(group.Key), Count = group.Count() });
        }
    }

    private ReadMode Draw(Random random) => random.Next(10) switch
    {
        < 6 => ReadMode.Bounded,
        < 8 => subject.HasTokens ? ReadMode.Token : ReadMode.Exact,
        _ => ReadMode.Exact,
    };

    private static string Name(Verdict verdict) => verdict.ToString().ToUpperInvariant();
}
