namespace Lookup.Server.Http;

/// <summary>
/// Bounds the memory of all JSON bodies that are being received or answered: connections times the largest body is more than a machine
/// has. Thread-safe.
/// </summary>
internal sealed class BodyBudget(LookupServerOptions options)
{
    // Checks and small batches are never refused.
    private const int Free = 64 * 1024;

    // Bodies of the largest size at a time.
    private const int MaxLargest = 8;

    private long _held;

    /// <summary>Creates an empty body; disposing of it returns its memory to the budget.</summary>
    /// <param name="capacity">The expected length in bytes.</param>
    internal Body Create(int capacity) => new(this, capacity);

    internal sealed class Body(BodyBudget budget, int capacity) : MemoryStream(capacity)
    {
        private long _held;

        /// <summary>Appends bytes; returns false, and appends none, if the bodies of all requests would exceed the budget.</summary>
        internal bool TryWrite(ReadOnlySpan<byte> bytes)
        {
            var more = Math.Max(0, Length + bytes.Length - Free - _held);
            if (more > 0 && Interlocked.Add(ref budget._held, more) > (long)MaxLargest * budget.Largest)
            {
                Interlocked.Add(ref budget._held, -more);
                return false;
            }

            _held += more;
            Write(bytes);
            return true;
        }

        protected override void Dispose(bool disposing)
        {
            Interlocked.Add(ref budget._held, -_held);
            _held = 0;
            base.Dispose(disposing);
        }
    }

    private int Largest => options.MaxMessageBytes;
}
