namespace Lookup.Redis.Topology;

/// <summary>Keeps one object per server, made on first use. Objects of servers that left are disposed. Thread-safe.</summary>
/// <param name="make">Makes one.</param>
internal sealed class PerServer<T>(Func<ServerLink, T> make) : IDisposable
    where T : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ServerLink, T> _all = [];
    private bool _isDisposed;

    /// <summary>Returns the object of a server.</summary>
    /// <exception cref="StoreUnavailableException">This was disposed.</exception>
    internal T Get(ServerLink server)
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                throw RedisFaults.NoServer();
            }

            if (_all.TryGetValue(server, out var known))
            {
                return known;
            }

            foreach (var (left, old) in _all.Where(one => one.Key.IsClosed).ToList())
            {
                _all.Remove(left);
                old.Dispose();
            }

            return _all[server] = make(server);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            foreach (var one in _all.Values)
            {
                one.Dispose();
            }
        }
    }
}
