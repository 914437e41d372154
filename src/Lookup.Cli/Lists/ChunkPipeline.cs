using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Lookup.V1;

namespace Lookup.Cli.Lists;

/// <summary>Sends chunks; returns an answer to each in order, with one verdict and reason per number.</summary>
internal delegate IAsyncEnumerable<CheckStreamResponse> AskChunks(
    IAsyncEnumerable<CheckStreamChunk> chunks, int window, CancellationToken ct);

/// <summary>Settings of the pipeline.</summary>
internal sealed record PipelineSettings
{
    /// <summary>Unanswered chunks at the service, 1 to 64.</summary>
    public int Window { get; init; } = 16;

    /// <summary>Chunks in memory. Those not at the service are being read or wait to be written.</summary>
    public int Chunks { get; init; } = 28;

    /// <summary>Retries of numbers that the store could not answer, or not as fresh as requested.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>Time the client waits for an unreachable service.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>Pause before the first retry; it doubles with each further one.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// Reads, sends and writes a list concurrently, in order. A fixed set of chunks circulates and bounds memory: if the last
/// stage is slow, the first one waits.
/// </summary>
internal sealed class ChunkPipeline(AskChunks ask, PipelineSettings settings, TimeProvider clock)
{
    private readonly Channel<ListChunk> _free = Channel.CreateUnbounded<ListChunk>();
    private readonly Channel<ListChunk> _read = Channel.CreateUnbounded<ListChunk>();
    private readonly Channel<ListChunk> _ordered = Channel.CreateUnbounded<ListChunk>();
    private readonly ConcurrentQueue<ListChunk> _asked = new();
    private readonly Lock _gate = new();
    private ExceptionDispatchInfo? _failure;

    /// <summary>Whether the store is unreachable and numbers are being retried.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Processes the whole list.</summary>
    /// <param name="read">Fills a chunk; returns false at the end of the list. Runs on one thread.</param>
    /// <param name="parse">Builds a chunk's request. Runs on any thread.</param>
    /// <param name="prepare">Renders the answered chunk. Runs on any thread.</param>
    /// <param name="take">Receives the chunks, in order, one at a time.</param>
    /// <param name="ct">Stops between chunks.</param>
    public async Task RunAsync(
        Func<ListChunk, CancellationToken, bool> read, Action<ListChunk> parse, Action<ListChunk> prepare, Action<ListChunk> take, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        for (var i = 0; i < settings.Chunks; i++)
        {
            _free.Writer.TryWrite(new ListChunk());
        }

        await Task.WhenAll(
            Stage(() => ReadAsync(read, parse, stop.Token)),
            Stage(() => AskAsync(prepare, stop.Token)),
            Stage(() => TakeAsync(prepare, take, stop.Token)));
        _failure?.Throw();

        Task Stage(Func<Task> run) => Task.Run(
            async () =>
            {
                try
                {
                    await run();
                }
                catch (Exception exception)
                {
                    // The first exception is the cause; the others follow from the cancellation.
                    lock (_gate)
                    {
                        _failure ??= ExceptionDispatchInfo.Capture(exception);
                    }

                    await stop.CancelAsync();
                }
            },
            CancellationToken.None);
    }

    private async Task ReadAsync(Func<ListChunk, CancellationToken, bool> read, Action<ListChunk> parse, CancellationToken ct)
    {
        var sequence = 0UL;
        while (true)
        {
            var chunk = await _free.Reader.ReadAsync(ct);
            if (!read(chunk, ct))
            {
                _read.Writer.Complete();
                return;
            }

            chunk.Request.Sequence = ++sequence;
            chunk.Parsed = Task.Run(() => parse(chunk), CancellationToken.None);
            _read.Writer.TryWrite(chunk);
        }
    }

