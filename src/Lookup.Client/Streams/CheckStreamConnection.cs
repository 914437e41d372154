using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Streams;

/// <summary>One call of CheckStream: sends a queue of chunks and reads answers, until either ends.</summary>
internal sealed class CheckStreamConnection : IAsyncDisposable
{
    private const string AcceptedHeader = "lookup-taken";

    // An old or slow service does not send the header in time; then chunks are sent without it.
    private static readonly TimeSpan AcceptedLimit = TimeSpan.FromSeconds(1);

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

    /// <summary>Chunks sent on this connection.</summary>
    public int Sent { get; private set; }

    /// <summary>Chunks answered on this connection.</summary>
    public int Answered { get; private set; }

    /// <summary>Why the connection ended; null while it is open, and if the service ended it normally.</summary>
    public LookupException? Failure { get; private set; }

    public void CountAnswer()
    {
        lock (_gate)
        {
            Answered++;
        }
    }

    /// <summary>Reads the next answer; null if there are no more, see <see cref="Failure"/>.</summary>
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
            await WaitUntilAcceptedAsync();
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
            // Otherwise the reader would wait for answers to chunks that were never sent.
            _fault = ExceptionDispatchInfo.Capture(exception);
            await _end.CancelAsync();
        }
    }

    /// <summary>
    /// Waits until the service has accepted the stream, so that no chunk is in flight when it rejects one: HttpClient can send data
    /// after it has reset a stream, and a server then closes the connection with every call on it.
    /// </summary>
    private async Task WaitUntilAcceptedAsync()
    {
        var waited = Task.Delay(AcceptedLimit, _end.Token);
        var headers = _call.ResponseHeadersAsync;
        // A rejection also has headers; its status then ends this wait.
        if (await Task.WhenAny(headers, waited) == waited || (await headers).GetValue(AcceptedHeader) is null)
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

    /// <summary>The timeout runs only while the caller reads and the service owes an answer or the end of the stream.</summary>
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
