using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Store;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lookup.Embedded;

/// <summary>The store in this process: Garnet on a data folder, set up at the first start, recovered at every other.</summary>
public sealed class EmbeddedStore : IFactStore
{
    private readonly IFactStore _store;
    private readonly GarnetHost _garnet;
    private readonly DataFolder _folder;

    private EmbeddedStore(IFactStore store, GarnetHost garnet, DataFolder folder, NumberCipher cipher)
    {
        _store = store;
        _garnet = garnet;
        _folder = folder;
        Cipher = cipher;
    }

    /// <summary>The cipher of the store's number keys, which lie in its folder, or is forgotten with a store in memory.</summary>
    public NumberCipher Cipher { get; }

    /// <summary>How this process reaches the server; holds its password.</summary>
    internal string ConnectionString => _garnet.ConnectionString;

    /// <summary>Where its files are.</summary>
    public string Folder => _folder.Path;

    /// <inheritdoc/>
    public StoreManifest Manifest => _store.Manifest;

    /// <inheritdoc/>
    public string KeyCheck => _store.KeyCheck;

    /// <inheritdoc/>
    public bool IsReadBy(NumberCipher cipher) => _store.IsReadBy(cipher);

    /// <inheritdoc/>
    public bool IsCopy(NumberKey key) => _store.IsCopy(key);

    /// <inheritdoc/>
    public bool HasTwoFeeds => _store.HasTwoFeeds;

    /// <inheritdoc/>
    public Task<KeyChangeResult> ChangeKeyAsync(
        string keyCheck, KeyChangeOptions options, Action<KeyChangeStep, double> progress, CancellationToken cancellation) =>
        _store.ChangeKeyAsync(keyCheck, options, progress, cancellation);

    /// <inheritdoc/>
    public IImportStore Imports => _store.Imports;

    /// <inheritdoc/>
    public IAccessStore Access => _store.Access;

    /// <inheritdoc/>
    public IFilterStore Filters => _store.Filters;

    /// <inheritdoc/>
    public StoreServers Servers => _store.Servers;

