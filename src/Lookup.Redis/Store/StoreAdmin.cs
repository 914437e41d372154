using Lookup.Core.Numbers;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Setup;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Store;

/// <summary>Sets up, opens and examines stores.</summary>
public static class StoreAdmin
{
    /// <summary>Sets up an empty store.</summary>
    /// <exception cref="ArgumentException">The options are invalid; the message lists every fault.</exception>
    /// <exception cref="InvalidOperationException">There is already a store, or the remains of one.</exception>
    /// <exception cref="StoreUnavailableException">The server cannot be used.</exception>
    public static async Task<StoreManifest> InitAsync(
        StoreOptions options, InitOptions init, TimeProvider clock, CancellationToken cancellation)
    {
        StoreSetup.Check(options, init);
        await using var link = await RedisTopology.ConnectAsync(options, clock, cancellation);
        return await StoreSetup.InitAsync(link, init, new RedisServerCheck(), clock, cancellation);
    }

    /// <summary>Opens a store for use. If it becomes unusable later, each call reports that.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="keyCheck">Check value of the encryption key.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store must not be used; the message says why.</exception>
    public static async Task<FactStore> OpenAsync(
        StoreOptions options, string keyCheck, TimeProvider clock, CancellationToken cancellation)
    {
        var link = await RedisTopology.ConnectAsync(options, clock, cancellation);
        return await OpenAsync(link, null, keyCheck, new RedisServerCheck(), cancellation);
    }

    /// <summary>Opens a store for use with the keys of a cipher, which follows the store's key rotations.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="cipher">The keys; the store determines which one is used.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">The store must not be used; the message says why.</exception>
    public static async Task<FactStore> OpenAsync(
        StoreOptions options, NumberCipher cipher, TimeProvider clock, CancellationToken cancellation)
    {
        var link = await RedisTopology.ConnectAsync(options, clock, cancellation);
        return await OpenAsync(link, cipher, null, new RedisServerCheck(), cancellation);
    }

    /// <summary>Examines a server and the store on it.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="keyCheck">Check value of the encryption key; null skips this check.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static Task<IReadOnlyList<Finding>> DoctorAsync(
        StoreOptions options, string? keyCheck, TimeProvider clock, CancellationToken cancellation) =>
        StoreDoctor.ExamineAsync(options, keyCheck is null ? null : [keyCheck], clock, cancellation);

    /// <summary>Examines a server and the store on it.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="keyChecks">Check values of all available encryption keys.</param>
    /// <param name="clock">Measures limits.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static Task<IReadOnlyList<Finding>> DoctorAsync(
        StoreOptions options, IReadOnlyList<string> keyChecks, TimeProvider clock, CancellationToken cancellation) =>
        StoreDoctor.ExamineAsync(options, keyChecks, clock, cancellation);

    internal static async Task<FactStore> OpenAsync(
        RedisTopology link, NumberCipher? cipher, string? keyCheck, ServerCheck server, CancellationToken cancellation)
    {
        try
        {
            var (manifest, state) = StoreManifestFormat.Read(await StoreManifestFormat.ReadAsync(link, cancellation));
            var keys = new KeyRotationState(manifest.Epoch, manifest.Phase, cipher, keyCheck);
            if (state == StoreManifestFormat.Initialising)
            {
                throw RedisFaults.NotInitialised();
            }

            var store = new FactStore(link, manifest, keys, server);
            await store.Maintenance.ProbeAsync(cancellation);
            await StoreSetup.RequireScriptsAsync(link, cancellation);
            return store;
        }
        catch
        {
            await link.DisposeAsync();
            throw;
        }
    }
}
