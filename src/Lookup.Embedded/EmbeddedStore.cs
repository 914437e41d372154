using Lookup.Core.Numbers;
using Lookup.Embedded.Conversion;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Setup;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lookup.Embedded;

/// <summary>The store in this process: RocksDB on a data folder, set up at the first start, recovered at every later one.</summary>
public sealed record EmbeddedStore : FactStore
{
    // A connection within the process waits only for a processor, and a start must not fail because all are busy.
    private const int ConnectTimeoutMs = 60_000;

    private readonly EmbeddedServer _server;
    private readonly DataFolder _folder;

    private EmbeddedStore(FactStore store, EmbeddedServer server, DataFolder folder, NumberCipher cipher)
        : base(store)
    {
        _server = server;
        _folder = folder;
        Cipher = cipher;
        Instances = null;
        var disconnect = Close;
        Close = async () =>
        {
            await disconnect();
            await server.DisposeAsync();
            cipher.Dispose();
            folder.Dispose();
        };
    }

    /// <summary>
    /// The cipher with the store's encryption keys, which are in its folder; a store in memory keeps them in memory only.
    /// </summary>
    public NumberCipher Cipher { get; }

    /// <summary>Connection string for this process; contains the server's password.</summary>
    internal string ConnectionString => _server.ConnectionString;

    /// <summary>The engine behind the server.</summary>
    internal StoreEngine Engine => _server.Engine;

    /// <summary>Path of the store's folder.</summary>
    public string Folder => _folder.Path;

    /// <summary>True if this start set the store up, so that it is empty.</summary>
    public bool IsNew { get; private init; }

    /// <summary>Removes the files on disposal if this start set the store up. Any other store is kept.</summary>
    public void Abandon()
    {
        if (IsNew)
        {
            _folder.Abandon();
        }
    }

    /// <summary>Starts the store, and sets it up if the folder is new.</summary>
    /// <param name="options">Settings.</param>
    /// <param name="key">The encryption key of 32 bytes; null: the one in the folder, generated at the first start.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the start.</param>
    /// <param name="logs">Receives the engine's log; null discards it.</param>
    /// <exception cref="ArgumentException">The options are invalid; the message lists every fault.</exception>
    /// <exception cref="InvalidOperationException">
    /// Another process has the folder open, or it has no store and none may be created.
    /// </exception>
    /// <exception cref="StoreUnavailableException">The store in the folder must not be used; the message says why.</exception>
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
        {
            throw new ArgumentException("The embedded store's settings are invalid: " + string.Join(" ", faults), nameof(options));
        }

        if (OpenFileLimit.Fault(OpenFileLimit.NeededByStore) is { } tooFew)
        {
            throw new InvalidOperationException(tooFew);
        }

        if (options.Folder is { } named)
        {
            DataFolder.Check(named, options.Create);
        }

        var folder = DataFolder.Open(options.Folder);
        NumberCipher? cipher = null;
        EmbeddedServer? server = null;
        try
        {
            var isNew = !folder.HasStore;
            cipher = key is { } one ? new NumberCipher(one.Span) : new NumberCipher(ReadEncryptionKeys(folder));
            var log = logs ?? NullLoggerFactory.Instance;
            if (folder.NeedsConversion)
            {
                await GarnetConversion.RunAsync(options, folder, clock, log, cancellation);
            }

            folder.RemoveOld();
            if (folder.IsMarked && !StoreEngine.IsThere(folder.StoreFolder))
            {
                throw new StoreUnavailableException(StoreFault.NotInitialised, EngineFaults.ForMissingStore(folder.StoreFolder).Message);
            }

            server = await Task.Run(() => EmbeddedServer.Start(options, folder, clock, log), cancellation);
            var link = await RedisTopology.ConnectAsync(
                new StoreOptions
                {
                    ConnectionString = server.ConnectionString,
                    ConnectTimeoutMs = ConnectTimeoutMs,
                    ReadTimeoutMs = options.ReadTimeoutMs,
                    WriteTimeoutMs = options.WriteTimeoutMs,
                    FeedLength = options.FeedLength,
                },
                clock,
                cancellation,
                hasChannels: false);
            await PrepareAsync(link, folder, options.Create ? init with { KeyCheck = cipher.KeyCheck } : null, clock, cancellation);
            var store = await StoreAdmin.OpenAsync(link, cipher, null, new OwnServerCheck(), cancellation);
            return new EmbeddedStore(store, server, folder, cipher) { IsNew = isNew };
        }
        catch (Exception e)
        {
            if (server is not null)
            {
                await server.DisposeAsync();
            }

            cipher?.Dispose();
            folder.Dispose();
            if (e is EngineFault fault)
            {
                throw fault.Code == EngineFault.Damaged
                    ? new StoreUnavailableException(StoreFault.Damaged, e.Message, e)
                    : new InvalidOperationException(e.Message, e);
            }

            throw;
        }
    }

    // Continues an interrupted setup, and marks a completed one, so that it does not open without its facts.
    private static async Task PrepareAsync(
        RedisTopology link, DataFolder folder, InitOptions? init, TimeProvider clock, CancellationToken cancellation)
    {
        if (folder.IsMarked)
        {
            return;
        }

        var found = await StoreManifestFormat.ReadAsync(link, cancellation);
        var isSetUp = !found[1].IsNull && found[5] != StoreManifestFormat.Initialising;
        if (!isSetUp && init is null)
        {
            throw new InvalidOperationException(
                $"The setup of the store in {folder.Path} was not completed: correct the path, or complete it with 'lookup serve --data {folder.Path} --create'.");
        }

        var manifest = isSetUp
            ? StoreManifestFormat.Read(found).Manifest
            : await StoreSetup.InitAsync(link, init!, new OwnServerCheck(), clock, cancellation);
        folder.MarkInitialised(manifest.Epoch);
    }

    private static IReadOnlyList<byte[]> ReadEncryptionKeys(DataFolder folder) =>
        folder.HasStore || File.Exists(folder.KeyFile)
            ? EncryptionKeyFile.Load(folder.KeyFile)
            : [EncryptionKeyFile.Create(folder.KeyFile)];
}
