using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Sharing;

/// <summary>The checks with one question: counts those under way, and keeps one stream open while there are several.</summary>
internal sealed class SharedLane(
    CheckStreamOpen open,
    Func<CancellationToken, AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse>> connect,
    LookupClientOptions options) : IDisposable
{
    // After a shared answer its callers return one by one with their next checks: the first of them is not alone.
    private const long StaysBusyMs = 2;

    private readonly Lock _gate = new();
    private SharedStream? _stream;
    private SharedStream? _opening;
    private int _underWay;
    private long _sharedAt = -StaysBusyMs;
    private long _pausedUntil;
    private bool _disposed;

    /// <summary>Whether nothing is under way and no stream is open.</summary>
    public bool IsIdle => Volatile.Read(ref _underWay) == 0 && _stream is null && _opening is null;

    public bool Fits(Question question, CheckOptions asked) =>
        open.AllReasons == asked.AllReasons && open.DefaultRegion == asked.DefaultRegion && open.Question.Equals(question);

    /// <summary>Counts a check as under way until <see cref="Leave"/>.</summary>
    /// <returns>The stream to share; null if the check is alone, or no stream is open yet.</returns>
    public SharedStream? Enter()
    {
        if (Interlocked.Increment(ref _underWay) == 1 && Environment.TickCount64 - Volatile.Read(ref _sharedAt) > StaysBusyMs)
        {
            return null;
        }

        if (Volatile.Read(ref _stream) is { } stream)
        {
            return stream;
        }

        if (_opening is null && Environment.TickCount64 >= Volatile.Read(ref _pausedUntil))
        {
            Open();
        }

        return null;
    }

    public void Leave() => Interlocked.Decrement(ref _underWay);

    /// <summary>Records that several checks were answered together.</summary>
    public void MarkShared() => Volatile.Write(ref _sharedAt, Environment.TickCount64);

    /// <summary>Gives new checks an accepted stream.</summary>
    public void Publish(SharedStream stream)
    {
        lock (_gate)
        {
            if (_opening == stream)
            {
                (_stream, _opening) = (stream, null);
            }
        }
    }

    /// <summary>Stops giving checks a stream. New ones go alone for a while, then another stream is opened.</summary>
    public void Retire(SharedStream stream, TimeSpan pause)
    {
        lock (_gate)
        {
            if (_stream != stream && _opening != stream)
            {
                return;
            }

            (_stream, _opening) = (null, null);
            Volatile.Write(ref _pausedUntil, Environment.TickCount64 + (long)pause.TotalMilliseconds);
        }
    }

    public void Dispose()
    {
        SharedStream? stream;
        SharedStream? opening;
        lock (_gate)
        {
            _disposed = true;
            (stream, opening) = (_stream, _opening);
        }

        stream?.End();
        opening?.End();
    }

    private void Open()
    {
        SharedStream stream;
        lock (_gate)
        {
            if (_disposed || _stream is not null || _opening is not null)
            {
                return;
            }

            _opening = stream = new SharedStream(this, open, connect, options);
        }

        // Not in the context of the check that happens to be second.
        ThreadPool.UnsafeQueueUserWorkItem(static stream => _ = stream.RunAsync(), stream, preferLocal: false);
    }
}
