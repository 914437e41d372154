namespace Lookup.Redis.Topology;

/// <summary>A connection that is opened on demand and reused until it is dropped.</summary>
/// <param name="dial">Opens one.</param>
internal sealed class ReusableConnection(Func<CancellationToken, Task<Stream>> dial) : IDisposable
{
    private readonly Lock _lock = new();
    private Stream? _stream;
    private bool _isDisposed;

    /// <summary>The connection; null if there is none.</summary>
    internal Stream? Current => _stream;

    /// <summary>Opens a connection. Do not call while there is one, nor concurrently.</summary>
    /// <exception cref="StoreUnavailableException">No connection was made, or this was disposed.</exception>
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

    /// <summary>Drops the connection: on one that is out of step, an answer would be assigned to the wrong command.</summary>
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
