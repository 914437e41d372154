using Lookup.Redis;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>The contract on redis.</summary>
public sealed class RedisStoreTests : StoreContract
{
    private RedisServer? _server;

    private protected override async Task<FactStore> StartAsync()
    {
        _server = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            _server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 4, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
        return await StoreAdmin.OpenAsync(_server.Options, Sample.Cipher.KeyCheck, TimeProvider.System, Token);
    }

    private protected override async Task StopAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    private protected override StoreOptions Options => _server!.Options;
}
