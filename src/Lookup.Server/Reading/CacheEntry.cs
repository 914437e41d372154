namespace Lookup.Server.Reading;

/// <summary>The cached facts of one number. The cache disposes of an entry that it removes.</summary>
internal sealed class CacheEntry : IDisposable
{
    /// <summary>
    /// Bytes of an entry without its facts: objects, dictionary node and bucket, queue slot. An estimate for 64 bits.
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

    /// <summary>See <see cref="PackedFacts"/>; null once the entry was removed.</summary>
    internal byte[]? Data => Volatile.Read(ref _data);

    internal void TryReplace(byte[] known, byte[] with)
    {
        if (Interlocked.CompareExchange(ref _data, with, known) == known)
        {
            _cache.SizeChanged(with.Length - known.Length);
        }
    }

    /// <summary>Releases the facts: the cache's queues may keep the entry itself for a while.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _data, null) is { } data)
        {
            _cache.SizeChanged(-Overhead - data.Length);
            _cache.Removed();
        }
    }
}
