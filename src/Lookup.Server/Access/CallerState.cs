using System.Collections.Concurrent;
using System.Diagnostics;
using Lookup.Redis.Credentials;

namespace Lookup.Server.Access;

/// <summary>The counters and limits of one credential at this instance. Thread-safe.</summary>
internal sealed class CallerState
{
    private long _next;
    private int _streams;
    private EnumerationDetector? _enumeration;
    private int _perSecond;
    private int _maxStreams;
    private int _maxChunk;
    private long _logged = long.MinValue;

    internal static CallerState Unlimited { get; } = new();

    /// <summary>Maximum numbers in a chunk; 0: no own limit.</summary>
    internal int MaxChunk => Volatile.Read(ref _maxChunk);

    /// <summary>Maximum open streams; 0: no own limit, but a share of the service's limit.</summary>
    internal int MaxStreams => Volatile.Read(ref _maxStreams);

    internal void Limit(StoredCredential credential)
    {
        Volatile.Write(ref _perSecond, credential.RequestsPerSecond);
        Volatile.Write(ref _maxStreams, credential.MaxStreams);
        Volatile.Write(ref _maxChunk, credential.MaxChunk);
    }

    /// <summary>
    /// Takes one request from the limit per second: a burst up to the limit, then evenly spaced (GCRA, a token bucket that stores the
    /// time when it will be full).
    /// </summary>
    /// <param name="now">Timestamp of the clock.</param>
    /// <param name="wait">If the limit is reached, the time until the next request is allowed.</param>
    internal bool TryTake(long now, out TimeSpan wait)
    {
        wait = default;
        var perSecond = Volatile.Read(ref _perSecond);
        if (perSecond == 0)
        {
            return true;
        }

        var step = Stopwatch.Frequency / perSecond;
        var burst = Stopwatch.Frequency;
        while (true)
        {
            var next = Volatile.Read(ref _next);
            var begin = Math.Max(next, now);
            if (begin + step - now > burst)
            {
                wait = Stopwatch.GetElapsedTime(now + burst, begin + step);
                return false;
            }

            if (Interlocked.CompareExchange(ref _next, begin + step, next) == next)
            {
                return true;
            }
        }
    }

    /// <summary>The credential's enumeration detector.</summary>
    internal EnumerationDetector Enumeration => Volatile.Read(ref _enumeration) ?? CreateDetector();

    /// <summary>Returns true if it did not return true within the pause.</summary>
    internal bool MayLog(long now, TimeSpan pause, TimeProvider clock)
    {
        var logged = Volatile.Read(ref _logged);
        return (logged == long.MinValue || clock.GetElapsedTime(logged, now) >= pause)
            && Interlocked.CompareExchange(ref _logged, now, logged) == logged;
    }

    private EnumerationDetector CreateDetector()
    {
        Interlocked.CompareExchange(ref _enumeration, new EnumerationDetector(), null);
        return _enumeration!;
    }

    /// <summary>Counts a new stream, unless the limit is reached.</summary>
    /// <param name="share">The limit of a credential without its own.</param>
    internal bool TryOpenStream(int share)
    {
        var max = MaxStreams is > 0 and var own ? own : share;
        if (Interlocked.Increment(ref _streams) <= max)
        {
            return true;
        }

        CloseStream();
        return false;
    }

    internal void CloseStream() => Interlocked.Decrement(ref _streams);
}

/// <summary>The states of all credentials. Thread-safe.</summary>
internal sealed class CallerStates
{
    // Bounded by the store's limit of credentials.
    private readonly ConcurrentDictionary<string, CallerState> _states = new(StringComparer.Ordinal);

    internal CallerState Of(StoredCredential credential)
    {
        var state = _states.GetOrAdd(credential.Id, static _ => new CallerState());
        state.Limit(credential);
        return state;
    }
}
