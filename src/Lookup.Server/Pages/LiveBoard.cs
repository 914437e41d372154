using System.Text.Json;
using Lookup.Core.Trail;
using Lookup.Redis.Imports;
using Lookup.Redis.Maintenance;
using Lookup.Redis.Trail;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Hosting;

namespace Lookup.Server.Pages;

/// <summary>
/// Publishes a summary of this instance in the store every few seconds, and reads those of the others, the newest imports and the
/// newest administrative acts. While the store does not answer, the page shows what was read last.
/// </summary>
internal sealed class LiveBoard(InstanceBoard board, IImportStore imports, ITrailStore trail, LiveFeed feed, Instance instance, TimeProvider clock) : BackgroundService
{
    private const int MaxImports = 10;
    private const int MaxActs = 10;

    // An act and its result are two entries, with those of other acts between them.
    private const int MaxEntries = 4 * MaxActs;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        try
        {
            do
            {
                await TryAsync(async stop => feed.Instances = await PublishAsync(stop), stoppingToken);
                if (feed.Readers > 0)
                {
                    await TryAsync(async stop => feed.Imports = await ImportsAsync(stop), stoppingToken);
                    await TryAsync(async stop => feed.Acts = await ActsAsync(stop), stoppingToken);
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            await TryAsync(stop => board.Store?.PublishAsync(instance.Id, "", stop) ?? Task.CompletedTask, CancellationToken.None);
        }
    }

    private static async Task TryAsync(Func<CancellationToken, Task> work, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Limit);
        try
        {
            await work(limit.Token);
        }
        catch (Exception) when (!stop.IsCancellationRequested)
        {
            // StoreMonitor reports a store that does not answer.
        }
    }

    private async Task<IReadOnlyList<LiveInstance>> PublishAsync(CancellationToken cancellation)
    {
        if (feed.Summary() is not { } own)
        {
            return [];
        }

        if (board.Store is null)
        {
            return [own];
        }

        var all = new List<LiveInstance>();
        foreach (var summary in await board.Store.PublishAsync(instance.Id, JsonSerializer.Serialize(own, LiveJson.Default.LiveInstance), cancellation))
        {
            try
            {
                if (JsonSerializer.Deserialize(summary.Text, LiveJson.Default.LiveInstance) is { } one)
                {
                    all.Add(one with { Id = summary.Id, At = summary.At });
                }
            }
            catch (JsonException)
            {
                // Another version writes it in another form.
            }
        }

        return [.. all.OrderBy(one => one.Started)];
    }

    private async Task<IReadOnlyList<LiveImport>> ImportsAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return [.. (await imports.ListAsync(null, MaxImports, cancellation)).Select(import => new LiveImport(
            import.Id,
            Redaction.Mask(import.Register.Length > 0 ? import.Register : import.FileName),
            import.IsSilent(now) ? "interrupted" : ServiceMetrics.Name(import.State.ToString()).Replace('_', ' '),
            Redaction.Mask(import.Actor),
            import.Begun,
            import.Ended,
            import.Register.Length > 0 ? import.Additions + import.Changes + import.Removals : import.Recorded,
            import.Refused))];
    }

    private async Task<IReadOnlyList<LiveAct>> ActsAsync(CancellationToken cancellation)
    {
        TrailEntry[] entries = [.. (await trail.NewestAsync(MaxEntries, cancellation)).Select(stored => TrailEntry.Read(stored))];
        var results = entries.Where(entry => entry.Of is not null).ToDictionary(entry => entry.Of!.Value, entry => entry.Result);
        return [.. entries.Where(entry => entry.Of is null).TakeLast(MaxActs).Reverse().Select(entry => new LiveAct(
            entry.Time.ToUnixTimeMilliseconds(),
            Redaction.Mask(entry.Who),
            entry.Act,
            Redaction.Mask(entry.Result.Length > 0 ? entry.Result : results.GetValueOrDefault(entry.Number, ""))))];
    }
}

/// <summary>The board of the store; null if no other instance can share the store.</summary>
internal sealed record InstanceBoard(IInstanceBoard? Store);
