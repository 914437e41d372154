using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Server;
using Lookup.Server.Trail;

namespace Lookup.Cli.Hosting;

/// <summary>An open store and the cipher with its keys.</summary>
internal sealed class OpenStore(FactStore store, NumberCipher cipher) : IAsyncDisposable
{
    // The embedded store runs in this process, so it can be slow but not unreachable.
    private const int EmbeddedReadLimitMs = 1_000;

    public FactStore Store { get; } = store;

    public NumberCipher Cipher { get; } = cipher;

    public static async Task<OpenStore> OpenAsync(StoreSettings settings, TimeProvider clock, CancellationToken ct)
    {
        if (settings.Redis is null)
        {
            var embedded = await StartAsync(new EmbeddedOptions { Folder = settings.Folder, Create = settings.Create, ReadTimeoutMs = Math.Max(EmbeddedReadLimitMs, settings.ReadLimitMs) }, clock, ct);
            return new OpenStore(embedded, embedded.Cipher);
        }

        var cipher = new NumberCipher(Keys(settings));
        try
        {
            return new OpenStore(await StoreAdmin.OpenAsync(RedisOptions(settings), cipher, clock, ct), cipher);
        }
        catch (StoreUnavailableException exception) when (exception.Fault is StoreFault.Unreachable or StoreFault.Timeout)
        {
            cipher.Dispose();
            throw new CliException($"{exception.Message} Check its address ({RedisOptions(settings).Servers}), its credentials and its log.", inner: exception);
        }
        catch
        {
            cipher.Dispose();
            throw;
        }
    }

    /// <summary>Opens a store to record facts in it.</summary>
    /// <exception cref="CliException">The clocks of this machine and the store differ, so that what is recorded would not be in order.</exception>
    public static async Task<OpenStore> OpenToRecordAsync(StoreSettings settings, TimeProvider clock, CancellationToken ct)
    {
        var store = await OpenAsync(settings, clock, ct);
        try
        {
            var bound = TimeSpan.FromMilliseconds(new LookupServerOptions().ClockBoundMs);
            return (await store.Store.Maintenance.ProbeAsync(ct)).ClockAhead is { } ahead && ahead.Duration() > bound
                ? throw new CliException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The clock of this machine is {ahead.Duration().TotalSeconds:N0} s {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the store's; facts would be recorded at a wrong time. Synchronise both, for example with NTP."))
                : store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts an embedded store; reports a folder that is in use as a <see cref="CliException"/>.</summary>
    public static async Task<EmbeddedStore> StartAsync(EmbeddedOptions options, TimeProvider clock, CancellationToken ct)
    {
        try
        {
            return await EmbeddedStore.StartAsync(options, null, clock, ct);
        }
        catch (InvalidOperationException exception)
        {
            throw new CliException(exception.Message, inner: exception);
        }
    }

    /// <summary>Reads the encryption keys of a redis store: one, or two during key rotation.</summary>
    public static IReadOnlyList<byte[]> Keys(StoreSettings settings) => Keys(settings.KeyFile);

    /// <summary>Reads the encryption keys from a file, or from the environment if null.</summary>
    public static IReadOnlyList<byte[]> Keys(string? file) => file is null ? EncryptionKeyFile.FromEnvironment() : EncryptionKeyFile.Load(file);

    /// <summary>Options to connect to a redis store.</summary>
    public static StoreOptions RedisOptions(StoreSettings settings)
    {
        var options = new StoreOptions { ConnectionString = settings.Redis!, WaitReplicas = settings.WaitReplicas, ConnectTimeoutMs = Math.Max(2_000, settings.ReadLimitMs), ReadTimeoutMs = Math.Max(5, settings.ReadLimitMs) };
        var faults = options.Validate();
        return faults.Count == 0 ? options : throw CliException.Usage(string.Join(' ', faults.Select(fault => fault
            .Replace(nameof(StoreOptions.ConnectionString), "--redis", StringComparison.Ordinal)
            .Replace(nameof(StoreOptions.WaitReplicas), "--wait-replicas", StringComparison.Ordinal))));
    }

    /// <summary>Whether this start created the store, so it is empty.</summary>
    public bool IsNew => Store is EmbeddedStore { IsNew: true };

    /// <summary>Runs an administrative act on the store, which is in the trail before it takes effect.</summary>
    /// <param name="act">The act; null if it is none.</param>
    /// <param name="run">Runs it.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="ct">Cancels the wait for the entry.</param>
    public Task<T> RunAsync<T>(TrailAct? act, Func<Task<T>> run, TimeProvider clock, CancellationToken ct) =>
        new TrailWriter(Store.Trail, clock).RunAsync(TrailWriter.ToolUser, act, run, result => TrailActs.ResultOf(result), ct);

    /// <summary>Writes to the trail that this command set the store up.</summary>
    public static Task NoteSetupAsync(FactStore store, TimeProvider clock, CancellationToken ct) => new TrailWriter(store.Trail, clock).NoteAsync(
        TrailWriter.ToolUser,
        new TrailAct("store", "SetUpStore", new JsonObject { ["epoch"] = store.Manifest.Epoch.ToString("x16", CultureInfo.InvariantCulture), ["key_check"] = store.Manifest.KeyCheck }.ToJsonString()),
        ct);

    /// <summary>Closes the store and, if this start created it, deletes its files.</summary>
    public async ValueTask AbandonAsync()
    {
        (Store as EmbeddedStore)?.Abandon();
        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        Cipher.Dispose();
    }
}
