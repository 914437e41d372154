using Grpc.Core;
using Lookup.Client;
using Lookup.V1;
using Microsoft.AspNetCore.Http.Features;

namespace Lookup.Testing.ClientLibrary;

/// <summary>Lists to send and services that answer them, well or not.</summary>
internal static class StreamScripts
{
    internal static readonly CheckStreamOpen Open = new() { Question = new Question { Organisation = "acme", Purpose = Purpose.Commercial } };

    /// <summary>Headers of a stream that is taken.</summary>
    internal static Metadata Taken => new() { { "lookup-taken", "true" } };

    internal static LookupClient ClientOf(ScriptedService service, Func<LookupClientOptions, LookupClientOptions>? with = null)
    {
        // With limits that a loaded machine keeps to; what tests them sets others.
        var options = new LookupClientOptions { Address = new Uri(service.Address), Timeout = TimeSpan.FromMinutes(2), ConnectTimeout = TimeSpan.FromMinutes(2) };
        return new LookupClient(with is null ? options : with(options));
    }

    /// <summary>Even numbers may be called, so a test can tell whose answer it sees.</summary>
    internal static Verdict VerdictOf(ulong number) => number % 2 == 0 ? Verdict.Allow : Verdict.Deny;

    internal static CheckStreamResponse AnswerTo(CheckStreamChunk chunk) => new()
    {
        Sequence = chunk.Sequence,
        Verdicts = { chunk.Numbers.Select(VerdictOf) },
        Reasons = { chunk.Numbers.Select(n => VerdictOf(n) == Verdict.Allow ? ReasonCode.NothingForbids : ReasonCode.Objection) },
    };

    internal static CheckStreamChunk Chunk(ulong sequence, int size = 3) =>
        new() { Sequence = sequence, Numbers = { Enumerable.Range(0, size).Select(i => 31_650_000_000UL + sequence * 7 + (ulong)i) } };

    internal static async IAsyncEnumerable<CheckStreamChunk> Chunks(int count)
    {
        for (var i = 1; i <= count; i++)
        {
            await Task.Yield();
            yield return Chunk((ulong)i);
        }
    }

    /// <summary>The service drops the connection, as one that is killed does.</summary>
    internal static void Drop(ServerCallContext context) => context.GetHttpContext().Abort();

    /// <summary>Ends one call and leaves the connection, as a proxy does.</summary>
    internal static void Reset(ServerCallContext context, int code) => context.GetHttpContext().Features.GetRequiredFeature<IHttpResetFeature>().Reset(code);

    /// <summary>A service that answers everything, but asks <paramref name="before"/> first with the chunk and how many it has answered on this connection.</summary>
    internal static ScriptedService.CheckStreamScript Answering(Func<CheckStreamChunk, int, ServerCallContext, Task>? before = null) =>
        async (requests, responses, context) =>
        {
            Assert.True(await requests.MoveNext(context.CancellationToken));
            Assert.Equal(CheckStreamRequest.MessageOneofCase.Open, requests.Current.MessageCase);
            await context.WriteResponseHeadersAsync(Taken);
            var answered = 0;
            await foreach (var request in requests.ReadAllAsync(context.CancellationToken))
            {
                if (before is not null)
                {
                    await before(request.Chunk, answered, context);
                }

                await responses.WriteAsync(AnswerTo(request.Chunk));
                answered++;
            }
        };

    internal static async Task<List<CheckStreamResponse>> CollectAsync(IAsyncEnumerable<CheckStreamResponse> answers)
    {
        var list = new List<CheckStreamResponse>();
        await foreach (var answer in answers)
        {
            list.Add(answer);
        }

        return list;
    }

    /// <summary>Each chunk was answered once, in order, with its own verdicts.</summary>
    internal static void AssertAnswered(int count, List<CheckStreamResponse> answers) =>
        Assert.Equal(Enumerable.Range(1, count).Select(i => AnswerTo(Chunk((ulong)i))), answers);
}
