// For: undoing one import, exactly, while others read and write.
//
// Every entry has the number of its source, and a source of an import belongs to it alone. So all buckets are read; a
// version that only the import asserted is removed, and one that others assert too becomes what they assert (TimelineRevert).
// Each change is a compare and set through the feed, so followers see it. If the import is a snapshot, its date is removed
// first: from then on the register counts as of the snapshot before, and what the import added or removed has no effect.
// Blocks of number ranges lose what the import recorded, in the same way.
//
// The record of the import stores the progress, so a revert that was killed continues from there. Running it again changes
// nothing.
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Imports;

/// <summary>Request to revert an import.</summary>
/// <param name="DryRun">Count only, change nothing.</param>
/// <param name="Actor">The person who requests it.</param>
/// <param name="Reason">The reason.</param>
public sealed record RevertOrder(bool DryRun, string Actor, string Reason)
{
    /// <summary>The stored record that was approved; a changed record is not reverted. Null accepts any.</summary>
    public string? Expected { get; init; }
}

/// <summary>Reverts imports.</summary>
internal sealed class ImportRevert(
    RedisTopology link,
    StoreManifest manifest,
    PartitionStates partitions,
    RedisRegistry registry,
    RedisImports imports,
    KeyRotationState keys)
{
    private readonly RedisValue _epoch = StoreManifestFormat.Epoch(manifest.Epoch);

    // The accepted epochs at the start: the revert ends if the key rotation advances.
    private RedisValue _acceptedEpochs;

    // Interval at which the progress is saved.
    private static readonly TimeSpan SavePause = TimeSpan.FromSeconds(1);

    internal async Task<StoredImport> RunAsync(
        string id, RevertOrder order, TimeProvider clock, Action<double> progress, CancellationToken cancellation)
    {
        var import = await imports.FindAsync(id, cancellation) ?? throw new ImportException("There is no import with this id in this store.");
        if (import.State == ImportState.Reverted)
        {
            return import;
        }

        if (order.Expected is { } expected && import.Stored != expected)
        {
            throw new ImportException($"The import {id} changed at the same time; revert it again.");
        }

        var state = keys.Current;
        // Timelines copied to the new key at the wrong moment would reappear.
        if (state.Phase.IsBoth)
        {
            throw new ImportException("The store's encryption key is being rotated: revert the import after 'lookup rekey' has ended.");
        }

        _acceptedEpochs = state.AcceptedEpochs;
        await CheckAsync(import, clock, cancellation);
        var revert = import.Revert ?? new StoredRevert
        {
            Begun = clock.GetUtcNow().ToUnixTimeMilliseconds(),
            Actor = order.Actor,
            Reason = order.Reason,
        };
        if (order.DryRun)
        {
            // The counts already include earlier runs.
            var scanned = await ScanAsync(import with { Revert = revert }, order, clock, progress, cancellation);
            return import with { Revert = scanned.Revert };
        }

        // Uncertain sources stop the revert before it changes anything. They are read again below, when no more can be added.
        if (!import.ListsSources)
        {
            await SourcesOfAsync(import, cancellation);
        }

        import = await PutAsync(import with { State = ImportState.Reverting, Revert = revert }, cancellation);
        if (import.Register.Length > 0)
        {
            await registry.RemoveSnapshotAsync(import.Register, import.SnapshotDate, cancellation);
        }

        import = await ScanAsync(import, order, clock, progress, cancellation);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return await PutAsync(
            import with { State = ImportState.Reverted, Revert = import.Revert! with { Ended = now } }, cancellation);
    }

    private async Task CheckAsync(StoredImport import, TimeProvider clock, CancellationToken cancellation)
    {
        if (import.State == ImportState.Running && !import.IsSilent(clock.GetUtcNow().ToUnixTimeMilliseconds()))
        {
            throw new ImportException($"The import {import.Id} is running: stop it first. If its process has crashed, wait a minute.");
        }

        if (import.Register.Length == 0)
        {
            return;
        }

        var newer = (await imports.ListOfRegisterAsync(import.Register, cancellation)).FirstOrDefault(other =>
            other.SnapshotDate > import.SnapshotDate && other.State != ImportState.Reverted);
        if (newer is not null)
        {
            throw new ImportException($"The load {newer.Id} of a newer snapshot of this register depends on it: revert that one first.");
        }
    }

    private async Task<StoredImport> ScanAsync(
        StoredImport import, RevertOrder order, TimeProvider clock, Action<double> progress, CancellationToken cancellation)
    {
        var revert = import.Revert!;
        var tally = new RevertTally(revert.Counts);
        var sources = await SourcesOfAsync(import, cancellation);
        var scan = new RevertScan(link, manifest, partitions, sources, _acceptedEpochs);
        var saved = clock.GetTimestamp();
        for (var p = revert.Partition; p < manifest.Partitions && sources.Count > 0; p++)
        {
            var from = p == revert.Partition ? revert.Bucket : 0;
            await foreach (var (first, buckets) in new BucketScan(link).ReadAsync(p, from, cancellation))
            {
                var items = await scan.FindAsync(p, first, buckets, cancellation);
                if (order.DryRun)
                {
                    items.ForEach(item => tally.Add(item.Id.Kind, item.After));
                }
                else
                {
                    await scan.ApplyAsync(p, items, tally, cancellation);
                }

                progress((p + ((first + buckets.Length) / (double)NumberPseudonym.Buckets)) / manifest.Partitions);
                if (!order.DryRun && clock.GetElapsedTime(saved) >= SavePause)
                {
                    import = await PutAsync(
                        import with { Revert = revert with { Partition = p, Bucket = first + buckets.Length, Counts = tally.Counts } },
                        cancellation);
                    saved = clock.GetTimestamp();
                }
            }
        }

        await RevertBlocksAsync(sources, order, tally, cancellation);
        return import with { Revert = revert with { Partition = manifest.Partitions, Bucket = 0, Counts = tally.Counts } };
    }

    private async Task RevertBlocksAsync(IReadOnlySet<uint> sources, RevertOrder order, RevertTally tally, CancellationToken cancellation)
    {
        BlockChange[] changes =
        [
            .. (await registry.ReadAsync(cancellation)).Blocks.All
                .Where(block => block.Entries.Any(entry => sources.Contains(entry.Source)))
                .Select(block => new BlockChange(block.Organisation, block.Range, known => known.WithoutSources(sources))),
        ];
        if (!order.DryRun && changes.Length > 0)
        {
            await registry.ChangeBlocksAsync(changes, cancellation);
        }

        tally.AddBlocks(changes.Length);
    }

    /// <summary>Returns the numbers of all sources of an import.</summary>
    /// <exception cref="ImportException">A source that cannot be parsed may belong to the import.</exception>
    private async Task<IReadOnlySet<uint>> SourcesOfAsync(StoredImport import, CancellationToken cancellation)
    {
        var sources = new HashSet<uint>();
        await foreach (var ids in CursorScan.ReadAsync(link, _epoch, "SSCAN", Keys.ImportSources(import.Id), cancellation))
        {
            sources.UnionWith(ids.Select(id => (uint)id));
        }

        if (!import.ListsSources)
        {
            await AddUnlistedAsync(import.Id, sources, cancellation);
        }

        return sources;
    }

    // An earlier version, which lists no sources, worked on the import: read all sources of the store.
    private async Task AddUnlistedAsync(string importId, HashSet<uint> sources, CancellationToken cancellation)
    {
        await foreach (var entries in CursorScan.ReadAsync(link, _epoch, "HSCAN", Keys.SourceIds, cancellation))
        {
            for (var i = 0; i < entries.Length; i += 2)
            {
                var (id, text) = ((uint)entries[i], (string)entries[i + 1]!);
                if (SourceText.TryRead(id, text, out var source))
                {
                    if (source.ImportId == importId)
                    {
                        sources.Add(id);
                    }
                }
                else if (text.Contains(importId, StringComparison.Ordinal))
                {
                    throw new ImportException(
                        $"Source {id} of the store may or may not belong to the import {importId}: an earlier version stored it ambiguously. Nothing was reverted; see \"Undoing an import\" in docs/guide/import.md.");
                }
            }
        }
    }

    private async Task<StoredImport> PutAsync(StoredImport import, CancellationToken cancellation) =>
        await imports.TryPutAsync(import, cancellation)
        ?? throw new ImportException($"Another process continues or reverts the import {import.Id}.");
}
