using System.Threading.Channels;
using Grpc.Core;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Http;

namespace Lookup.Server.Lists;

/// <summary>
/// Runs one CheckStream: reads chunks, decides several at a time and answers in order. A caller that reads slowly fills the
/// few slots for chunks; then the session stops reading, and the flow control of HTTP/2 slows the caller.
/// </summary>
internal sealed class CheckStreamSession(
    ChunkServices services,
    Drain drain,
    IAsyncStreamReader<V1.CheckStreamRequest> requests,
    IServerStreamWriter<V1.CheckStreamResponse> responses,
    ServerCallContext context)
{
    // Sent in the headers of an accepted stream. Most clients cannot otherwise distinguish them from the headers of an error.
    internal const string TakenHeader = "lookup-taken";

    /// <summary>The maximum numbers in a chunk of single checks: deciding one does not delay other checks noticeably.</summary>
    internal const int MaxShared = 256;

    private readonly Channel<(ChunkJob Job, Task<V1.CheckStreamResponse> Answer)> _inFlight =
        Channel.CreateBounded<(ChunkJob, Task<V1.CheckStreamResponse>)>(
            new BoundedChannelOptions(services.Options.MaxChunksInFlight - 1) { SingleReader = true, SingleWriter = true });

    internal async Task RunAsync()
    {
        services.Limiter.OpenStream();
        drain.Track(context);
        using var stop = drain.Link(context);
        using var reads = new IdleLimit(services.Options, stop.Token);
        using var writes = new IdleLimit(services.Options, context.CancellationToken);
        var writing = Task.CompletedTask;
        try
        {
            var open = await OpenAsync(reads);
            await context.WriteResponseHeadersAsync(new Metadata { { TakenHeader, "true" } });
            var receipts = services.Receipts.Wants(open.Receipt, open.Hypothetical)
                ? new ListReceipts(services.Receipts, open, context.GetHttpContext().CallerId())
                : null;
            // A stream of single checks is a dialer, not a list.
            using var list = open.Decisions ? null : services.Lists.Begin(open.Organisation, context.GetHttpContext().CallerId());
            writing = WriteAsync(receipts, list, stop, writes);
            await ReadAsync(open, reads, stop.Token);
            _inFlight.Writer.TryComplete();
            await writing;
        }
        catch (Exception e)
        {
            // Earlier answers stay valid; send them before the status.
            _inFlight.Writer.TryComplete();
            await writing;
            if (e is OperationCanceledException && reads.HasExpired)
            {
                throw reads.Error();
            }

            // Never 'throw e': the stack trace shows whether the caller's connection failed.
            if (e is RpcException || !drain.Ends(context))
            {
                throw;
            }

            throw RpcErrors.Unavailable(
                "The service is shutting down; continue at another instance from the first unanswered chunk.", services.Options.RetryAfterMs);
        }
        finally
        {
            while (_inFlight.Reader.TryRead(out var left))
            {
                await left.Answer.ContinueWith(static _ => { }, TaskScheduler.Default);
            }

            services.Limiter.CloseStream();
        }
    }

    private async Task<bool> NextAsync(IdleLimit idle)
    {
        idle.Start();
        var isThere = await requests.MoveNext(idle.Token);
        idle.Stop();
        return isThere;
    }

    private async Task<OpenStream> OpenAsync(IdleLimit idle)
    {
        if (!await NextAsync(idle) || requests.Current.MessageCase != V1.CheckStreamRequest.MessageOneofCase.Open)
        {
            throw RpcErrors.Invalid("open", "Required in the first message of a stream.");
        }

        var now = services.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        var open = OpenStream.Read(requests.Current.Open, "open.", services.Manifest, services.Regimes, services.Receipts.Log is not null, now);
        context.Lease()?.Require(requests.Current.Open.Question.Organisation, now);
        if (open.Decisions && services.Receipts.Wants(open.Receipt, open.Hypothetical))
        {
            // A list has one receipt, which is not that of a single answer.
            throw RpcErrors.Precondition("This service writes a receipt for each answer: use Check instead of open.decisions.");
        }

        return open;
    }

    private async Task ReadAsync(OpenStream open, IdleLimit idle, CancellationToken stop)
    {
        ulong? last = null;
        var lease = context.Lease();
        var max = lease?.Caller.State.MaxChunk is > 0 and var own ? own : ChunkWorker.MaxNumbers;
        max = open.Decisions ? Math.Min(max, MaxShared) : max;
        while (await NextAsync(idle))
        {
            var chunk = Validate(requests.Current, last, max);
            last = chunk.Sequence;
            if (open.Decisions)
            {
                RequireNumbers(chunk);
                services.Limiter.RecordCheck();
            }

            // Wait for a slot first: a chunk that was started is also answered.
            if (!await _inFlight.Writer.WaitToWriteAsync(stop))
            {
                return;
            }

            if (lease is not null)
            {
                services.Access.DetectEnumeration(lease.Caller, chunk);
            }

            var job = services.Rent();
            _inFlight.Writer.TryWrite((job, job.DecideAsync(chunk, open, context.CancellationToken)));
        }
    }

    private async Task WriteAsync(ListReceipts? receipts, OpenList? list, CancellationTokenSource stop, IdleLimit idle)
    {
        try
        {
            await foreach (var (job, answer) in _inFlight.Reader.ReadAllAsync(CancellationToken.None))
            {
                var response = await answer;
                response.Receipt = receipts?.Add(job, response.Sequence);
                job.Expire();
                idle.Start();
                await responses.WriteAsync(response, idle.Token);
                idle.Stop();
                list?.Add(response.Verdicts.Count);
                services.Return(job);
            }
        }
        catch (OperationCanceledException) when (idle.HasExpired)
        {
            await stop.CancelAsync();
            throw idle.Error();
        }
        catch
        {
            // Nothing read from now on can be answered.
            await stop.CancelAsync();
            throw;
        }
    }

    // Parsing texts takes a slot of the lists.
    private static void RequireNumbers(V1.CheckStreamChunk chunk)
    {
        if (chunk.Texts.Count > 0)
        {
            throw RpcErrors.Invalid("chunk.texts", "Cannot be combined with open.decisions; send chunk.numbers.");
        }
    }

    internal static V1.CheckStreamChunk Validate(V1.CheckStreamRequest request, ulong? last, int max)
    {
        if (request.MessageCase != V1.CheckStreamRequest.MessageOneofCase.Chunk)
        {
            throw RpcErrors.Invalid("chunk", "Required in every message after the first.");
        }

        var chunk = request.Chunk;
        if (chunk.Sequence <= last)
        {
            throw RpcErrors.Invalid("chunk.sequence", "Must be greater than the sequence of the previous chunk.");
        }

        if (chunk.Numbers.Count > 0 && chunk.Texts.Count > 0)
        {
            throw RpcErrors.Invalid("chunk.texts", "Cannot be combined with chunk.numbers; send one of the two.");
        }

        var (field, count) = chunk.Texts.Count > 0 ? ("chunk.texts", chunk.Texts.Count) : ("chunk.numbers", chunk.Numbers.Count);
        return count > 0 && count <= max
            ? chunk
            : throw RpcErrors.Invalid(field, $"{count} numbers; must be 1 to {max} per chunk.");
    }
}
