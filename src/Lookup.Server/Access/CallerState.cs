using System.Collections.Concurrent;
using System.Diagnostics;
using Lookup.Redis.Credentials;

namespace Lookup.Server.Access;

/// <summary>What is counted of one credential at this instance, whichever state of the store it is in. Thread-safe.</summary>
internal sealed class CallerState
{
    private long _next;
    private int _streams;
    private EnumerationDetector? _ranges;
    private int _perSecond;
    private int _maxStreams;
    private int _maxChunk;
    private long _logged = long.MinValue;

    internal static CallerState Unlimited { get; } = new();

    /// <summary>Most numbers in a chunk; 0: no limit of its own.</summary>
    internal int MaxChunk => Volatile.Read(ref _maxChunk);

    /// <summary>Most streams at a time; 0: no limit of its own, but a share of what the service takes.</summary>
    internal int MaxStreams => Volatile.Read(ref _maxStreams);

    internal void Limit(StoredCredential credential)
    {
        Volatile.Write(ref _perSecond, credential.RequestsPerSecond);
        Volatile.Write(ref _maxStreams, credential.MaxStreams);
        Volatile.Write(ref _maxChunk, credential.MaxChunk);
    }

    /// <summary>
    /// Takes one request of those that a second has: as many as the limit at once, then one after another (GCRA, which is a token
    /// bucket that keeps the time when it will be full).
    /// </summary>
    /// <param name="now">Timestamp of the clock.</param>
    /// <param name="wait">Where there is none left: how long to wait for the next.</param>
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

    /// <summary>The numbers that it asks for.</summary>
    internal EnumerationDetector Ranges => Volatile.Read(ref _ranges) ?? MakeRanges();

    /// <summary>Whether a pause has gone by since this was true.</summary>
    internal bool MayLog(long now, TimeSpan pause, TimeProvider clock)
    {
        var logged = Volatile.Read(ref _logged);
        return (logged == long.MinValue || clock.GetElapsedTime(logged, now) >= pause)
            && Interlocked.CompareExchange(ref _logged, now, logged) == logged;
    }

    private EnumerationDetector MakeRanges()
    {
        Interlocked.CompareExchange(ref _ranges, new EnumerationDetector(), null);
        return _ranges!;
    }

    /// <summary>Takes a place for a stream.</summary>
    /// <param name="share">Most streams of a credential that has no limit of its own.</param>
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
    // Bounded by the credentials that a store takes.
    private readonly ConcurrentDictionary<string, CallerState> _states = new(StringComparer.Ordinal);

    internal CallerState Of(StoredCredential credential)
    {
        var state = _states.GetOrAdd(credential.Id, static _ => new CallerState());
        state.Limit(credential);
        return state;
    }
}
