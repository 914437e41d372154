using System.Text.Json;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Store;
using StackExchange.Redis;

namespace Lookup.Redis;

/// <summary>Records of imports, in the slot of the manifest.</summary>
internal sealed class RedisImports(
    RedisLink link, StoreManifest manifest, PartitionStates partitions, RedisNames names, RedisRegistry registry, StoreKeys keys) : IImportStore
{
    private readonly RedisValue _epoch = StoreManifestFormat.Epoch(manifest.Epoch);

    public async Task<StoredImport?> FindAsync(string id, CancellationToken cancellation)
    {
        var text = await GlobalAsync(db => db.HashGetAsync(Keys.Imports, id, CommandFlags.DemandMaster), cancellation);
        return text.IsNull ? null : Read(text!);
    }

    public async Task<IReadOnlyList<StoredImport>> ListAsync(CancellationToken cancellation)
    {
        var entries = await GlobalAsync(db => db.HashGetAllAsync(Keys.Imports, CommandFlags.DemandMaster), cancellation);
        return [.. entries.Select(entry => Read(entry.Value!)).OrderByDescending(import => import.Id, StringComparer.Ordinal)];
    }

    public async Task<StoredImport?> TryPutAsync(StoredImport import, CancellationToken cancellation)
    {
        var text = JsonSerializer.Serialize(import, StoredImportJson.Default.StoredImport);
        var answer = await link.ScriptAsync(
            Keys.Shared, Script.Import, [Keys.Manifest, Keys.Imports], [_epoch, import.Id, import.Stored ?? "", text], cancellation);
        RedisNames.CheckEpoch(answer);
        return (int)answer[1] == 1 ? import with { Stored = text } : null;
    }

    public ValueTask<uint> SourceIdAsync(string source, string actor, string importId, CancellationToken cancellation) =>
        names.SourceIdAsync(source, actor, importId, cancellation);

    public Task<StoredImport> RevertAsync(
        string id, RevertOrder order, TimeProvider clock, Action<double> progress, CancellationToken cancellation) =>
        new ImportRevert(link, manifest, partitions, names, registry, this, keys).RunAsync(id, order, clock, progress, cancellation);

    public async Task ScanAsync(int partition, FactId id, Action<NumberKey, byte[]> found, CancellationToken cancellation)
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
                    if (field.Length != Keys.FieldSize || !field.AsSpan(NumberKey.FieldSize).SequenceEqual(wanted))
                        continue;
                    // While the number key is changed, there is another one of each number.
                    var key = NumberKey.FromField(first + i, field);
                    if (keys.IsRead(key))
                        found(key, entry.Value!);
                }
            }
        }

        // A store that was flushed meanwhile would look as if all were gone.
        var meta = await link.WriteAsync(partition, db => db.HashGetAsync(Keys.Meta(partition), "e", CommandFlags.DemandMaster), cancellation);
        if (!keys.Takes(meta))
            throw RedisFaults.Epoch(meta);
    }

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
