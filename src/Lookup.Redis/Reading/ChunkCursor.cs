namespace Lookup.Redis.Reading;

/// <summary>Iterates over a batch in pieces of one partition each, in the same order for the sender and the reader.</summary>
internal struct ChunkCursor(int[] partitions)
{
    /// <summary>Maximum number of items in a piece. Each piece must be answered within the time limit of a read.</summary>
    internal const int MaxItems = 512;

    private int _next;
    private int _at = -1;

    internal readonly int Partition => partitions[_at];

    internal int First { get; private set; }

    internal int Count { get; private set; }

    internal bool MoveNext(ReadBatch batch)
    {
        while (_at < 0 || _next == batch.Items(Partition).Length)
        {
            if (_at + 1 >= partitions.Length)
            {
                return false;
            }

            _at++;
            _next = 0;
        }

        First = _next;
        Count = Math.Min(MaxItems, batch.Items(Partition).Length - First);
        _next += Count;
        return true;
    }
}
