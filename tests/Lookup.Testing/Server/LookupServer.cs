using Grpc.Core;
using Grpc.Net.Client;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis.Store;
using Lookup.Server;
using Lookup.Server.Hosting;
using Lookup.Server.Receipts;
using Lookup.V1;
using Microsoft.Extensions.Logging;

namespace Lookup.Testing.Server;

/// <summary>A running service over an embedded store in memory, with a channel and an HTTP client to it.</summary>
public sealed class LookupServer : IAsyncLifetime
{
    internal static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private IAsyncDisposable? _behind;
    private ReceiptLog? _receipts;
    private RegimeSet? _shadow;
    private bool _ownsStore = true;
    private LookupHost? _host;
    private GrpcChannel? _channel;
    private HttpClient? _http;

    internal FactStore Store { get; private set; } = null!;

    internal NumberCipher Cipher { get; private init; } = new(Key);

    /// <summary>With limits that a loaded machine keeps to; what tests them sets others.</summary>
    internal LookupServerOptions Options { get; } = new()
    {
        GrpcPort = 0,
        JsonPort = 0,
        HealthProbeMs = 50,
        // The tests' clocks are far from the store's.
        ClockBoundMs = 0,
        DrainLimitSeconds = 5,
        StoreReadLimitMs = 10_000,
        StoreWriteLimitMs = 60_000,
        StoreBatchLimitMs = 60_000,
        BatchWaitLimitMs = 60_000,
        WatchSendLimitMs = 60_000,
    };

    internal LogLines Log { get; } = new();

    internal TimeProvider Clock { get; init; } = new ShiftedClock(ShiftedClock.Afternoon);

    /// <summary>The test makes the service meet unexpected exceptions. Everywhere else there must be none.</summary>
    internal bool ExpectsErrors { get; set; }

    internal LookupHost Host => _host!;

    internal CallInvoker Invoker => _channel!.CreateCallInvoker();

    internal HttpClient Http => _http!;

    internal LookupService.LookupServiceClient Lookup => new(Invoker);

    internal FactService.FactServiceClient Facts => new(Invoker);

    internal RegistryService.RegistryServiceClient Registry => new(Invoker);

    internal static async Task<EmbeddedStore> EmbeddedAsync(TimeProvider? clock = null) => await EmbeddedStore.StartAsync(
        new EmbeddedOptions { ExpectedFacts = 10_000, MemoryMiB = 64, ReadTimeoutMs = 10_000, WriteTimeoutMs = 60_000 },
        Key,
        clock ?? TimeProvider.System,
        CancellationToken.None);

    /// <summary>Starts on a store that was opened elsewhere, and disposes of it unless others use it too.</summary>
    internal static async Task<LookupServer> StartAsync(
        FactStore store,
        Action<LookupServerOptions>? configure = null,
        ReceiptLog? receipts = null,
        RegimeSet? shadow = null,
        TimeProvider? clock = null,
        bool ownsStore = true,
        NumberCipher? keys = null)
    {
        var server = new LookupServer
        {
            Store = store,
            Cipher = keys ?? new NumberCipher(Key),
            Clock = clock ?? new ShiftedClock(ShiftedClock.Afternoon),
            _receipts = receipts,
            _shadow = shadow,
            _ownsStore = ownsStore,
        };
        configure?.Invoke(server.Options);
        await server.StartHostAsync();
        return server;
    }

    /// <summary>Starts on a store with what it needs, and disposes of both.</summary>
    internal static async Task<LookupServer> StartAsync(AnyStore store, Action<LookupServerOptions>? configure = null)
    {
        var server = await StartAsync(store.Store, configure);
        server._behind = store;
        return server;
    }

    public async ValueTask InitializeAsync()
    {
        Store = await EmbeddedAsync();
        await StartHostAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        _channel?.Dispose();
        if (_host is not null)
        {
            await _host.StopAsync();
            await _host.DisposeAsync();
        }

        if (_ownsStore)
        {
            await (_behind ?? Store).DisposeAsync();
        }

        Cipher.Dispose();
        Assert.True(ExpectsErrors || _host is null or { ErrorCount: 0 }, $"{_host?.ErrorCount} unexpected exceptions:\n{Log.All}");
    }

    private async Task StartHostAsync()
    {
        _host = LookupHost.Build(
            Options, Store, RegimeSet.BuiltIn, Cipher, Clock, logging => logging.AddProvider(Log), _receipts, _shadow);
        await _host.StartAsync(CancellationToken.None);
        _channel = GrpcChannel.ForAddress(_host.GrpcAddress);
        _http = new HttpClient { BaseAddress = _host.JsonAddress };
    }
}
