using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Lookup.V1;

namespace Lookup.Cli.Lists;

/// <summary>Asks about chunks; answers each in order, with as many verdicts and reasons as it has numbers.</summary>
internal delegate IAsyncEnumerable<CheckStreamResponse> AskChunks(
    IAsyncEnumerable<CheckStreamChunk> chunks, int window, CancellationToken ct);

/// <summary>How a list is asked about.</summary>
internal sealed record PipelineSettings
{
    /// <summary>Chunks that are under way at the service, 1 to 64.</summary>
    public int Window { get; init; } = 16;

    /// <summary>Chunks in memory. Those not under way are being read, or wait for their turn to be written.</summary>
    public int Chunks { get; init; } = 28;

    /// <summary>How often items are asked again about which the store could not be asked, or not as fresh as demanded.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>How long the client waits for a service that is away.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>Pause before the first repetition; each further one doubles it.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// Reading, asking and writing side by side, in the order of the list. Memory is bounded by a fixed number of chunks that
/// go round: when the last stage is slow the first one waits.
/// </summary>
internal sealed class ChunkPipeline(AskChunks ask, PipelineSettings settings, TimeProvider clock)
{
    private readonly Channel<ListChunk> _free = Channel.CreateUnbounded<ListChunk>();
    private readonly Channel<ListChunk> _read = Channel.CreateUnbounded<ListChunk>();
    private readonly Channel<ListChunk> _ordered = Channel.CreateUnbounded<ListChunk>();
    private readonly ConcurrentQueue<ListChunk> _asked = new();
    private readonly Lock _gate = new();
    private ExceptionDispatchInfo? _failure;

    /// <summary>The store is away and items are being asked again.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Takes the whole list through.</summary>
    /// <param name="read">Fills a chunk; false at the end of the list. On one thread.</param>
    /// <param name="parse">Makes a chunk's request. On any thread.</param>
    /// <param name="prepare">Makes of the answered chunk what is to be written. On any thread.</param>
    /// <param name="take">Takes the chunks, one after the other in order.</param>
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
                    // The first one is the cause; the others only learn that it is over.
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
                throw new CliException("The service answered something that was not asked. Nothing of it is used.");
            }

            chunk.Take(answer);
            Complete(chunk, prepare);
        }

        if (!_asked.IsEmpty)
        {
            throw new CliException("The service did not answer everything.");
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
        if (settings.Retries > 0 && IsTroubled(chunk))
        {
            // Asked again when its turn to be written has come.
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
                await AskAgainAsync(chunk, ct);
                prepare(chunk);
            }

            take(chunk);
            _free.Writer.TryWrite(chunk);
        }
    }

    /// <summary>Asks about what the store could not answer, a few times with growing pauses.</summary>
    private async Task AskAgainAsync(ListChunk chunk, CancellationToken ct)
    {
        IsWaiting = true;
        var pause = settings.RetryPause;
        for (var attempt = 0; attempt < settings.Retries && IsTroubled(chunk); attempt++)
        {
            await Task.Delay(pause, clock, ct);
            pause *= 2;
            var troubled = Enumerable.Range(0, chunk.Count).Where(i => IsTroubled(chunk, i)).ToList();
            var again = new CheckStreamChunk { Sequence = 1, Numbers = { troubled.Select(i => chunk.Numbers[i]) } };
            await foreach (var answer in ask(OneAsync(again), 1, ct))
            {
                for (var i = 0; i < troubled.Count; i++)
                {
                    chunk.Set(troubled[i], answer.Verdicts[i], answer.Reasons[i]);
                }

                chunk.Common = answer.Common ?? chunk.Common;
            }
        }

        IsWaiting = false;
    }

    private static async IAsyncEnumerable<CheckStreamChunk> OneAsync(CheckStreamChunk chunk)
    {
        await Task.CompletedTask;
        yield return chunk;
    }

    private static bool IsTroubled(ListChunk chunk)
    {
        for (var i = 0; i < chunk.Count; i++)
        {
            if (IsTroubled(chunk, i))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsTroubled(ListChunk chunk, int record) =>
        chunk.Verdicts[record] == Verdict.Unknown && chunk.Reasons[record] is (ReasonCode.StoreUnavailable or ReasonCode.NotFresh);
}
