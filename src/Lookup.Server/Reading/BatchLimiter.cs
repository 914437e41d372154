using Lookup.Server.Errors;

namespace Lookup.Server.Reading;

/// <summary>
/// Keeps batch work from starving single checks. Limits the streams and the chunks being decided, so that processors stay free,
/// and pauses a slot after each piece of work while single checks arrive. Rejects work that gets no slot in time, with a retry delay.
/// </summary>
internal sealed class BatchLimiter(LookupServerOptions options) : IDisposable
{
    // A dialer sends checks every few milliseconds; after this long without any, lists may use the processors.
    private const long QuietMs = 20;

    private readonly SemaphoreSlim _slots = new(options.BatchWorkers);
    private int _streams;
    private int _waiting;
    private long _lastCheck = -QuietMs;

    /// <summary>Open streams.</summary>
    internal int Streams => Volatile.Read(ref _streams);

    /// <summary>Slots in use, and chunks that wait for one.</summary>
    internal int Wanted => options.BatchWorkers - _slots.CurrentCount + Volatile.Read(ref _waiting);

    /// <summary>Opens a stream.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED: the limit of streams is reached.</exception>
    internal void OpenStream()
    {
        if (Interlocked.Increment(ref _streams) > options.MaxCheckStreams)
        {
            Interlocked.Decrement(ref _streams);
            throw RpcErrors.Exhausted(
                $"This instance runs {options.MaxCheckStreams} check streams, its limit; retry later or at another instance.", options.BatchRetryAfterMs);
        }
    }

    /// <summary>Records the arrival of a single check.</summary>
    internal void RecordCheck() => Volatile.Write(ref _lastCheck, Environment.TickCount64);

    internal void CloseStream() => Interlocked.Decrement(ref _streams);

    /// <summary>Waits for a slot, in order of arrival. Dispose of the result to release it.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED: no slot was free in time.</exception>
    internal async ValueTask<Slot> EnterAsync(CancellationToken cancellation)
    {
        if (!_slots.Wait(0, CancellationToken.None))
        {
            var limit = TimeSpan.FromMilliseconds(options.BatchWaitLimitMs);
            Interlocked.Increment(ref _waiting);
            bool entered;
            try
            {
                entered = await _slots.WaitAsync(limit, cancellation);
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
            }

            if (!entered)
            {
                throw RpcErrors.Exhausted("The service is busy with single checks and other lists; retry later or at another instance.", options.BatchRetryAfterMs);
            }
        }

        return new Slot(this);
    }

    /// <inheritdoc/>
    public void Dispose() => _slots.Dispose();

    private void Release()
    {
        if (options.BatchRestMs > 0 && Environment.TickCount64 - Volatile.Read(ref _lastCheck) < QuietMs)
        {
            _ = ReleaseLaterAsync();
        }
        else
        {
            _slots.Release();
        }

        async Task ReleaseLaterAsync()
        {
            await Task.Delay(options.BatchRestMs);
            try
            {
                _slots.Release();
            }
            catch (ObjectDisposedException)
            {
                // The service has stopped.
            }
        }
    }

    /// <summary>A slot for batch work.</summary>
    internal readonly struct Slot(BatchLimiter? limiter) : IDisposable
    {
        /// <summary>Releases the slot.</summary>
        public void Dispose() => limiter?.Release();
    }
}
