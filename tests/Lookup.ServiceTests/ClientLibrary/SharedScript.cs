using System.Collections.Concurrent;
using Grpc.Core;
using Lookup.Client;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>A service that answers shared checks as single ones: even numbers may be called. Notes what it was asked.</summary>
internal sealed class SharedScript
{
    /// <summary>Numbers of unary checks.</summary>
    internal ConcurrentQueue<CheckRequest> Alone { get; } = [];

    /// <summary>Numbers of chunks.</summary>
    internal ConcurrentQueue<ulong> Shared { get; } = [];

    internal ConcurrentQueue<CheckStreamOpen> Opens { get; } = [];

    /// <summary>Changes the answer to a chunk, or does something else; null: answers.</summary>
    internal Func<CheckStreamChunk, ServerCallContext, Task<CheckStreamResponse>>? OnChunk { get; set; }

    internal static string Text(ulong number) => $"+{number}";

    internal static Verdict VerdictOf(ulong number) => StreamScripts.VerdictOf(number);

    internal static CheckStreamResponse AnswerTo(CheckStreamChunk chunk)
    {
        var answer = StreamScripts.AnswerTo(chunk);
        answer.Decisions.Add(DecisionOf(Verdict.Allow));
        answer.Decisions.Add(DecisionOf(Verdict.Deny));
        answer.DecisionIndexes.Add(chunk.Numbers.Select(n => VerdictOf(n) == Verdict.Allow ? 0u : 1u));
        return answer;
    }

    internal Task<ScriptedService> StartAsync() => ScriptedService.StartAsync(new()
    {
        Check = (request, _) =>
        {
            Alone.Enqueue(request);
            return Task.FromResult(Response(DecisionOf(VerdictOf(ulong.Parse(request.Number.AsSpan(1)))), request.Number));
        },
        CheckStream = async (requests, responses, context) =>
        {
            Assert.True(await requests.MoveNext(context.CancellationToken));
            Opens.Enqueue(requests.Current.Open);
            await context.WriteResponseHeadersAsync(StreamScripts.Taken);
            await foreach (var request in requests.ReadAllAsync(context.CancellationToken))
            {
                foreach (var number in request.Chunk.Numbers)
                {
                    Shared.Enqueue(number);
                }

                await responses.WriteAsync(OnChunk is { } change ? await change(request.Chunk, context) : AnswerTo(request.Chunk));
            }
        },
    });

    internal static LookupClient ClientOf(ScriptedService service, Func<LookupClientOptions, LookupClientOptions>? with = null) =>
        StreamScripts.ClientOf(service, o => (with ?? (static same => same))(o with { ShareChecks = true, ReuseLimit = 0 }));

    /// <summary>Checks several at a time until one of them was in a shared call.</summary>
    internal async Task ShareAsync(ILookupClient client, CancellationToken test)
    {
        var before = Shared.Count;
        while (Shared.Count == before)
        {
            test.ThrowIfCancellationRequested();
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => client.CheckAsync(Text(31_699_000_000 + (ulong)i), Asked, cancellationToken: test)));
        }
    }

    /// <summary>Starts checks of consecutive numbers, and waits until one of them is in a chunk.</summary>
    internal async Task<(ulong Number, Task<CheckResult> Check)[]> StartAsync(ILookupClient client, ulong first, int count, CancellationToken test)
    {
        var checks = Enumerable.Range(0, count).Select(i => (first + (ulong)i, client.CheckAsync(Text(first + (ulong)i), Asked, cancellationToken: test))).ToArray();
        await UntilAsync(() => Shared.Any(n => n >= first && n < first + (ulong)count), test);
        return checks;
    }

    internal static async Task UntilAsync(Func<bool> holds, CancellationToken test)
    {
        while (!holds())
        {
            await Task.Delay(5, test);
        }
    }

    private static Decision DecisionOf(Verdict verdict) => Decision(verdict, reusableSeconds: 600);
}
