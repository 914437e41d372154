using Lookup.Redis;
using Lookup.Redis.Store;

namespace Lookup.IntegrationTests.Store;

/// <summary>The contract on a Redis Cluster, whose partitions are spread over its primaries.</summary>
public sealed class ClusterStoreTests : StoreContract
{
    private RedisCluster? _cluster;

    private protected override async Task<FactStore> StartAsync()
    {
        _cluster = await RedisCluster.StartAsync();
        await StoreAdmin.InitAsync(
            _cluster.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 8, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        return await StoreAdmin.OpenAsync(_cluster.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
    }

    private protected override async Task StopAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    private protected override Task FlushAsync() => _cluster!.OnPrimariesAsync("FLUSHALL");

    private protected override StoreOptions Options => _cluster!.Options;
}
