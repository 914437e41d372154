using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Streams;

/// <summary>
/// Sends one list through CheckStream, over as many connections as necessary.
/// </summary>
/// <remarks>
/// A pump pulls a chunk from the caller whenever fewer than <c>window</c> are unanswered, and keeps it until its answer has
/// arrived. Each connection has its own queue, which starts with the chunks that the previous connection left unanswered. The
/// caller's own loop is the reader: while it does not read, no slot becomes free and nothing is pulled.
/// </remarks>
internal sealed class CheckStreamRun : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly LookupClientOptions _options;
    private readonly LookupService.LookupServiceClient _client;
    private readonly CheckStreamOpen _open;
    private readonly IAsyncEnumerable<CheckStreamChunk> _chunks;
    private readonly SemaphoreSlim _slots;
    private readonly Lock _gate = new();
    private readonly Queue<CheckStreamChunk> _unanswered = [];

    private Channel<CheckStreamChunk> _outgoing = Channel.CreateUnbounded<CheckStreamChunk>();
    private bool _pumped;
    private ExceptionDispatchInfo? _fault;

    public CheckStreamRun(
        LookupClientOptions options, LookupService.LookupServiceClient client,
        CheckStreamOpen open, IAsyncEnumerable<CheckStreamChunk> chunks, int window)
    {
        _options = options;
        _client = client;
        _open = open;
        _chunks = chunks;
        _slots = new SemaphoreSlim(window);
    }

    public async IAsyncEnumerable<CheckStreamResponse> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pump = PumpAsync(stop);
        long? failingSince = null;
        var pause = FirstPause;
        try
        {
            // Connect only if there is a chunk to send: an unreachable service does not matter for an empty list.
            while (await WaitForWorkAsync(stop.Token, cancellationToken))
            {
                LookupException failure;
                await using (var connection = new CheckStreamConnection(_client, _open, _outgoing.Reader, _options, stop.Token))
                {
                    while (await ReadAsync(connection, cancellationToken) is { } answer)
                    {
                        failingSince = null;
                        pause = FirstPause;
                        _slots.Release();
                        yield return answer;
                    }

                    failure = connection.Failure ?? EndedEarly();
                }

                if (!Rewind())
                {
                    failingSince = null;
                    pause = FirstPause;
                    continue;
                }

                var now = _options.TimeProvider.GetTimestamp();
                failingSince ??= now;
                var wait = Longer(pause * (0.5 + Random.Shared.NextDouble() / 2), failure.RetryAfter ?? TimeSpan.Zero);
                if (!IsWorthAnother(failure) || _options.TimeProvider.GetElapsedTime(failingSince.Value, now) + wait > _options.StreamRetryLimit)
                {
                    throw failure;
                }

                pause = Shorter(pause * 2, LongestPause);
                await DelayAsync(wait, stop.Token, cancellationToken);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await pump;
        }
    }

    public void Dispose() => _slots.Dispose();

    private async Task PumpAsync(CancellationTokenSource stop)
    {
        try
        {
            ulong? last = null;
            await using var source = _chunks.GetAsyncEnumerator(stop.Token);
            while (true)
            {
                await _slots.WaitAsync(stop.Token);
                if (!await source.MoveNextAsync())
                {
                    break;
                }

                var chunk = source.Current;
                if (chunk.Sequence <= last)
                {
                    throw new InvalidOperationException($"Chunk {chunk.Sequence} follows chunk {last}: sequences must ascend.");
                }

                last = chunk.Sequence;
                lock (_gate)
                {
                    _unanswered.Enqueue(chunk);
                    _outgoing.Writer.TryWrite(chunk);
                }
            }

            lock (_gate)
            {
                _pumped = true;
                _outgoing.Writer.Complete();
            }
        }
        catch (Exception exception)
        {
            // Otherwise the reader would wait for answers to chunks that were never sent.
            _fault = ExceptionDispatchInfo.Capture(exception);
            await stop.CancelAsync();
        }
    }

    private async Task<bool> WaitForWorkAsync(CancellationToken stop, CancellationToken cancellationToken)
    {
        try
        {
            return await _outgoing.Reader.WaitToReadAsync(stop);
        }
        catch (OperationCanceledException)
        {
            throw Stopped(cancellationToken);
        }
    }

    private async Task DelayAsync(TimeSpan wait, CancellationToken stop, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(wait, _options.TimeProvider, stop);
        }
        catch (OperationCanceledException)
        {
            throw Stopped(cancellationToken);
        }
    }

    /// <summary>Reads the next answer; null if the connection has ended.</summary>
    private async Task<CheckStreamResponse?> ReadAsync(CheckStreamConnection connection, CancellationToken cancellationToken)
    {
        CheckStreamResponse? answer;
        try
        {
            answer = await connection.ReadAsync();
        }
        catch (OperationCanceledException)
        {
            throw Stopped(cancellationToken);
        }

        if (answer is null)
        {
            return null;
        }

        lock (_gate)
        {
            if (connection.Answered >= connection.Sent || !_unanswered.TryPeek(out var chunk))
            {
                throw Broken($"answered chunk {answer.Sequence} before it was sent");
            }

            if (answer.Sequence != chunk.Sequence)
            {
                throw Broken($"answered chunk {answer.Sequence} instead of chunk {chunk.Sequence}");
            }

            var items = chunk.Numbers.Count + chunk.Texts.Count;
            if (answer.Verdicts.Count != items || answer.Reasons.Count != items || (chunk.Texts.Count > 0 && answer.Numbers.Count != items))
            {
                throw Broken(
                    $"answered the {items} numbers of chunk {chunk.Sequence} with {answer.Verdicts.Count} verdicts, " +
                    $"{answer.Reasons.Count} reasons and {answer.Numbers.Count} numbers");
            }

            _unanswered.Dequeue();
            connection.CountAnswer();
            return answer;
        }
    }

    /// <summary>Prepares the next connection's queue.</summary>
    /// <returns>False if every chunk is answered.</returns>
    private bool Rewind()
    {
        lock (_gate)
        {
            _outgoing = Channel.CreateUnbounded<CheckStreamChunk>();
            foreach (var chunk in _unanswered)
            {
                _outgoing.Writer.TryWrite(chunk);
            }

            if (_pumped)
            {
                _outgoing.Writer.Complete();
            }

            return _unanswered.Count > 0;
        }
    }

    private OperationCanceledException Stopped(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _fault?.Throw();
        return new OperationCanceledException();
    }

    /// <summary>Whether to retry: repeating a read is harmless, so every network failure is retried.</summary>
    private static bool IsWorthAnother(LookupException failure) =>
        failure.IsTransient || failure.Status == StatusCode.Cancelled ||
        (failure.Status is StatusCode.Internal or StatusCode.Unknown &&
            failure.InnerException is RpcException { Status.DebugException: HttpRequestException or IOException });

    private LookupException EndedEarly() =>
        LookupException.Because(StatusCode.Unavailable, $"The service at {_options.Address} ended the stream before it had answered every chunk.");

    private LookupException Broken(string what) =>
        LookupException.Because(StatusCode.Internal, $"The service at {_options.Address} {what}. The answers cannot be assigned to numbers and are not used.");

    private static TimeSpan Longer(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
