namespace Lookup.Server.Http;

/// <summary>
/// Bounds the memory of all JSON bodies that are being received or answered, and of all gRPC messages that are being received: calls times
/// the largest message is more than a machine has. Thread-safe.
/// </summary>
internal sealed class BodyBudget(LookupServerOptions options)
{
    // Messages of the largest size at a time.
    private const int MaxLargest = 16;

    private long _held;

    private long Max => (long)MaxLargest * options.MaxMessageBytes;

    /// <summary>Creates an empty JSON body; disposing of it returns its memory to the budget.</summary>
    /// <param name="capacity">The expected length in bytes.</param>
    internal Body Create(int capacity) => new(this, capacity);

    private bool TryAdd(long more)
    {
        while (true)
        {
            var held = Volatile.Read(ref _held);
            if (more > 0 && held + more > Max)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _held, held + more, held) == held)
            {
                return true;
            }
        }
    }

    /// <summary>What one call takes of the budget. One caller at a time.</summary>
    /// <param name="budget">The budget.</param>
    /// <param name="free">Bytes that do not count: what is smaller is never refused.</param>
    internal sealed class Share(BodyBudget budget, int free)
    {
        private long _held;

        /// <summary>Takes the memory of a length in bytes, or returns what is no longer needed; returns false, and changes nothing, if the budget has too little.</summary>
        internal bool TryResize(long length)
        {
            var wanted = Math.Max(0, length - free);
            if (wanted != _held && !budget.TryAdd(wanted - _held))
            {
                return false;
            }

            _held = wanted;
            return true;
        }
    }

    internal sealed class Body(BodyBudget budget, int capacity) : MemoryStream(capacity)
    {
        // Checks and small batches.
        private const int Free = 64 * 1024;

        private readonly Share _share = new(budget, Free);

        /// <summary>Appends bytes; returns false, and appends none, if the bodies of all requests would exceed the budget.</summary>
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
            _share.TryResize(0);
            base.Dispose(disposing);
        }
    }
}
