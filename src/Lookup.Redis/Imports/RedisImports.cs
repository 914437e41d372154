using System.Globalization;
using System.Text.Json;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;
using StackExchange.Redis;

namespace Lookup.Redis.Imports;

/// <summary>Records of imports, in the slot of the manifest.</summary>
internal sealed class RedisImports(
    RedisTopology link, StoreManifest manifest, PartitionStates partitions, RedisNames names, RedisRegistry registry, KeyRotationState keys) : IImportStore
{
    // How long the record of an import that stored nothing is kept.
    private const long EmptyForMs = 24 * 3_600_000L;

    // Length of an id's date and time, without the fraction of the second.
    private const int DayTime = 15;

    private readonly RedisValue _epoch = StoreManifestFormat.Epoch(manifest.Epoch);

    public async Task<StoredImport?> FindAsync(string id, CancellationToken cancellation)
    {
        var text = await GlobalAsync(db => db.HashGetAsync(Keys.Imports, id, CommandFlags.DemandMaster), cancellation);
        return text.IsNull ? null : Read(text!);
    }

    public async Task<IReadOnlyList<StoredImport>> ListAsync(string? before, int most, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(most, IImportStore.MaxPage);
        await OrderAsync(cancellation);
        var found = new List<StoredImport>();
        while (found.Count < most)
        {
            var ids = await GlobalAsync(
                db => db.SortedSetRangeByScoreAsync(
                    Keys.ImportOrder,
                    stop: before is null ? double.PositiveInfinity : PlaceOf(before),
                    exclude: Exclude.Stop,
                    order: Order.Descending,
                    take: most - found.Count,
                    flags: CommandFlags.DemandMaster),
                cancellation);
            if (ids.Length == 0)
            {
                break;
            }

            found.AddRange(await ReadAsync(ids, cancellation));
            before = ids[^1];
        }

        return found;
    }

    public async Task<IReadOnlyList<StoredImport>> ListOfRegisterAsync(string register, CancellationToken cancellation)
    {
        await OrderAsync(cancellation);
        var ids = await GlobalAsync(db => db.SetMembersAsync(Keys.ImportsOf(register), CommandFlags.DemandMaster), cancellation);
        var found = new List<StoredImport>();
        foreach (var chunk in ids.Chunk(IImportStore.MaxPage))
        {
            found.AddRange(await ReadAsync(chunk, cancellation));
        }

        return [.. found.OrderByDescending(import => import.Id, StringComparer.Ordinal)];
    }

    public async Task<StoredImport?> TryPutAsync(StoredImport import, CancellationToken cancellation)
    {
        var text = JsonSerializer.Serialize(import, StoredImportJson.Default.StoredImport);
        var answer = await link.ScriptAsync(
            Keys.Shared,
            Script.Import,
            [Keys.Manifest, Keys.Imports, Keys.ImportOrder, Keys.EmptyImports, Keys.ImportsOf(import.Register), Keys.ImportSources(import.Id)],
            [
                _epoch, import.Id, import.Stored ?? "", text, (long)PlaceOf(import.Id), import.Register, import.IsEmpty ? 1 : 0, import.Touched,
                import.Touched - EmptyForMs,
            ],
            cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        return (int)answer[1] == 1 ? import with { Stored = text } : null;
    }

    public ValueTask<uint> SourceIdAsync(string source, string actor, string importId, SourceBudget? budget, CancellationToken cancellation) =>
        names.SourceIdAsync(source, actor, importId, budget, cancellation);

    public Task<StoredImport> RevertAsync(
        string id, RevertOrder order, TimeProvider clock, Action<double> progress, CancellationToken cancellation) =>
        new ImportRevert(link, manifest, partitions, registry, this, keys).RunAsync(id, order, clock, progress, cancellation);

    public async Task ScanAsync(int partition, FactId id, Action<NumberPseudonym, byte[]> found, CancellationToken cancellation)
    {
        var wanted = new byte[FactId.Size];
        id.WriteTo(wanted);
        await foreach (var (first, buckets) in new BucketScan(link).ReadAsync(partition, 0, cancellation))
        {
            for (var i = 0; i < buckets.Length; i++)
            {
                foreach (var entry in buckets[i])
                {
                    byte[] field = entry.Name!;
                    if (field.Length != Keys.FieldSize || !field.AsSpan(NumberPseudonym.FieldSize).SequenceEqual(wanted))
                    {
                        continue;
                    }
                    // During a key rotation each number has a second pseudonym.
                    var key = NumberPseudonym.FromField(first + i, field);
                    if (keys.IsRead(key))
                    {
                        found(key, entry.Value!);
                    }
                }
            }
        }

        // If the store was flushed during the scan, it would look as if nothing were stored.
        var meta = await link.WriteAsync(partition, db => db.HashGetAsync(Keys.Meta(partition), "e", CommandFlags.DemandMaster), cancellation);
        if (!keys.Accepts(meta))
        {
            throw RedisFaults.Epoch(meta);
        }
    }

    // Builds the index if records are missing from it: earlier versions write none.
    private async Task OrderAsync(CancellationToken cancellation)
    {
        Task<long>? ordered = null;
        var records = await GlobalAsync(
            async db =>
            {
                ordered = db.SortedSetLengthAsync(Keys.ImportOrder, flags: CommandFlags.DemandMaster);
                var records = db.HashLengthAsync(Keys.Imports, CommandFlags.DemandMaster);
                await ordered;
                return await records;
            },
            cancellation);
        if (records == await ordered!)
        {
            return;
        }

        await foreach (var entries in CursorScan.ReadAsync(link, _epoch, "HSCAN", Keys.Imports, cancellation))
        {
            StoredImport[] imports = [.. entries.Where((_, i) => i % 2 == 1).Select(text => Read(text!))];
            if (imports.Length > 0)
            {
                await GlobalAsync(db => OrderAsync(db, imports), cancellation);
            }
        }
    }

    private static async Task<bool> OrderAsync(IDatabase db, StoredImport[] imports)
    {
        SortedSetEntry[] places = [.. imports.Select(import => new SortedSetEntry(import.Id, PlaceOf(import.Id)))];
        await Task.WhenAll(
            [
                db.SortedSetAddAsync(Keys.ImportOrder, places, CommandFlags.DemandMaster),
                .. imports.Where(import => import.Register.Length > 0)
                    .Select(import => db.SetAddAsync(Keys.ImportsOf(import.Register), import.Id, CommandFlags.DemandMaster)),
            ]);
        return true;
    }

    private async Task<IEnumerable<StoredImport>> ReadAsync(RedisValue[] ids, CancellationToken cancellation)
    {
        var texts = await GlobalAsync(db => db.HashGetAsync(Keys.Imports, ids, CommandFlags.DemandMaster), cancellation);
        return texts.Where(text => !text.IsNull).Select(text => Read(text!));
    }

    // Seconds since 1970, followed by the last four digits of the id: below 2^53, so redis stores it exactly.
    private static double PlaceOf(string id) =>
        id.Length > DayTime + 1
        && DateTime.TryParseExact(id.AsSpan(0, DayTime), "yyyyMMdd-HHmmss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
        && ushort.TryParse(id.AsSpan(DayTime + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var part)
            ? ((time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond * 0x10000) + part
            : 0;

    private Task<T> GlobalAsync<T>(Func<IDatabase, Task<T>> read, CancellationToken cancellation) =>
        link.GlobalAsync(_epoch, read, patient: true, cancellation);

    private static StoredImport Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, StoredImportJson.Default.StoredImport)! with { Stored = text };
        }
        catch (JsonException e)
        {
            throw RedisFaults.Damaged(e);
        }
    }
}
