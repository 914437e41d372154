using Lookup.Redis;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>The contract on a Redis Cluster, whose partitions are spread over its primaries. One cluster serves all tests: each starts on an empty one.</summary>
public sealed class ClusterStoreTests(ClusterStoreTests.SharedCluster shared) : StoreContract, IClassFixture<ClusterStoreTests.SharedCluster>
{
    private RedisCluster? _cluster;

    private protected override async Task<FactStore> StartAsync()
    {
        _cluster = await shared.StartedAsync();
        await FlushAsync();
        await StoreAdmin.InitAsync(
            _cluster.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 8, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        return await StoreAdmin.OpenAsync(_cluster.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
    }

    private protected override Task StopAsync() => Task.CompletedTask;

    private protected override Task FlushAsync() => _cluster!.OnPrimariesAsync("FLUSHALL");

    private protected override StoreOptions Options => _cluster!.Options;

    /// <summary>Started by the first test, which is skipped where redis-server is not installed; a fixture that throws would fail it.</summary>
    public sealed class SharedCluster : IAsyncDisposable
    {
        private RedisCluster? _cluster;

        internal async Task<RedisCluster> StartedAsync() => _cluster ??= await RedisCluster.StartAsync();

        public ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
