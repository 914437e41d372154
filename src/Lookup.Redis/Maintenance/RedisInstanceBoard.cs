using System.Globalization;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>Keeps the summaries in one hash, in the slot of the manifest. A summary that is not renewed for half a minute expires.</summary>
internal sealed class RedisInstanceBoard(RedisTopology link, RedisValue epoch) : IInstanceBoard
{
    private const int KeptMs = 30_000;
    private const int MaxInstances = 200;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<InstanceSummary>> PublishAsync(string id, string text, CancellationToken cancellation)
    {
        var now = link.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        var answer = await link.ScriptAsync(
            Keys.Shared, Script.Instances, [Keys.Manifest, Keys.Instances], [epoch, id, text, now, KeptMs, MaxInstances], cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        var all = new List<InstanceSummary>(answer.Length / 2);
        for (var i = 1; i < answer.Length; i += 2)
        {
            var stored = (string)answer[i + 1]!;
            var space = stored.IndexOf(' ', StringComparison.Ordinal);
            all.Add(new InstanceSummary((string)answer[i]!, long.Parse(stored.AsSpan(0, space), CultureInfo.InvariantCulture), stored[(space + 1)..]));
        }

        return all;
    }
}
