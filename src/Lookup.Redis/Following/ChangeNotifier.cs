using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>
/// Rings when facts were written: the scripts that write publish to a channel of the store, and whoever follows polls at
/// once. A ring that is lost costs a follower nothing but the rest of its pause.
/// </summary>
internal sealed class ChangeNotifier(RedisTopology link, StoreManifest manifest)
{
    private readonly Lock _lock = new();
    private Action[] _heard = [];
    private bool _follows;
    private ServerLink? _server;

    /// <summary>What the scripts publish to; empty where the server has no channels, for then there is only this process.</summary>
    internal static RedisValue ChannelOf(RedisTopology link, StoreManifest manifest) =>
        link.HasChannels ? "lookup:changed:" + StoreManifestFormat.Epoch(manifest.Epoch) : "";

    /// <summary>Calls back at every ring until the result is disposed of; on any thread, so it must not block.</summary>
    internal IDisposable Listen(Action heard)
    {
        lock (_lock)
        {
            _heard = [.. _heard, heard];
            if (link.HasChannels && !_follows)
            {
                _follows = true;
                link.Moved += Subscribe;
            }
        }

        if (link.HasChannels)
        {
            Subscribe();
        }

        return new Listener(this, heard);
    }

    // The nodes of a cluster pass on what is published at any of them.
    private void Subscribe()
    {
        lock (_lock)
        {
            var server = link.TryOf(Keys.Shared);
            if (server is null || server == _server || _heard.Length == 0)
            {
                return;
            }

            _server = server;
            // The client subscribes again by itself after each break. Without a connection there is nothing to hear.
            _ = server.Multiplexer.GetSubscriber().SubscribeAsync(
                RedisChannel.Literal((string)ChannelOf(link, manifest)!), (_, _) => Ring(), CommandFlags.FireAndForget);
        }
    }

    /// <summary>This process wrote. A channel brings that back to it.</summary>
    internal void Wrote()
    {
        if (!link.HasChannels)
        {
            Ring();
        }
    }

    private void Ring()
    {
        foreach (var heard in Volatile.Read(ref _heard))
        {
            heard();
        }
    }

    private sealed class Listener(ChangeNotifier bell, Action heard) : IDisposable
    {
        public void Dispose()
        {
            lock (bell._lock)
            {
                bell._heard = [.. bell._heard.Where(h => h != heard)];
            }
        }
    }
}
