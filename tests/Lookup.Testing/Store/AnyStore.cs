using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Store;

namespace Lookup.Testing.Store;

/// <summary>A store of either kind, for tests that run on both.</summary>
internal sealed class AnyStore : IAsyncDisposable
{
    internal const string Redis = "redis";
    internal const string Embedded = "embedded";

    private readonly RedisServer? _server;

    private AnyStore(FactStore store, RedisServer? server)
    {
        Store = store;
        _server = server;
    }

    internal static TheoryData<string> Both => [Redis, Embedded];

    internal FactStore Store { get; }

    /// <summary>Opens an empty store with the key of <see cref="Sample.Cipher"/>.</summary>
    internal static async Task<AnyStore> OpenAsync(string kind, CancellationToken cancellation, int feedLength = 4_096)
    {
        if (kind == Embedded)
        {
            var key = Enumerable.Range(1, 32).Select(i => (byte)i).ToArray();
            return new AnyStore(
                await EmbeddedStore.StartAsync(
                    new EmbeddedOptions { ExpectedFacts = 10_000, MemoryMiB = 64, Partitions = 2, FeedLength = feedLength, ReadTimeoutMs = 10_000 }, key, TimeProvider.System, cancellation),
                null);
        }

        var server = await RedisServer.StartAsync();
        await StoreAdmin.InitAsync(
            server.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = 2, ExpectedFacts = 10_000 }, TimeProvider.System, cancellation);
        var options = server.Options with { FeedLength = feedLength };
        return new AnyStore(await StoreAdmin.OpenAsync(options, Sample.Cipher.KeyCheck, TimeProvider.System, cancellation), server);
    }

    /// <summary>Opens the store once more, as another process does. The caller closes it first.</summary>
    internal Task<FactStore> OpenAnotherAsync(CancellationToken cancellation) =>
        StoreAdmin.OpenAsync(Options, Store.Manifest.KeyCheck, TimeProvider.System, cancellation);

    internal StoreOptions Options => _server?.Options ?? RedisServer.Patient with { ConnectionString = ((EmbeddedStore)Store).ConnectionString };

    /// <summary>Counts, versions, feeds and filters agree with what the buckets hold.</summary>
    internal async Task CheckAsync(CancellationToken cancellation)
    {
        var findings = await StoreAdmin.DoctorAsync(Options, Store.Manifest.KeyCheck, TimeProvider.System, cancellation);
        Assert.DoesNotContain(
            findings, finding => finding is { Level: FindingLevel.Fail, Name: "count" or "filter" or "feed" or "timeline" or "partition" });
        Assert.True(findings.Any(finding => finding is { Level: FindingLevel.Ok, Name: "facts" }), string.Join(Environment.NewLine, findings));
        Assert.All(await Store.Filters.ListAsync(cancellation), filter => Assert.True(filter is { Fit: FilterFit.Sound, IsCounted: true, HasLost: false }));
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }
}