    private async Task AskAsync(Action<ListChunk> prepare, CancellationToken ct)
    {
        await foreach (var answer in ask(RequestsAsync(prepare, ct), settings.Window, ct))
        {
            if (!_asked.TryDequeue(out var chunk) || chunk.Request.Sequence != answer.Sequence)
            {
                throw new CliException("The service answered a chunk that was not sent. Its answers are not used.");
            }

            chunk.SetAnswer(answer);
            Complete(chunk, prepare);
        }

        if (!_asked.IsEmpty)
        {
            throw new CliException("The service did not answer every chunk.");
        }

        _ordered.Writer.Complete();
    }

    private async IAsyncEnumerable<CheckStreamChunk> RequestsAsync(Action<ListChunk> prepare, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var chunk in _read.Reader.ReadAllAsync(ct))
        {
            await chunk.Parsed;
            _ordered.Writer.TryWrite(chunk);
            if (chunk.Request.Numbers.Count > 0)
            {
                _asked.Enqueue(chunk);
                yield return chunk.Request;
            }
            else
            {
                Complete(chunk, prepare);
            }
        }
    }

    private void Complete(ListChunk chunk, Action<ListChunk> prepare)
    {
        if (settings.Retries > 0 && NeedsRetry(chunk))
        {
            // Retried when it is this chunk's turn to be written.
            chunk.Answered.SetResult();
            return;
        }

        chunk.IsPrepared = true;
        _ = Task.Run(
            () =>
            {
                try
                {
                    prepare(chunk);
                    chunk.Answered.SetResult();
                }
                catch (Exception exception)
                {
                    chunk.Answered.SetException(exception);
                }
            },
            CancellationToken.None);
    }

    private async Task TakeAsync(Action<ListChunk> prepare, Action<ListChunk> take, CancellationToken ct)
    {
        await foreach (var chunk in _ordered.Reader.ReadAllAsync(ct))
        {
            await chunk.Answered.Task.WaitAsync(ct);
            if (!chunk.IsPrepared)
            {
                await RetryAsync(chunk, ct);
                prepare(chunk);
            }

            take(chunk);
            _free.Writer.TryWrite(chunk);
        }
    }

    /// <summary>Retries numbers that the store could not answer, with growing pauses.</summary>
    private async Task RetryAsync(ListChunk chunk, CancellationToken ct)
    {
        IsWaiting = true;
        var pause = settings.RetryPause;
        for (var attempt = 0; attempt < settings.Retries && NeedsRetry(chunk); attempt++)
        {
            await Task.Delay(pause, clock, ct);
            pause *= 2;
            var retried = Enumerable.Range(0, chunk.Count).Where(i => NeedsRetry(chunk, i)).ToList();
            var again = new CheckStreamChunk { Sequence = 1, Numbers = { retried.Select(i => chunk.Numbers[i]) } };
            await foreach (var answer in ask(OneAsync(again), 1, ct))
            {
                for (var i = 0; i < retried.Count; i++)
                {
                    chunk.Set(retried[i], answer.Verdicts[i], answer.Reasons[i]);
                }

                var before = chunk.Common;
                chunk.Common = answer.Common ?? before;
                chunk.Common?.Reasons.AddRange(before is null || answer.Common is null ? [] : before.Reasons.Except(answer.Common.Reasons).ToList());
            }
        }

        IsWaiting = false;
    }

    private static async IAsyncEnumerable<CheckStreamChunk> OneAsync(CheckStreamChunk chunk)
    {
        await Task.CompletedTask;
        yield return chunk;
    }

    private static bool NeedsRetry(ListChunk chunk)
    {
        for (var i = 0; i < chunk.Count; i++)
        {
            if (NeedsRetry(chunk, i))
            {
                return true;
            }
        }

        return false;
    }

    private static bool NeedsRetry(ListChunk chunk, int record) =>
        chunk.Verdicts[record] == Verdict.Unknown && chunk.Reasons[record] is (ReasonCode.StoreUnavailable or ReasonCode.NotFresh);
}
