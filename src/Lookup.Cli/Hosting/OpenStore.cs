using Lookup.Cli.Options;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Store;

namespace Lookup.Cli.Hosting;

/// <summary>A store that is open, and the cipher with its keys.</summary>
internal sealed class OpenStore(IFactStore store, NumberCipher cipher) : IAsyncDisposable
{
    // It is in this process, so it cannot be away: it is slow at most.
    private const int EmbeddedReadLimitMs = 1_000;

    public IFactStore Store { get; } = store;

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
            throw new CliException($"{exception.Message} Look at its address ({RedisOptions(settings).Servers}), its credentials and its log.", inner: exception);
        }
        catch
        {
            cipher.Dispose();
            throw;
        }
    }

    /// <summary>Starts an embedded store; a folder that is in use is a sentence, not a fault.</summary>
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

    /// <summary>The number keys of a redis store: one, or while it is changed also the new one.</summary>
    public static IReadOnlyList<byte[]> Keys(StoreSettings settings) => Keys(settings.KeyFile);

    /// <summary>The number keys of a file, else those of the environment.</summary>
    public static IReadOnlyList<byte[]> Keys(string? file) => file is null ? EncryptionKeyFile.FromEnvironment() : EncryptionKeyFile.Load(file);

    /// <summary>How a redis store is reached.</summary>
    public static StoreOptions RedisOptions(StoreSettings settings)
    {
        var options = new StoreOptions { ConnectionString = settings.Redis!, WaitReplicas = settings.WaitReplicas, ConnectTimeoutMs = Math.Max(2_000, settings.ReadLimitMs), ReadTimeoutMs = Math.Max(5, settings.ReadLimitMs) };
        var faults = options.Validate();
        return faults.Count == 0 ? options : throw CliException.Usage(string.Join(' ', faults.Select(fault => fault
            .Replace(nameof(StoreOptions.ConnectionString), "--redis", StringComparison.Ordinal)
            .Replace(nameof(StoreOptions.WaitReplicas), "--wait-replicas", StringComparison.Ordinal))));
    }

    /// <summary>Whether it was set up by this start, so that it holds nothing.</summary>
    public bool IsNew => Store is EmbeddedStore { IsNew: true };

    /// <summary>Disposes of it, and of its files if this start set it up.</summary>
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
