using StackExchange.Redis;

namespace Lookup.Load.Effect;

/// <summary>The baseline: how long redis itself takes from PUBLISH to its subscribers, on the same server at the same time.</summary>
internal sealed class Bell : IAsyncDisposable
{
    private static readonly RedisChannel Channel = RedisChannel.Literal("effect-baseline");

    private readonly ConnectionMultiplexer[] _subscribers;
    private readonly ConnectionMultiplexer _publisher;

    private Bell(ConnectionMultiplexer[] subscribers, ConnectionMultiplexer publisher)
    {
        _subscribers = subscribers;
        _publisher = publisher;
    }

    /// <param name="redis">Where redis is.</param>
    /// <param name="times">Takes the time from the send of each PUBLISH to each subscriber.</param>
    /// <param name="subscribers">How many connections subscribe.</param>
    internal static async Task<Bell> ConnectAsync(string redis, Arrivals times, int subscribers)
    {
        var connections = new ConnectionMultiplexer[subscribers];
        for (var i = 0; i < subscribers; i++)
        {
            var place = i;
            connections[i] = await ConnectionMultiplexer.ConnectAsync(redis);
            await connections[i].GetSubscriber().SubscribeAsync(Channel, (_, message) => times.Come((int)message, place));
        }

        return new Bell(connections, await ConnectionMultiplexer.ConnectAsync(redis));
    }

    internal Task RingAsync(int number) => _publisher.GetSubscriber().PublishAsync(Channel, number);

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _subscribers)
        {
            await connection.DisposeAsync();
        }

        await _publisher.DisposeAsync();
    }
}
