namespace Lookup.Redis.Topology;

/// <summary>A connection that is made when it is needed and kept until it is given up.</summary>
/// <param name="dial">Makes one.</param>
internal sealed class ReusableConnection(Func<CancellationToken, Task<Stream>> dial) : IDisposable
{
    private readonly Lock _lock = new();
    private Stream? _stream;
    private bool _isDisposed;

    /// <summary>The connection; null: there is none.</summary>
    internal Stream? Current => _stream;

    /// <summary>Makes one. Not while there is one, and not twice at a time.</summary>
    /// <exception cref="StoreUnavailableException">There is no connection, or this was disposed of.</exception>
    internal async Task<Stream> OpenAsync(CancellationToken cancellation)
    {
        var stream = await dial(cancellation);
        lock (_lock)
        {
            if (_isDisposed)
            {
                stream.Dispose();
                throw RedisFaults.NoServer();
            }

            return _stream = stream;
        }
    }

    /// <summary>Gives it up: on one that is out of step, an answer would be taken for another one's.</summary>
    internal void Drop()
    {
        lock (_lock)
        {
            _stream?.Dispose();
            _stream = null;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _stream?.Dispose();
        }
    }
}
