using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Http;

/// <summary>
/// Bounds the memory of all JSON bodies that are being received or answered, and of all gRPC messages that are being received: calls times
/// the largest message is more than a machine has. One caller, a credential or without credentials an address, gets half of it, so that it
/// cannot shut out the others. Thread-safe.
/// </summary>
internal sealed class BodyBudget(LookupServerOptions options)
{
    // Messages of the largest size at a time.
    private const int MaxLargest = 16;
    private const int MaxLargestOfCaller = MaxLargest / 2;

    // Callers with a large message. One leaves with its last.
    private readonly ConcurrentDictionary<string, Holder> _holders = new(StringComparer.Ordinal);
    private long _held;

    /// <summary>Callers that hold a part of the budget.</summary>
    internal int Holders => _holders.Count;

    /// <summary>Creates an empty JSON body; disposing of it returns its memory to the budget.</summary>
    /// <param name="context">The request.</param>
    /// <param name="capacity">The expected length in bytes.</param>
    internal Body Create(HttpContext context, int capacity) => new(this, context, capacity);

    private bool TryAdd(Holder holder, long more)
    {
        if (!TryAdd(ref holder.Held, more, (long)MaxLargestOfCaller * options.MaxMessageBytes))
        {
            return false;
        }

        if (TryAdd(ref _held, more, (long)MaxLargest * options.MaxMessageBytes))
        {
            return true;
        }

        Interlocked.Add(ref holder.Held, -more);
        return false;
    }

    private static bool TryAdd(ref long counter, long more, long max)
    {
        while (true)
        {
            var held = Volatile.Read(ref counter);
            if (more > 0 && held + more > max)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref counter, held + more, held) == held)
            {
                return true;
            }
        }
    }

    private Holder HolderOf(HttpContext context)
    {
        var name = context.Features.Get<ICallerFeature>()?.Id ?? context.Connection.RemoteIpAddress?.ToString() ?? "";
        while (true)
        {
            var holder = _holders.GetOrAdd(name, static name => new Holder(name));
            if (holder.TryEnter())
            {
                return holder;
            }
        }
    }

    private void Leave(Holder holder)
    {
        if (holder.Leave())
        {
            _holders.TryRemove(KeyValuePair.Create(holder.Name, holder));
        }
    }

    /// <summary>What one call takes of the budget. One caller at a time.</summary>
    /// <param name="budget">The budget.</param>
    /// <param name="context">The call.</param>
    /// <param name="free">Bytes that do not count: what is smaller is never refused.</param>
    internal sealed class Share(BodyBudget budget, HttpContext context, int free)
    {
        private Holder? _holder;
        private long _held;

        /// <summary>Takes the memory of a length in bytes, or returns what is no longer needed; returns false, and changes nothing, if the budget has too little.</summary>
        internal bool TryResize(long length)
        {
            var wanted = Math.Max(0, length - free);
            if (wanted == _held)
            {
                return true;
            }

            _holder ??= budget.HolderOf(context);
            if (!budget.TryAdd(_holder, wanted - _held))
            {
                return false;
            }

            _held = wanted;
            return true;
        }

        /// <summary>Returns everything.</summary>
        internal void Release()
        {
            TryResize(0);
            if (_holder is { } holder)
            {
                _holder = null;
                budget.Leave(holder);
            }
        }
    }

    internal sealed class Body(BodyBudget budget, HttpContext context, int capacity) : MemoryStream(capacity)
    {
        // Checks and small batches.
        private const int Free = 64 * 1024;

        private readonly Share _share = new(budget, context, Free);

        /// <summary>Appends bytes; returns false, and appends none, if the bodies of all requests, or of this caller's, would exceed the budget.</summary>
        internal bool TryWrite(ReadOnlySpan<byte> bytes)
        {
            if (!_share.TryResize(Length + bytes.Length))
            {
                return false;
            }

            Write(bytes);
            return true;
        }

        protected override void Dispose(bool disposing)
        {
            _share.Release();
            base.Dispose(disposing);
        }
    }

    /// <summary>A caller's part of the budget, as long as one of its calls has some.</summary>
    internal sealed class Holder(string name)
    {
        private const int Gone = -1;

        private int _calls;

        internal long Held;

        internal string Name => name;

        /// <summary>Adds a call; returns false if the last one has left and the holder is being removed.</summary>
        internal bool TryEnter()
        {
            while (true)
            {
                var calls = Volatile.Read(ref _calls);
                if (calls == Gone)
                {
                    return false;
                }

                if (Interlocked.CompareExchange(ref _calls, calls + 1, calls) == calls)
                {
                    return true;
                }
            }
        }

        /// <summary>Removes a call; returns true if it was the last.</summary>
        internal bool Leave() => Interlocked.Decrement(ref _calls) == 0 && Interlocked.CompareExchange(ref _calls, Gone, 0) == 0;
    }
}
