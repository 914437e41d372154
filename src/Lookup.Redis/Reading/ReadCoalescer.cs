// For: single reads of many callers at the cost of a few large ones.
//
// A single read costs commands, system calls and wake-ups that are worth several decisions. So reads that arrive while others are in
// progress gather, and are sent together when one of the batches ahead of them returns: an idle store is read immediately, and the
// more reads there are, the less each costs. If work is waiting for a thread, the first read lets it run first: it may be requests
// that read too. A read is sent after it arrived, so its result is as new as if it had been sent alone.
//
// Each server has its own batches: one that hangs does not delay reads of the others.
using System.Runtime.CompilerServices;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Reading;

/// <summary>Reads single numbers, combining concurrent reads of one server. Thread-safe.</summary>
/// <param name="link">Knows which server has a partition.</param>
/// <param name="partitions">The partitions.</param>
/// <param name="batches">Reads batches, over connections that lists do not block.</param>
internal sealed class ReadCoalescer(RedisTopology link, PartitionStates partitions, BatchReader batches)
{
    /// <summary>Concurrent batches per server.</summary>
    internal const int Lanes = 2;

    private readonly ConditionalWeakTable<ServerLink, Line> _lines = [];
    private readonly Line _nowhere = new();

    /// <summary>Reads timelines of a number.</summary>
    /// <param name="key">The number.</param>
    /// <param name="ids">Its timelines, up to <see cref="ReadBatch.MaxIds"/>; not used after this returns.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer.</exception>
    internal Task<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlySpan<FactId> ids, CancellationToken cancellation)
    {
        var line = link.FindServer(key.Partition(partitions.Count)) is { } server ? _lines.GetOrAdd(server, static _ => new Line()) : _nowhere;
        var waiting = new Waiting(cancellation);
        if (line.Enter(key, ids, waiting))
        {
            _ = RunAsync(line);
        }

        return waiting.Task;
    }

    private async Task RunAsync(Line line)
    {
        if (ThreadPool.PendingWorkItemCount > 0)
        {
            await Task.Yield();
        }

        Gathering? gathering = null;
        while ((gathering = line.Next(gathering)) is not null)
        {
            await gathering.ReadAsync(batches);
        }
    }

    // Task.WaitAsync would allocate two more objects per read.
    private sealed class Waiting : TaskCompletionSource<StoreRead>
    {
        private readonly CancellationTokenRegistration _givesUp;

        internal Waiting(CancellationToken cancellation)
            : base(TaskCreationOptions.RunContinuationsAsynchronously)
        {
            _givesUp = cancellation.UnsafeRegister(static (waiting, token) => ((Waiting)waiting!).TrySetCanceled(token), this);
        }

        internal void Answer(in StoreRead read)
        {
            _givesUp.Unregister();
            TrySetResult(read);
        }

        internal void Fail(StoreUnavailableException fault)
        {
            _givesUp.Unregister();
            TrySetException(fault);
            // Observe the exception: no caller may be waiting any more.
            _ = Task.Exception;
        }
    }

    // The reads of one server.
    private sealed class Line
    {
        private readonly Lock _lock = new();
        private readonly Stack<Gathering> _idle = new();
        private Gathering? _next;
        private int _underWay;

        /// <summary>Adds a read.</summary>
        /// <returns>True if a batch must be started for it; false if it joins one that starts without it.</returns>
        internal bool Enter(NumberPseudonym key, ReadOnlySpan<FactId> ids, Waiting waiting)
        {
            lock (_lock)
            {
                _next ??= _idle.TryPop(out var idle) ? idle : new Gathering();
                if (!_next.TryAdd(key, ids, waiting))
                {
                    throw RedisFaults.TooManyReads();
                }

                if (_underWay == Lanes)
                {
                    return false;
                }

                _underWay++;
                return true;
            }
        }

        /// <summary>Returns a batch that was read, if any.</summary>
        /// <returns>The reads that have gathered in the meantime; null ends the loop.</returns>
        internal Gathering? Next(Gathering? read)
        {
            lock (_lock)
            {
                if (read is not null)
                {
                    _idle.Push(read);
                }

                var next = _next;
                _next = null;
                if (next is null)
                {
                    _underWay--;
                }

                return next;
            }
        }
    }

    private sealed class Gathering
    {
        private readonly ReadBatch _batch = new();
        private readonly List<Waiting> _waiting = [];

        internal bool TryAdd(NumberPseudonym key, ReadOnlySpan<FactId> ids, Waiting waiting)
        {
            if (_batch.Count == ReadBatch.MaxItems || _batch.ValueCount + ids.Length > ReadBatch.MaxValues)
            {
                return false;
            }

            _batch.Add(key, ids);
            _waiting.Add(waiting);
            return true;
        }

        /// <summary>Reads the batch and completes all waiting reads. Never fails.</summary>
        internal async Task ReadAsync(BatchReader batches)
        {
            StoreUnavailableException? fault = null;
            try
            {
                await batches.ReadAsync(_batch, CancellationToken.None);
            }
            catch (Exception e)
            {
                fault = RedisFaults.Map(e);
            }

            for (var item = 0; item < _waiting.Count; item++)
            {
                if ((fault ?? _batch.Fault(item)) is { } known)
                {
                    _waiting[item].Fail(known);
                }
                else
                {
                    _waiting[item].Answer(_batch.ToStoreRead(item));
                }
            }

            _waiting.Clear();
            _batch.Clear();
        }
    }
}
