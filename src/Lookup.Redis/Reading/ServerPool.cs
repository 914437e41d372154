using Lookup.Redis.Following;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Reading;

/// <summary>A few connections to one server for batches, opened on demand.</summary>
internal sealed class ServerPool(
    RedisTopology link, ServerLink server, PartitionStates partitions, Fences fences, KeyRotationState keys) : IDisposable
{
    /// <summary>Number of connections and so of concurrent batches; others wait.</summary>
    internal const int MaxConnections = 4;

    // After a failed attempt to connect, calls fail immediately for this time.
    private static readonly TimeSpan BackOff = TimeSpan.FromMilliseconds(250);

    private readonly SemaphoreSlim _places = new(MaxConnections);
    private readonly Lock _lock = new();
    private readonly Stack<BatchConnection> _idle = new();
    private long? _failed;
    private bool _isDisposed;

    /// <summary>Reads the items of some partitions. Items that cannot be read get a fault.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    internal async Task ReadAsync(ReadBatch batch, int[] own, CancellationToken cancellation)
    {
        await _places.WaitAsync(cancellation);
        try
        {
            await ReadOnAnyAsync(batch, own, cancellation);
        }
        catch (StoreUnavailableException e)
        {
            batch.SetFaultOfUnanswered(own, e);
        }
        finally
        {
            _places.Release();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
        }

        while (TakeIdle() is { } connection)
        {
            connection.Dispose();
        }
    }

    private async Task ReadOnAnyAsync(ReadBatch batch, int[] own, CancellationToken cancellation)
    {
        var ended = server.Circuit.EnterRead();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, ended);
        var connection = TakeIdle();
        try
        {
            var mayBeStale = connection is not null;
            connection ??= await OpenAsync(stop.Token);
            try
            {
                await connection.ReadAsync(batch, own, stop.Token);
            }
            catch (StoreUnavailableException e) when (mayBeStale && e.Fault == StoreFault.Unreachable && !connection.HasHeard)
            {
                // The server closed the idle connection, as it does on a restart.
                connection.Dispose();
                connection = null;
                connection = await OpenAsync(stop.Token);
                await connection.ReadAsync(batch, own, stop.Token);
            }

            server.Circuit.Answered();
        }
        catch (StoreUnavailableException e)
        {
            if (e.Fault == StoreFault.Timeout)
            {
                server.Circuit.Missed();
            }
            else if (connection is { HasHeard: true })
            {
                server.Circuit.Answered();
            }

            throw;
        }
        catch (OperationCanceledException)
        {
            if (!cancellation.IsCancellationRequested)
            {
                throw RedisFaults.Open();
            }

            if (connection is not { HasHeard: true })
            {
                server.Circuit.Missed();
            }

            throw;
        }
        finally
        {
            if (connection is not null)
            {
                Return(connection);
            }
        }
    }

    private async Task<BatchConnection> OpenAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_failed is { } failed && link.Clock.GetElapsedTime(failed) < BackOff)
            {
                throw RedisFaults.Open();
            }
        }

        try
        {
            var stream = await RedisConnector.ConnectAsync(link.Options, server.Server, link.Clock, cancellation);
            return new BatchConnection(
                stream, partitions, keys, link.Clock, TimeSpan.FromMilliseconds(link.Options.ReadTimeoutMs), fences.IsOn ? fences : null);
        }
        catch (StoreUnavailableException)
        {
            lock (_lock)
            {
                _failed = link.Clock.GetTimestamp();
            }

            throw;
        }
    }

    private BatchConnection? TakeIdle()
    {
        lock (_lock)
        {
            return _idle.TryPop(out var connection) ? connection : null;
        }
    }

    private void Return(BatchConnection connection)
    {
        lock (_lock)
        {
            if (connection.IsUsable && !_isDisposed)
            {
                _idle.Push(connection);
                return;
            }
        }

        connection.Dispose();
    }
}
