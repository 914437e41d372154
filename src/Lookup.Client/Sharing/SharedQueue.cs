using System.Diagnostics.CodeAnalysis;
using Lookup.V1;

namespace Lookup.Client.Sharing;

/// <summary>The checks of a stream: those that gather, and those of each chunk without an answer. Not thread-safe.</summary>
internal sealed class SharedQueue
{
    /// <summary>The most numbers that the service accepts in a chunk of single checks.</summary>
    internal const int MaxChunk = 256;

    // More chunks under way are smaller, and so cost more.
    private const int Window = 1;

    /// <summary>A stream without work is closed after this time, which frees the service's stream.</summary>
    internal static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(30);

    private readonly Queue<SharedCheck[]> _sent = [];
    private List<SharedCheck> _waiting = [];
    private ulong _lastSent;
    private ulong _lastAnswered;
    private long _used = Environment.TickCount64;

    /// <summary>Whether checks gather and a chunk may be sent.</summary>
    internal bool MaySend => _waiting.Count > 0 && _sent.Count < Window;

    internal void Add(SharedCheck check) => _waiting.Add(check);

    /// <summary>Moves the gathered checks into a chunk; null if all of them have their result, by cancellation.</summary>
    internal CheckStreamChunk? Pack()
    {
        _waiting.RemoveAll(static check => check.Task.IsCompleted);
        if (_waiting.Count == 0)
        {
            return null;
        }

        var checks = new SharedCheck[Math.Min(_waiting.Count, MaxChunk)];
        _waiting.CopyTo(0, checks, 0, checks.Length);
        _waiting.RemoveRange(0, checks.Length);
        _sent.Enqueue(checks);
        var chunk = new CheckStreamChunk { Sequence = ++_lastSent };
        chunk.Numbers.Capacity = checks.Length;
        foreach (var check in checks)
        {
            chunk.Numbers.Add(check.Value);
        }

        return chunk;
    }

    /// <summary>Removes the chunk that an answer belongs to.</summary>
    /// <returns>False if the answer does not belong to the oldest chunk, or does not match it.</returns>
    internal bool TryTake(CheckStreamResponse answer, [NotNullWhen(true)] out SharedCheck[]? checks)
    {
        if (!_sent.TryPeek(out checks) || answer.Sequence != _lastAnswered + 1 || !SharedAnswer.Matches(answer, checks.Length))
        {
            return false;
        }

        _sent.Dequeue();
        _lastAnswered++;
        _used = Environment.TickCount64;
        return true;
    }

    /// <summary>Returns the checks whose time is over, and removes those that were not sent.</summary>
    /// <param name="now">Now, in <see cref="Environment.TickCount64"/>.</param>
    /// <param name="isSilent">Whether the service left one without an answer.</param>
    internal List<SharedCheck> TakeDue(long now, out bool isSilent)
    {
        List<SharedCheck> due = [.. _sent.SelectMany(static chunk => chunk).Where(check => check.Due <= now)];
        isSilent = due.Count > 0;
        due.AddRange(_waiting.Where(check => check.Due <= now));
        _waiting.RemoveAll(check => check.Due <= now);
        return due;
    }

    /// <summary>Whether a check waits for an answer.</summary>
    internal bool IsOwed(long now) => NextDue(now) is not null;

    internal bool IsIdle(long now) => _sent.Count == 0 && _waiting.Count == 0 && now - _used >= (long)IdleLimit.TotalMilliseconds;

    /// <summary>Returns when the next check is due; null if none waits.</summary>
    internal long? NextDue(long now) =>
        _sent.SelectMany(static chunk => chunk).Concat(_waiting).Where(check => check.Due > now).Min(static check => (long?)check.Due);

    internal List<SharedCheck> TakeWaiting()
    {
        var waiting = _waiting;
        _waiting = [];
        return waiting;
    }

    internal List<SharedCheck> TakeSent()
    {
        List<SharedCheck> sent = [.. _sent.SelectMany(static chunk => chunk)];
        _sent.Clear();
        return sent;
    }
}
