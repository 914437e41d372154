using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Following;

/// <summary>
/// Notifies followers that facts were written, so that they poll immediately: the scripts that write publish to a channel of the
/// store. A lost notification only delays a follower until its next poll.
/// </summary>
internal sealed class ChangeNotifier(RedisTopology link, StoreManifest manifest)
{
    private readonly Lock _lock = new();
    private Action[] _heard = [];
    private bool _follows;
    private ServerLink? _server;

    /// <summary>
    /// Returns the channel to which the scripts publish; empty if the server has no channels, because then this process is the
    /// only one.
    /// </summary>
    internal static RedisValue ChannelOf(RedisTopology link, StoreManifest manifest) =>
        link.HasChannels ? "lookup:changed:" + StoreManifestFormat.Epoch(manifest.Epoch) : "";

    /// <summary>Calls back at every notification until the result is disposed. Runs on any thread, so it must not block.</summary>
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

    // Cluster nodes forward what is published at any of them.
    private void Subscribe()
    {
        lock (_lock)
        {
            var server = link.FindServer(Keys.Shared);
            if (server is null || server == _server || _heard.Length == 0)
            {
                return;
            }

            _server = server;
            // The client subscribes again by itself after each disconnection. Without a connection there is nothing to receive.
            _ = server.Multiplexer.GetSubscriber().SubscribeAsync(
                RedisChannel.Literal((string)ChannelOf(link, manifest)!), (_, _) => Ring(), CommandFlags.FireAndForget);
        }
    }

    /// <summary>Reports a write of this process. With a channel, the notification returns through it.</summary>
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

    private sealed class Listener(ChangeNotifier notifier, Action heard) : IDisposable
    {
        public void Dispose()
        {
            lock (notifier._lock)
            {
                notifier._heard = [.. notifier._heard.Where(h => h != heard)];
            }
        }
    }
}
