namespace Lookup.StoreTests;

/// <summary>The fixtures do what tests rely on.</summary>
public sealed class RedisTopologyTests
{
    [Fact]
    public async Task Cluster_PrimaryKilled_ReplicaTakesItsSlots()
    {
        await using var cluster = await RedisCluster.StartAsync();
        var before = await cluster.OwnerAsync(0);
        var replica = Assert.Single(await cluster.ReplicasOfAsync(before));
        await cluster.FailOverSoonAsync();
        await before.KillAsync();
        while (await cluster.OwnerAsync(0) == before)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        Assert.Equal(replica, await cluster.OwnerAsync(0));
    }

    [Fact]
    public async Task Cluster_SlotMoved_IsWithTheOther()
    {
        await using var cluster = await RedisCluster.StartAsync();
        var from = await cluster.OwnerAsync(0);
        var to = await cluster.OwnerAsync(RedisCluster.Slots - 1);
        await RedisCluster.BeginMoveAsync(0, from, to);
        while (await RedisCluster.MoveKeysAsync(0, from, to, 100))
        {
        }

        await RedisCluster.EndMoveAsync(0, from, to);
        Assert.Equal(to, await cluster.OwnerAsync(0));
    }

    [Fact]
    public async Task Sentinel_PrimaryKilled_ReplicaTakesOver()
    {
        await using var sentinel = await RedisSentinel.StartAsync();
        var before = await sentinel.PrimaryAsync();
        await before.KillAsync();
        Assert.NotEqual(before, await sentinel.NextPrimaryAsync(before));
    }
}