    /// <summary>Starts the store, and sets it up where the folder is new.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="key">The number key of 32 bytes; null: the one in the folder, made at the first start.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the start.</param>
    /// <param name="logs">Takes what Garnet logs; null for nowhere.</param>
    /// <exception cref="ArgumentException">The options are wrong; the message has every fault.</exception>
    /// <exception cref="InvalidOperationException">Another process has the folder open.</exception>
    /// <exception cref="StoreUnavailableException">What is in the folder must not be used, with the reason.</exception>
    public static async Task<EmbeddedStore> StartAsync(
        EmbeddedOptions options,
        ReadOnlyMemory<byte>? key,
        TimeProvider clock,
        CancellationToken cancellation,
        ILoggerFactory? logs = null)
    {
        var init = new InitOptions { KeyCheck = "-", Partitions = options.Partitions, ExpectedFacts = options.ExpectedFacts };
        var faults = options.Validate().Concat(init.Validate()).ToArray();
        if (faults.Length > 0)
            throw new ArgumentException("The embedded store's settings are wrong: " + string.Join(" ", faults), nameof(options));

        var folder = DataFolder.Open(options.Folder);
        NumberCipher? cipher = null;
        GarnetHost? garnet = null;
        try
        {
            cipher = key is { } one ? new NumberCipher(one.Span) : new NumberCipher(NumberKeysOf(folder));
            garnet = await Task.Run(() => GarnetHost.Start(options, folder, logs ?? NullLoggerFactory.Instance), cancellation);
            var link = await RedisLink.ConnectAsync(
                new StoreOptions
                {
                    ConnectionString = garnet.ConnectionString,
                    // It is in this process: on a busy machine it is slow, not away.
                    ConnectTimeoutMs = 60_000,
                    ReadTimeoutMs = options.ReadTimeoutMs,
                    WriteTimeoutMs = options.WriteTimeoutMs,
                    FeedLength = options.FeedLength,
                },
                clock,
                cancellation,
                commit: options.Folder is null ? null : "COMMITAOF",
                hasChannels: false);
            if (!folder.HasStore)
            {
                var manifest = await StoreAdmin.InitAsync(
                    link, init with { KeyCheck = cipher.KeyCheck }, new OwnServerCheck(), clock, cancellation);
                await link.CommitAsync(cancellation);
                folder.MarkInitialised(manifest.Epoch);
            }

            await StoreRecovery.CheckAsync(link, cancellation);
            var store = await StoreAdmin.OpenAsync(link, cipher, null, new OwnServerCheck(), cancellation);
            return new EmbeddedStore(store, garnet, folder, cipher);
        }
        catch
        {
            garnet?.Dispose();
            cipher?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoreRead> ReadAsync(NumberKey key, ReadOnlyMemory<FactId> ids, CancellationToken cancellation) =>
        _store.ReadAsync(key, ids, cancellation);

    /// <inheritdoc/>
    public Task ReadAsync(ReadBatch batch, CancellationToken cancellation) => _store.ReadAsync(batch, cancellation);

    /// <inheritdoc/>
    public Task<WriteResult> WriteAsync(IReadOnlyList<StoredFact> facts, CancellationToken cancellation) =>
        _store.WriteAsync(facts, cancellation);

    /// <inheritdoc/>
    public Task<ConsistencyToken?> TryReplaceAsync(IReadOnlyList<TimelineChange> changes, CancellationToken cancellation) =>
        _store.TryReplaceAsync(changes, cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredTimeline>> ReadAllAsync(NumberKey key, CancellationToken cancellation) =>
        _store.ReadAllAsync(key, cancellation);

    /// <inheritdoc/>
    public Task<EraseResult> EraseAsync(NumberKey key, StoredFact suppression, CancellationToken cancellation) =>
        _store.EraseAsync(key, suppression, cancellation);

    /// <inheritdoc/>
    public ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken cancellation) =>
        _store.SourceIdAsync(source, actor, cancellation);

    /// <inheritdoc/>
    public ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken cancellation) => _store.SourceAsync(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation) => _store.NameAsync(scope, cancellation);

    /// <inheritdoc/>
    public Task<Registry> ReadRegistryAsync(CancellationToken cancellation) => _store.ReadRegistryAsync(cancellation);

    /// <inheritdoc/>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation) =>
        _store.PutOrganisationAsync(organisation, cancellation);

    /// <inheritdoc/>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        _store.AddSnapshotAsync(register, date, cancellation);

    /// <inheritdoc/>
    public Task<FeedPoll[]> PollAsync(ReadOnlyMemory<ulong?> known, CancellationToken cancellation) =>
        _store.PollAsync(known, cancellation);

    /// <inheritdoc/>
    public IDisposable Listen(Action heard) => _store.Listen(heard);

    /// <inheritdoc/>
    public Task<IReadOnlyList<FeedChange>?> ReadChangesAsync(int partition, ulong since, int max, CancellationToken cancellation) =>
        _store.ReadChangesAsync(partition, since, max, cancellation);

    /// <inheritdoc/>
    public Task<LoadedFilter> LoadFilterAsync(int partition, CancellationToken cancellation) =>
        _store.LoadFilterAsync(partition, cancellation);

    /// <inheritdoc/>
    public ValueTask FenceAsync(IEnumerable<int> partitions, CancellationToken cancellation) => _store.FenceAsync(partitions, cancellation);

    /// <inheritdoc/>
    public Task<StoreHealth> ProbeAsync(CancellationToken cancellation) => _store.ProbeAsync(cancellation);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _garnet.Dispose();
        Cipher.Dispose();
        _folder.Dispose();
    }

    private static IReadOnlyList<byte[]> NumberKeysOf(DataFolder folder) =>
        folder.HasStore || File.Exists(folder.KeyFile)
            ? NumberKeyFile.Load(folder.KeyFile)
            : [NumberKeyFile.Create(folder.KeyFile)];
}
