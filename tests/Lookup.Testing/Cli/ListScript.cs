using System.Collections.Concurrent;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Testing.Cli;

/// <summary>A service that answers lists by the last digit of each number, and can be slow or in trouble.</summary>
internal sealed class ListScript
{
    public const string Rule = "TEST-1, version 7";

    private int _chunks;

    public Func<ulong, (Verdict Verdict, ReasonCode Reason)> Answer { get; init; } = ByLastDigit;

    /// <summary>What the ALLOW answers of each chunk do not take into account.</summary>
    public ReasonCode[] Further { get; init; } = [];

    /// <summary>Called with the count of chunks so far, from 1, before each answer.</summary>
    public Func<int, Task> Before { get; init; } = static _ => Task.CompletedTask;

    public int Chunks => Volatile.Read(ref _chunks);

    public ConcurrentQueue<CheckStreamOpen> Opened { get; } = new();

    public ScriptedService.Script Script => new() { CheckStream = RunAsync };

    public static (Verdict Verdict, ReasonCode Reason) ByLastDigit(ulong number) => (number % 10) switch
    {
        < 4 => (Verdict.Allow, ReasonCode.Consent),
        < 7 => (Verdict.Deny, ReasonCode.Objection),
        7 => (Verdict.Deny, ReasonCode.Registered),
        8 => (Verdict.NotCovered, ReasonCode.NoRegime),
        _ => (Verdict.Unknown, ReasonCode.HistoryCut),
    };

    /// <summary>So many numbers, one per line.</summary>
    public static string Numbers(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $"+3165{i:D7}\n"));

    private async Task RunAsync(
        IAsyncStreamReader<CheckStreamRequest> requests, IServerStreamWriter<CheckStreamResponse> responses, ServerCallContext context)
    {
        await foreach (var request in requests.ReadAllAsync(context.CancellationToken))
        {
            if (request.Open is not null)
            {
                Opened.Enqueue(request.Open);
                continue;
            }

            await Before(Interlocked.Increment(ref _chunks));
            var answers = request.Chunk.Numbers.Select(Answer).ToList();
            await responses.WriteAsync(
                new CheckStreamResponse
                {
                    Sequence = request.Chunk.Sequence,
                    Verdicts = { answers.Select(answer => answer.Verdict) },
                    Reasons = { answers.Select(answer => answer.Reason) },
                    Regimes = { new RegimeVersion { Regime = "TEST-1", Version = "7" } },
                    Common = new Decision
                    {
                        ConsistencyToken = $"token-{request.Chunk.Sequence}",
                        Reasons = { Further.Select(code => new Reason { Code = code, Text = "Name the group." }) },
                        Age = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(40)),
                    },
                },
                context.CancellationToken);
        }
    }
}
