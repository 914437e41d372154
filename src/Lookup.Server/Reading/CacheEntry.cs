namespace Lookup.Server.Reading;

/// <summary>What the cache holds of one number. The cache disposes of an entry that leaves it.</summary>
internal sealed class CacheEntry : IDisposable
{
    /// <summary>
    /// Bytes of an entry beside its facts: objects, node and bucket of the dictionary, place in a queue. An estimate for
    /// 64 bits.
    /// </summary>
    internal const int Overhead = 200;

    private readonly FactCache _cache;
    private byte[]? _data;

    internal CacheEntry(FactCache cache, byte[] data)
    {
        (_cache, _data) = (cache, data);
        cache.Added();
        cache.SizeChanged(Overhead + data.Length);
    }

    /// <summary>See <see cref="PackedFacts"/>; null once it has left the cache.</summary>
    internal byte[]? Data => Volatile.Read(ref _data);

    internal void TryReplace(byte[] known, byte[] with)
    {
        if (Interlocked.CompareExchange(ref _data, with, known) == known)
        {
            _cache.SizeChanged(with.Length - known.Length);
        }
    }

    /// <summary>Forgets the facts: the cache's queues may keep the entry itself for a while.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _data, null) is { } data)
        {
            _cache.SizeChanged(-Overhead - data.Length);
            _cache.Removed();
        }
    }
}
