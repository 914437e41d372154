using Grpc.Core;
using Lookup.Client.Streams;
using Lookup.V1;

namespace Lookup.Client.Sharing;

/// <summary>
/// One CheckStream that checks share: numbers gather while a chunk is under way, and go out as the next one.
/// </summary>
internal sealed class SharedStream(
    SharedLane lane,
    CheckStreamOpen open,
    Func<CancellationToken, AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse>> connect,
    LookupClientOptions options) : IThreadPoolWorkItem, IDisposable
{
    private const string AcceptedHeader = "lookup-taken";

    // A service that is busy or restarts may accept a stream soon; one that is older, or writes receipts, does not.
    private static readonly TimeSpan ShortPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongPause = TimeSpan.FromMinutes(1);

    private readonly CancellationTokenSource _end = new();
    private readonly Lock _gate = new();
    private readonly SharedQueue _queue = new();
    private AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse>? _call;
    private Timer? _timer;
    private bool _isTimed;
    private bool _sending;
    private bool _retired;
    private bool _disposed;

    /// <summary>Adds a check to the next chunk.</summary>
    /// <returns>False if the stream accepts no more.</returns>
    public bool TryAdd(SharedCheck check)
    {
        bool starts;
        lock (_gate)
        {
            if (_retired)
            {
                return false;
            }

            _queue.Add(check);
            if (!_isTimed)
            {
                _isTimed = true;
                _timer!.Change(Math.Max(1, check.Due - Environment.TickCount64), Timeout.Infinite);
            }

            starts = StartsSending();
        }

        if (starts)
        {
            // Behind the continuations of the chunk that was just answered, whose next checks then go out together.
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return true;
    }

    void IThreadPoolWorkItem.Execute() => _ = SendAsync();

    /// <summary>Opens the stream and reads its answers until it ends. Never throws.</summary>
    public async Task RunAsync()
    {
        var end = SharedEnd.ByService;
        var pause = ShortPause;
        try
        {
            _timer = new Timer(static stream => ((SharedStream)stream!).OnTime(), this, SharedQueue.IdleLimit, Timeout.InfiniteTimeSpan);
            _call = connect(_end.Token);
            await _call.RequestStream.WriteAsync(new CheckStreamRequest { Open = open }, _end.Token);
            var headers = await _call.ResponseHeadersAsync.WaitAsync(options.Timeout, _end.Token);
            if (headers.GetValue(AcceptedHeader) is not null)
            {
                lane.Publish(this);
                (end, pause) = await ReadAsync(_call.ResponseStream);
            }
            else
            {
                // A rejection: reads its status. A service that is older does not end the stream.
                pause = LongPause;
                await _call.ResponseStream.MoveNext(_end.Token).WaitAsync(options.Timeout, _end.Token);
            }
        }
        catch (Exception exception)
        {
            end = new SharedEnd(exception, IsOwn: _end.IsCancellationRequested);
            pause = PauseAfter(exception);
        }

        lane.Retire(this, pause);
        Close(end);
        Dispose();
    }

    /// <summary>Ends the stream. Checks without an answer fail.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _ = _end.CancelAsync();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        _end.Cancel();
        _timer?.Dispose();
        _call?.Dispose();
        _end.Dispose();
    }

    private static TimeSpan PauseAfter(Exception exception) => exception is RpcException { Status.DebugException: null } ended
        && ended.StatusCode is not (StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded or StatusCode.Unauthenticated)
            ? LongPause
            : ShortPause;

    private async Task<(SharedEnd End, TimeSpan Pause)> ReadAsync(IAsyncStreamReader<CheckStreamResponse> answers)
    {
        while (await answers.MoveNext(_end.Token))
        {
            var answer = answers.Current;
            SharedCheck[]? checks;
            bool starts;
            lock (_gate)
            {
                if (!_queue.TryTake(answer, out checks))
                {
                    return (SharedEnd.Senseless, ShortPause);
                }

                starts = StartsSending();
            }

            if (starts)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }

            if (checks.Length > 1)
            {
                lane.MarkShared();
            }

            var isStoreUp = SharedAnswer.Give(answer, checks);
            if (answer.Decisions.Count == 0)
            {
                // A service from before open.decisions.
                return (SharedEnd.ByService, LongPause);
            }

            if (!isStoreUp)
            {
                // Checks go alone and get the service's own error.
                return (SharedEnd.ByService, ShortPause);
            }
        }

        return (SharedEnd.ByService, ShortPause);
    }

    private async Task SendAsync()
    {
        try
        {
            while (Pack() is { } chunk)
            {
                await _call!.RequestStream.WriteAsync(new CheckStreamRequest { Chunk = chunk }, _end.Token);
            }
        }
        catch (Exception exception)
        {
            // If the call has ended, the reader has the reason. Otherwise it would wait for an answer to a chunk that was not sent.
            if (!SendFailures.IsEndOfCall(exception))
            {
                End();
            }
        }
    }

    private bool StartsSending() => !_retired && !_sending && _queue.MaySend && (_sending = true);

    private CheckStreamChunk? Pack()
    {
        lock (_gate)
        {
            _sending = false;
            return StartsSending() ? _queue.Pack() : null;
        }
    }

    /// <summary>Ends the checks whose time is over, and a stream without work.</summary>
    private void OnTime()
    {
        List<SharedCheck> due;
        bool isSilent;
        bool isOver;
        bool isIdle;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            var now = Environment.TickCount64;
            due = _queue.TakeDue(now, out isSilent);
            isIdle = !_retired && _queue.IsIdle(now);
            _retired |= isIdle || isSilent;
            isOver = _retired && !_queue.IsOwed(now);
            var next = _queue.NextDue(now);
            _isTimed = next is not null;
            _timer!.Change(Math.Max(1, (next ?? now + (long)SharedQueue.IdleLimit.TotalMilliseconds) - now), Timeout.Infinite);
        }

        foreach (var check in due)
        {
            check.TrySetException(LookupException.Because(StatusCode.DeadlineExceeded, $"The service at {options.Address} did not answer in time."));
        }

        if (isSilent)
        {
            // Those that were not sent go alone.
            lane.Retire(this, ShortPause);
            CloseWaiting();
        }

        if (isIdle)
        {
            lane.Retire(this, TimeSpan.Zero);
        }

        if (isOver)
        {
            End();
        }
    }

    private void CloseWaiting()
    {
        List<SharedCheck> waiting;
        lock (_gate)
        {
            _retired = true;
            waiting = _queue.TakeWaiting();
        }

        waiting.ForEach(static check => check.TrySetResult(null));
    }

    private void Close(SharedEnd end)
    {
        CloseWaiting();
        List<SharedCheck> sent;
        lock (_gate)
        {
            sent = _queue.TakeSent();
        }

        sent.ForEach(check => end.Apply(check, options.Address));
    }
}
