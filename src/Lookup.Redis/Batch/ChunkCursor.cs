namespace Lookup.Redis.Batch;

/// <summary>Goes through a batch in pieces of one partition each, the same way for the one who sends and the one who reads.</summary>
internal struct ChunkCursor(int partitions)
{
    /// <summary>Most items of a piece. Each piece must be answered within the limit for a read.</summary>
    internal const int MaxItems = 512;

    private int _next;

    internal int Partition { get; private set; } = -1;

    internal int First { get; private set; }

    internal int Count { get; private set; }

    internal bool MoveNext(ReadBatch batch)
    {
        while (Partition < 0 || _next == batch.Items(Partition).Length)
        {
            if (Partition + 1 >= partitions)
                return false;
            Partition++;
            _next = 0;
        }

        First = _next;
        Count = Math.Min(MaxItems, batch.Items(Partition).Length - First);
        _next += Count;
        return true;
    }
}
