using Lookup.Server.Errors;
using Lookup.Server.Hosting;

namespace Lookup.Server.Batch;

/// <summary>
/// Keeps batch work from starving per-call checks: only so many streams, and of their chunks only so many at work at a
/// time, so that processors stay free for single checks. What finds no place is shed with advice to come back.
/// </summary>
internal sealed class BatchLane(LookupServerOptions options) : IDisposable
{
    private readonly SemaphoreSlim _places = new(options.BatchWorkers);
    private int _streams;

    /// <summary>Opens a stream.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED: there are as many as may be.</exception>
    internal void OpenStream()
    {
        if (Interlocked.Increment(ref _streams) > options.MaxCheckStreams)
        {
            Interlocked.Decrement(ref _streams);
            throw Refusals.Exhausted(
                $"There are {options.MaxCheckStreams} check streams already; no more are taken at a time.", options.BatchRetryAfterMs);
        }
    }

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
                throw Refusals.Exhausted("The service is busy with single checks and other lists.", options.BatchRetryAfterMs);
            }
        }

        return new Place(_places);
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    /// <summary>A place to work in.</summary>
    internal readonly struct Place(SemaphoreSlim places) : IDisposable
    {
        /// <summary>Leaves it.</summary>
        public void Dispose() => places.Release();
    }
}
