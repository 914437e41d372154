using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Store;

namespace Lookup.StoreTests;

/// <summary>The contract on the embedded store, with a folder.</summary>
public sealed class EmbeddedStoreTests : StoreContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-embedded-").FullName;
    private EmbeddedStore? _store;

    private protected override async Task<FactStore> StartAsync() =>
        _store = await EmbeddedStore.StartAsync(
            new EmbeddedOptions { Folder = _folder, ExpectedFacts = 10_000, MemoryMiB = 256, ReadTimeoutMs = 10_000 },
            Enumerable.Range(1, 32).Select(i => (byte)i).ToArray(),
            TimeProvider.System,
            Token);

    private protected override Task StopAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    private protected override StoreOptions Options =>
        new() { ConnectionString = _store!.ConnectionString, ReadTimeoutMs = 5_000 };
}
