namespace Lookup.Client;

/// <summary>
/// Drops cached answers when their facts change, and disables reuse while the watch is disconnected or stale.
/// </summary>
internal sealed class ReuseWatch : IDisposable
{
    // Maximum age of the last event and of its freshness; the service sends a heartbeat every second by default.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    // Pause after the service rejected the watch, for example because it is too old to have one.
    private static readonly TimeSpan RefusedPause = TimeSpan.FromSeconds(5);

    private readonly ReuseCache _reuse;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopped;
    private long _heard;
    private int _live;

    public ReuseWatch(ILookupClient client, ReuseCache reuse, TimeProvider clock)
    {
        _reuse = reuse;
        _clock = clock;
        _stopped = _stop.Token;
        _ = RunAsync(client);
    }

    /// <summary>Whether answers may be cached and reused now.</summary>
    public bool IsLive() => Volatile.Read(ref _live) != 0 && _clock.GetElapsedTime(Interlocked.Read(ref _heard)) < Limit;

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private async Task RunAsync(ILookupClient client)
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                await foreach (var received in client.WatchAsync(cancellationToken: _stopped).ConfigureAwait(false))
                {
                    Apply(received);
                }
            }
            catch (Exception) when (_stopped.IsCancellationRequested)
            {
                // The client was disposed.
            }
            catch (Exception exception)
            {
                Disable();
                // All answers are dropped, so lost changes do no harm: reconnect immediately.
                await Task.Delay(exception is ChangesLostException ? TimeSpan.Zero : RefusedPause, _clock, _stopped)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Apply(WatchEvent received)
    {
        if (received.Change is { } change)
        {
            _reuse.Forget(change.Number);
            Interlocked.Exchange(ref _heard, _clock.GetTimestamp());
        }
        else if (received.Freshness is { } age && age < Limit)
        {
            if (!IsLive())
            {
                // Answers cached before the gap may be stale.
                _reuse.ForgetAll();
            }

            Interlocked.Exchange(ref _heard, _clock.GetTimestamp());
            Volatile.Write(ref _live, 1);
        }
        else if (received.IsHeartbeat || received.Failure is not null)
        {
            Disable();
        }
    }

    private void Disable()
    {
        Volatile.Write(ref _live, 0);
        _reuse.ForgetAll();
    }
}
