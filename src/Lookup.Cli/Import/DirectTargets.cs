using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Imports;

namespace Lookup.Cli.Import;

/// <summary>Chooses how to import facts directly into a store.</summary>
internal static class DirectTargets
{
    /// <summary>Files with fewer lines are recorded by the normal write path, while services run.</summary>
    public const long FirstLoadLines = 100_000;

    /// <summary>Opens the store; uses a first load for a long file into an empty redis store.</summary>
    /// <param name="settings">The store.</param>
    /// <param name="lines">Estimated lines of the file; 0: unknown.</param>
    /// <param name="restart">Discard an interrupted first load.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="ct">Cancels the wait.</param>
    public static async Task<IImportTarget> OpenAsync(StoreSettings settings, long lines, bool restart, TimeProvider clock, CancellationToken ct)
    {
        if (settings.Redis is { } redis && await TryFirstLoadAsync(redis, settings, lines, restart, clock, ct) is { } load)
        {
            return load;
        }

        return new StoreTarget(await OpenStore.OpenToRecordAsync(settings, clock, ct), RegimeSet.BuiltIn, clock);
    }

    /// <summary>Opens the store; with <paramref name="restart"/>, discards an interrupted first load.</summary>
    public static async Task<OpenStore> OpenStoreAsync(StoreSettings settings, bool restart, TimeProvider clock, CancellationToken ct)
    {
        if (settings.Redis is { } redis && await IsLoadingAsync(settings, clock, ct))
        {
            if (!restart)
            {
                throw FirstLoadInterrupted();
            }

            using var cipher = new NumberCipher(OpenStore.Keys(settings));
            await using var load = await FirstLoad.BeginAsync(
                OpenStore.RedisOptions(settings), new InitOptions { KeyCheck = cipher.KeyCheck }, clock, ct);
            await load.AbandonAsync(ct);
        }

        return await OpenStore.OpenToRecordAsync(settings, clock, ct);
    }

    private static CliException FirstLoadInterrupted() =>
        new("A first load into this store is running or was interrupted; if it was interrupted, start it over with --restart.");

    private static async Task<IImportTarget?> TryFirstLoadAsync(
        string redis, StoreSettings settings, long lines, bool restart, TimeProvider clock, CancellationToken ct)
    {
        var loading = await IsLoadingAsync(settings, clock, ct);
        if (loading && !restart)
        {
            throw FirstLoadInterrupted();
        }

        if (!loading && lines < FirstLoadLines)
        {
            return null;
        }

        var cipher = new NumberCipher(OpenStore.Keys(settings));
        try
        {
            // Leave headroom: an estimate that is too low raises the filter's false-positive rate.
            var init = new InitOptions { KeyCheck = cipher.KeyCheck, ExpectedFacts = Math.Clamp(lines * 5 / 4, 1_000_000, 1_000_000_000) };
            var load = await FirstLoad.BeginAsync(OpenStore.RedisOptions(settings), init, clock, ct);
            return new FirstLoadTarget(load, cipher, RegimeSet.BuiltIn, clock);
        }
        catch (InvalidOperationException)
        {
            // The store has facts.
            cipher.Dispose();
            return null;
        }
        catch
        {
            cipher.Dispose();
            throw;
        }
    }

    /// <summary>Whether a first load is unfinished. Throws if the store was never created.</summary>
    private static async Task<bool> IsLoadingAsync(StoreSettings settings, TimeProvider clock, CancellationToken ct)
    {
        try
        {
            await using var store = await OpenStore.OpenToRecordAsync(settings, clock, ct);
            return false;
        }
        catch (StoreUnavailableException exception) when (exception.Fault == StoreFault.Loading)
        {
            return true;
        }
    }
}
