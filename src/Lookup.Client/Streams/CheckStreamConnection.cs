using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Streams;

/// <summary>One call of CheckStream: sends a queue of chunks and reads answers, until either ends.</summary>
internal sealed class CheckStreamConnection : IAsyncDisposable
{
    private const string TakenHeader = "lookup-taken";

    // A service that has not told by then that it takes the stream, because it is of before that or slow, is sent the chunks all the same.
    private static readonly TimeSpan TakenLimit = TimeSpan.FromSeconds(1);

    private readonly LookupClientOptions _options;
    private readonly CancellationToken _stop;
    private readonly CancellationTokenSource _end;
    private readonly AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse> _call;
    private readonly Task _sending;
    private readonly ITimer _silence;
    private readonly Lock _gate = new();

    private ExceptionDispatchInfo? _fault;
    private bool _reading;
    private bool _completed;
    private bool _silent;
    private bool _disposed;

    public CheckStreamConnection(
        LookupService.LookupServiceClient client, CheckStreamOpen open, ChannelReader<CheckStreamChunk> chunks,
        LookupClientOptions options, CancellationToken stop)
    {
        _options = options;
        _stop = stop;
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _silence = options.TimeProvider.CreateTimer(_ => OnSilence(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _call = client.CheckStream(cancellationToken: _end.Token);
        _sending = SendAsync(open, chunks);
    }

    /// <summary>Chunks handed to this connection.</summary>
    public int Sent { get; private set; }

    /// <summary>Chunks answered on this connection.</summary>
    public int Answered { get; private set; }

    /// <summary>Why it has ended; null while it has not, and when the service ended it in good order.</summary>
    public LookupException? Failure { get; private set; }

    public void CountAnswer()
    {
        lock (_gate)
        {
            Answered++;
        }
    }

    /// <summary>The next answer; null when there are no more, see <see cref="Failure"/>.</summary>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    public async Task<CheckStreamResponse?> ReadAsync()
    {
        Watch(reading: true);
        try
        {
            return await _call.ResponseStream.MoveNext(_end.Token) ? _call.ResponseStream.Current : null;
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException)
        {
            _stop.ThrowIfCancellationRequested();
            _fault?.Throw();
            Failure = exception is RpcException failed && !_silent
                ? LookupException.From(failed, _options.Address)
                : LookupException.Because(
                    StatusCode.DeadlineExceeded, $"The service at {_options.Address} did not answer within {_options.StreamAnswerTimeout.TotalSeconds:0.###} s.");
            return null;
        }
        finally
        {
            Watch(reading: false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        await _end.CancelAsync();
        await _sending;
        await _silence.DisposeAsync();
        _call.Dispose();
        _end.Dispose();
    }

    private async Task SendAsync(CheckStreamOpen open, ChannelReader<CheckStreamChunk> chunks)
    {
        try
        {
            await _call.RequestStream.WriteAsync(new CheckStreamRequest { Open = open }, _end.Token);
            await TakenAsync();
            await foreach (var chunk in chunks.ReadAllAsync(_end.Token))
            {
                lock (_gate)
                {
                    Sent++;
                    SetTimer();
                }

                await _call.RequestStream.WriteAsync(new CheckStreamRequest { Chunk = chunk }, _end.Token);
            }

            lock (_gate)
            {
                _completed = true;
                SetTimer();
            }

            await _call.RequestStream.CompleteAsync();
        }
        catch (Exception exception) when (SendFailures.IsEndOfCall(exception))
        {
        }
        catch (Exception exception)
        {
            // The reader would wait for answers to chunks that are never sent.
            _fault = ExceptionDispatchInfo.Capture(exception);
            await _end.CancelAsync();
        }
    }

    /// <summary>
    /// Waits until the service has taken the stream, so that a refusal finds no chunk on its way: HttpClient can send data of a
    /// stream after it has reset it, for which a server closes the connection, with every call on it.
    /// </summary>
    private async Task TakenAsync()
    {
        var waited = Task.Delay(TakenLimit, _end.Token);
        var headers = _call.ResponseHeadersAsync;
        // A refusal has headers, too; its status ends this wait in a moment.
        if (await Task.WhenAny(headers, waited) == waited || (await headers).GetValue(TakenHeader) is null)
        {
            await waited;
        }
    }

    private void Watch(bool reading)
    {
        lock (_gate)
        {
            _reading = reading;
            SetTimer();
        }
    }

    /// <summary>Silence counts only while the caller listens and the service owes something: an answer or the end.</summary>
    private void SetTimer()
    {
        var owed = Sent > Answered || _completed;
        _silence.Change(_reading && owed ? _options.StreamAnswerTimeout : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private void OnSilence()
    {
        lock (_gate)
        {
            if (_disposed || !_reading)
            {
                return;
            }

            _silent = true;
            _ = _end.CancelAsync();
        }
    }
}
