using Lookup.Server.Errors;

namespace Lookup.Server.Reading;

/// <summary>
/// Keeps batch work from starving per-call checks: only so many streams, and of their chunks only so many at work at a
/// time, so that processors stay free for single checks; and while single checks come in, a place rests after each piece
/// of work. What finds no place is shed with advice to come back.
/// </summary>
internal sealed class BatchLimiter(LookupServerOptions options) : IDisposable
{
    // A dialer's checks come in every few milliseconds; after so long without any, lists have the processors.
    private const long QuietMs = 20;

    private readonly SemaphoreSlim _places = new(options.BatchWorkers);
    private int _streams;
    private long _lastCheck = -QuietMs;

    /// <summary>Opens a stream.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED: there are as many as may be.</exception>
    internal void OpenStream()
    {
        if (Interlocked.Increment(ref _streams) > options.MaxCheckStreams)
        {
            Interlocked.Decrement(ref _streams);
            throw RpcErrors.Exhausted(
                $"This instance runs {options.MaxCheckStreams} check streams, its limit; retry later or at another instance.", options.BatchRetryAfterMs);
        }
    }

    /// <summary>Takes note of a single check.</summary>
    internal void NoteCheck() => Volatile.Write(ref _lastCheck, Environment.TickCount64);

    internal void CloseStream() => Interlocked.Decrement(ref _streams);

    /// <summary>Waits for a place to work in, in the order of coming. Dispose of the result to leave it.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED: none came free in time.</exception>
    internal async ValueTask<Place> EnterAsync(CancellationToken cancellation)
    {
        if (!_places.Wait(0, CancellationToken.None))
        {
            var limit = TimeSpan.FromMilliseconds(options.BatchWaitLimitMs);
            if (!await _places.WaitAsync(limit, cancellation))
            {
                throw RpcErrors.Exhausted("The service is busy with single checks and other lists; retry later or at another instance.", options.BatchRetryAfterMs);
            }
        }

        return new Place(this);
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private void Leave()
    {
        if (options.BatchRestMs > 0 && Environment.TickCount64 - Volatile.Read(ref _lastCheck) < QuietMs)
        {
            _ = RestAsync();
        }
        else
        {
            _places.Release();
        }

        async Task RestAsync()
        {
            await Task.Delay(options.BatchRestMs);
            try
            {
                _places.Release();
            }
            catch (ObjectDisposedException)
            {
                // The service has ended meanwhile.
            }
        }
    }

    /// <summary>A place to work in.</summary>
    internal readonly struct Place(BatchLimiter lane) : IDisposable
    {
        /// <summary>Leaves it.</summary>
        public void Dispose() => lane.Leave();
    }
}
