using System.Collections.Concurrent;

namespace Lookup.Cli.Sip;

/// <summary>The transactions that are under way, with one timer for all of them.</summary>
internal sealed class SipTransactions : IAsyncDisposable
{
    /// <summary>Most transactions at a time; some 1 KB each.</summary>
    public const int Max = 100_000;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<string, SipTransaction> _byKey = new(StringComparer.Ordinal);
    private readonly PriorityQueue<SipTransaction, long> _due = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private int _count;

    public SipTransactions()
    {
        _loop = RunAsync();
    }

    // ConcurrentDictionary.Count takes every lock of the dictionary, and each call asks for it.
    public int Count => Volatile.Read(ref _count);

    public SipTransaction? Find(string key) => _byKey.GetValueOrDefault(key);

    /// <summary>Adds a transaction; false if there is one with its key.</summary>
    public bool TryAdd(SipTransaction transaction)
    {
        if (!_byKey.TryAdd(transaction.Key, transaction))
        {
            return false;
        }

        Interlocked.Increment(ref _count);
        lock (_due)
        {
            _due.Enqueue(transaction, Environment.TickCount64 + (long)Tick.TotalMilliseconds);
        }

        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Tick);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                Step(Environment.TickCount64);
            }
        }
        catch (OperationCanceledException)
        {
            // The gate stops.
        }
    }

    private void Step(long now)
    {
        while (true)
        {
            SipTransaction? transaction;
            lock (_due)
            {
                if (!_due.TryPeek(out transaction, out var due) || due > now)
                {
                    return;
                }

                _due.Dequeue();
            }

            if (transaction.Step() is { } wait)
            {
                lock (_due)
                {
                    _due.Enqueue(transaction, now + (long)wait.TotalMilliseconds);
                }
            }
            else
            {
                _byKey.TryRemove(transaction.Key, out _);
                Interlocked.Decrement(ref _count);
            }
        }
    }
}
