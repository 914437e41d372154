using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;

namespace Lookup.Cli.Import;

/// <summary>Chooses how facts get straight into a store.</summary>
internal static class DirectTargets
{
    /// <summary>Fewer lines are recorded in the ordinary way, during which services go on.</summary>
    public const long FirstLoadLines = 100_000;

    /// <summary>Opens the store, and fills it by a first load where it is on redis, empty, and the file is long.</summary>
    /// <param name="settings">The store.</param>
    /// <param name="lines">Lines that the file is thought to have; 0: not known.</param>
    /// <param name="restart">Wipe a first load that was broken off.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<IImportTarget> OpenAsync(StoreSettings settings, long lines, bool restart, TimeProvider clock, CancellationToken ct)
    {
        if (settings.Redis is { } redis && await TryFirstLoadAsync(redis, settings, lines, restart, clock, ct) is { } load)
        {
            return load;
        }

        return new StoreTarget(await OpenStore.OpenAsync(settings, clock, ct), RegimeSet.BuiltIn, clock);
    }

    /// <summary>Opens the store; a first load that was broken off is wiped if that is asked for.</summary>
    public static async Task<OpenStore> OpenStoreAsync(StoreSettings settings, bool restart, TimeProvider clock, CancellationToken ct)
    {
        if (settings.Redis is { } redis && await IsLoadingAsync(settings, clock, ct))
        {
            if (!restart)
            {
                throw BrokenOff();
            }

            using var cipher = new NumberCipher(OpenStore.Keys(settings));
            await using var load = await FirstLoad.BeginAsync(
                OpenStore.RedisOptions(settings), new InitOptions { KeyCheck = cipher.KeyCheck }, clock, ct);
            await load.AbandonAsync(ct);
        }

        return await OpenStore.OpenAsync(settings, clock, ct);
    }

    private static CliException BrokenOff() =>
        new("A first load into this store is under way, or was broken off: if it was broken off, begin it anew with --restart.");

    private static async Task<IImportTarget?> TryFirstLoadAsync(
        string redis, StoreSettings settings, long lines, bool restart, TimeProvider clock, CancellationToken ct)
    {
        var loading = await IsLoadingAsync(settings, clock, ct);
        if (loading && !restart)
        {
            throw BrokenOff();
        }

        if (!loading && lines < FirstLoadLines)
        {
            return null;
        }

        var cipher = new NumberCipher(OpenStore.Keys(settings));
        try
        {
            // An estimate that is short makes the filter less sharp, so some room is left.
            var init = new InitOptions { KeyCheck = cipher.KeyCheck, ExpectedFacts = Math.Clamp(lines * 5 / 4, 1_000_000, 1_000_000_000) };
            var load = await FirstLoad.BeginAsync(OpenStore.RedisOptions(settings), init, clock, ct);
            return new FirstLoadTarget(load, cipher, RegimeSet.BuiltIn, clock);
        }
        catch (InvalidOperationException)
        {
            // The store holds facts.
            cipher.Dispose();
            return null;
        }
        catch
        {
            cipher.Dispose();
            throw;
        }
    }

    /// <summary>Whether a first load was broken off. A store that was never set up is refused here.</summary>
    private static async Task<bool> IsLoadingAsync(StoreSettings settings, TimeProvider clock, CancellationToken ct)
    {
        try
        {
            await using var store = await OpenStore.OpenAsync(settings, clock, ct);
            return false;
        }
        catch (StoreUnavailableException exception) when (exception.Fault == StoreFault.Loading)
        {
            return true;
        }
    }
}
