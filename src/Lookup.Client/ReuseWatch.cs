namespace Lookup.Client;

/// <summary>
/// Drops answers kept for reuse as soon as the service tells of something new, and lets none be reused while it is not heard.
/// </summary>
internal sealed class ReuseWatch : IDisposable
{
    // What it rests on, and so long after it was heard last; the service's usual heartbeat comes each second.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    // After the service has refused the watch, for example because it is older than that.
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

    /// <summary>Whether answers may be reused now, and kept.</summary>
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
                await foreach (var told in client.WatchAsync(cancellationToken: _stopped).ConfigureAwait(false))
                {
                    Take(told);
                }
            }
            catch (Exception) when (_stopped.IsCancellationRequested)
            {
                // The client is disposed of.
            }
            catch (Exception exception)
            {
                Lose();
                // Changes that were lost are made up for by having forgotten everything.
                await Task.Delay(exception is ChangesLostException ? TimeSpan.Zero : RefusedPause, _clock, _stopped)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Take(WatchEvent told)
    {
        if (told.Change is { } change)
        {
            _reuse.Forget(change.Number);
            Interlocked.Exchange(ref _heard, _clock.GetTimestamp());
        }
        else if (told.Freshness is { } age && age < Limit)
        {
            if (!IsLive())
            {
                // What was kept before the pause may be about what changed in it.
                _reuse.ForgetAll();
            }

            Interlocked.Exchange(ref _heard, _clock.GetTimestamp());
            Volatile.Write(ref _live, 1);
        }
        else if (told.IsHeartbeat || told.Failure is not null)
        {
            Lose();
        }
    }

    private void Lose()
    {
        Volatile.Write(ref _live, 0);
        _reuse.ForgetAll();
    }
}
