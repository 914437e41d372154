// For: single reads of many callers at the cost of a few large ones.
//
// A read alone costs commands, system calls and wake-ups that are worth several decisions. So those that come while others
// are under way gather, and go together as soon as one of the batches ahead of them is back: where nothing is under way a
// read goes at once, and the more there are, the less each costs. Where work is waiting for a thread, the first read lets
// it go ahead: it may be requests that come to read, too. A read is sent after it came, so what it finds is as new as if
// it had gone alone.
//
// Batches are made for each server: one that hangs does not hold up reads of the others.
using System.Runtime.CompilerServices;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Reading;

/// <summary>Reads single numbers, those of one server that come at the same time together. Thread-safe.</summary>
/// <param name="link">Knows who has what.</param>
/// <param name="partitions">The partitions.</param>
/// <param name="batches">Reads batches, over connections that lists do not hold up.</param>
internal sealed class ReadCoalescer(RedisTopology link, PartitionStates partitions, BatchReader batches)
{
    /// <summary>Batches under way at a time, for each server.</summary>
    internal const int Lanes = 2;

    private readonly ConditionalWeakTable<ServerLink, Line> _lines = [];
    private readonly Line _nowhere = new();

    /// <summary>Reads timelines of a number.</summary>
    /// <param name="key">The number.</param>
    /// <param name="ids">Its timelines, up to <see cref="ReadBatch.MaxIds"/>; not looked at any more when this returns.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store cannot answer.</exception>
    internal Task<StoreRead> ReadAsync(NumberPseudonym key, ReadOnlySpan<FactId> ids, CancellationToken cancellation)
    {
        var line = link.TryOf(key.Partition(partitions.Count)) is { } server ? _lines.GetOrAdd(server, static _ => new Line()) : _nowhere;
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

    // Task.WaitAsync takes two objects more for each read.
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
            // Nobody may be waiting any more.
            _ = Task.Exception;
        }
    }

    // Of one server.
    private sealed class Line
    {
        private readonly Lock _lock = new();
        private readonly Stack<Gathering> _idle = new();
        private Gathering? _next;
        private int _underWay;

        /// <summary>Takes a read.</summary>
        /// <returns>Whether a batch is to be begun for it; false where it goes with one that begins without it.</returns>
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

        /// <summary>Takes back what was read, if anything was.</summary>
        /// <returns>What has gathered meanwhile; null ends what was begun.</returns>
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

        /// <summary>Reads it and tells all who wait. Never fails.</summary>
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
                    _waiting[item].Answer(_batch.Take(item));
                }
            }

            _waiting.Clear();
            _batch.Clear();
        }
    }
}
