// For: knowing the current organisations, registers, credentials, grants and blocks at the cost of one small read.
//
// Each change increments the registry's version in the manifest. A version alone proves nothing: a registry that was restored from
// an older copy, and changed since, reaches the same version with other content. So each version has a random mark, of which the
// manifest has the newest. What this process read is reused only while version and mark are the same. The last version that it saw
// must be among those that lead to the present one, with the same mark; otherwise a change is lost, perhaps a revocation, and the
// whole store is rejected as rolled back. The content must also match the sum in the manifest, so a hash that was restored or
// edited separately is not trusted.
using System.Globalization;
using Lookup.Redis.Credentials;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Registers;

/// <summary>Organisations, register snapshots, credentials, grants and blocks, in the slot of the manifest.</summary>
internal sealed class RedisRegistry(
    RedisTopology link, PartitionStates partitions, Fences fences, RedisValue epoch, KeyRotationState keys) : IRegistryStore
{
    // Attempts of a read that changes overtake.
    private const int MaxRounds = 8;

    private static readonly RedisValue[] ManifestFields = ["epoch", "registry", "state", "keys", RegistryStamp.Field];
    // All but the blocks, which are read by their changes.
    private static readonly RedisKey[] ReadWhole = [.. RegistryStamp.Hashes.Where(hash => hash != Keys.Blocks)];

    private Known? _last;
    private BlockState _blocks = BlockState.Nothing;
    private RegistryPosition _confirmed = new(0, null);
    private StoreUnavailableException? _damage;

    /// <inheritdoc/>
    public async Task<Registry> ReadAsync(CancellationToken cancellation)
    {
        // The lower bounds of the answer must be taken before the request is sent.
        partitions.ThrowIfRolledBack();
        var last = Volatile.Read(ref _last);
        var confirmed = Volatile.Read(ref _confirmed);
        var phase = keys.Current.Phase;
        var started = link.Clock.GetTimestamp();
        var history = fences.IsOn ? await fences.RaiseAsync(link.GetServer(Keys.Shared), [Keys.Shared], cancellation) : "";
        // A failover may undo what was read but had reached no replica.
        if (last?.History != history)
        {
            // Blocks that are still being read for the first time were not used yet, and their sum will tell.
            if (last is not null)
            {
                Volatile.Write(ref _blocks, BlockState.Nothing);
            }

            last = null;
        }

        var stamp = await ReadManifestAsync(started, last?.Position, confirmed, phase, cancellation);
        if (last is not null && stamp.Is(last.Position))
        {
            return last.Registry;
        }

        for (var round = 0; round < MaxRounds; round++)
        {
            var upto = Volatile.Read(ref _blocks).Upto;
            if (await TryReadAllAsync(stamp.Position, history, cancellation) is { } registry)
            {
                return registry;
            }

            // A page of blocks is progress.
            round -= Volatile.Read(ref _blocks).Upto > upto ? 1 : 0;
        }

        throw RedisFaults.Timeout();
    }

    /// <summary>Throws if the last read found a registry that does not match its sum.</summary>
    internal void ThrowIfDamaged()
    {
        if (Volatile.Read(ref _damage) is { } damage)
        {
            throw new StoreUnavailableException(damage.Fault, damage.Message);
        }
    }

    /// <inheritdoc/>
    public Task PutOrganisationAsync(StoredOrganisation organisation, CancellationToken cancellation) =>
        SetAsync(Keys.Organisations, organisation.Name, StoredOrganisationFormat.Write(organisation), cancellation);

    /// <inheritdoc/>
    public Task<bool[]> ChangeBlocksAsync(IReadOnlyList<BlockChange> changes, CancellationToken cancellation) =>
        RedisBlocks.ChangeAsync(link, epoch, changes, cancellation);

    /// <inheritdoc/>
    public Task AddSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        SetAsync(Keys.Snapshots, Snapshot(register, date), "1", cancellation);

    internal Task RemoveSnapshotAsync(string register, long date, CancellationToken cancellation) =>
        SetAsync(Keys.Snapshots, Snapshot(register, date), "", cancellation);

    private static string Snapshot(string register, long date) => string.Create(CultureInfo.InvariantCulture, $"{register}|{date}");

    private Task SetAsync(RedisKey hash, string field, string value, CancellationToken cancellation) =>
        RegistryStamp.SetAsync(link, epoch, hash, field, value, cancellation);

    /// <summary>
    /// Repairs the registry after a server without atomic recovery of scripts restarted: drops a stamp that does not match the
    /// content, because a change was interrupted before it was acknowledged. The next change computes it again.
    /// </summary>
    internal static async Task RecoverAsync(RedisTopology link, CancellationToken cancellation)
    {
        var manifest = await link.WriteAsync(
            Keys.Shared, db => db.HashGetAsync(Keys.Manifest, ["registry", RegistryStamp.Field], CommandFlags.DemandMaster), cancellation);
        var hashes = await link.WriteAsync(
            Keys.Shared, db => Task.WhenAll(RegistryStamp.Hashes.Select(hash => db.HashGetAllAsync(hash, CommandFlags.DemandMaster))), cancellation);
        if (RegistryStamp.Read(manifest[0], manifest[1]).Sum is { } sum && sum != RegistryStamp.SumOf(hashes))
        {
            await link.WriteAsync(Keys.Shared, db => db.HashDeleteAsync(Keys.Manifest, RegistryStamp.Field), cancellation);
        }
    }

    private async Task<RegistryStamp> ReadManifestAsync(
        long started, RegistryPosition? last, RegistryPosition confirmed, KeyRotationPhase phase, CancellationToken cancellation)
    {
        Task<RedisValue>? stamps = null;
        var manifest = await link.ReadAsync(
            Keys.Shared,
            async db =>
            {
                stamps = fences.IsOn ? db.HashGetAsync(Keys.Manifest, fences.Field, CommandFlags.DemandMaster) : null;
                var manifest = db.HashGetAsync(Keys.Manifest, ManifestFields, CommandFlags.DemandMaster);
                await (stamps ?? Task.CompletedTask);
                return await manifest;
            },
            cancellation);
        var proof = stamps is null ? default : fences.GetProof(Keys.Shared, await stamps);
        if (stamps is not null && proof.AsOf < started)
        {
            throw StoreUnavailableException.Unconfirmed();
        }

        var read = Check(manifest, phase);
        // Replicas have the version at the fence.
        if (read.Version < proof.Version || (last is not null && !read.Follows(last)) || !read.Follows(confirmed))
        {
            throw partitions.RollBack();
        }

        if (stamps is not null)
        {
            Confirm(new RegistryPosition(proof.Version, read.MarkOf(proof.Version)));
        }

        return read;
    }

    private void Confirm(RegistryPosition position)
    {
        var confirmed = Volatile.Read(ref _confirmed);
        while (position.Version > confirmed.Version)
        {
            var before = Interlocked.CompareExchange(ref _confirmed, position, confirmed);
            if (before == confirmed)
            {
                return;
            }

            confirmed = before;
        }
    }

    // Returns null if the registry changed during the read.
    private async Task<Registry?> TryReadAllAsync(RegistryPosition floor, string history, CancellationToken cancellation)
    {
        var phase = keys.Current.Phase;
        var known = Volatile.Read(ref _blocks);
        Task<RedisValue[]>? before = null;
        Task<HashEntry[]>[]? reads = null;
        Task<RedisResult>? changes = null;
        var after = await link.ReadAsync(
            Keys.Shared,
            async db =>
            {
                before = db.HashGetAsync(Keys.Manifest, ManifestFields, CommandFlags.DemandMaster);
                reads = [.. ReadWhole.Select(hash => db.HashGetAllAsync(hash, CommandFlags.DemandMaster))];
                changes = RedisBlocks.RequestAsync(db, known);
                var after = db.HashGetAsync(Keys.Manifest, ManifestFields, CommandFlags.DemandMaster);
                await before;
                await Task.WhenAll(reads);
                await changes;
                return await after;
            },
            cancellation);
        var stamp = Check(await before!, phase);
        if (!stamp.Follows(floor))
        {
            throw partitions.RollBack();
        }

        var blocks = RedisBlocks.Apply(known, await changes!, out var isCaughtUp);
        if (!isCaughtUp || Check(after, phase) != stamp)
        {
            Volatile.Write(ref _blocks, blocks);
            return null;
        }

        var hashes = reads!.Select(read => read.Result).ToArray();
        if (stamp.Sum is { } sum && sum != RegistryStamp.Add(RegistryStamp.SumOf(hashes), blocks.Sum))
        {
            // Read all blocks once more: the changes may not tell all.
            Volatile.Write(ref _blocks, BlockState.Nothing);
            if (blocks.IsVerified)
            {
                return null;
            }

            var damage = RedisFaults.Registry();
            Volatile.Write(ref _damage, damage);
            throw damage;
        }

        Volatile.Write(ref _damage, null);
        blocks.Blocks.Prepare();
        Volatile.Write(ref _blocks, blocks with { IsVerified = true });
        var registry = new Registry(
            stamp.Version,
            [.. hashes[0].Select(entry => StoredOrganisationFormat.Read((string)entry.Name!, (string)entry.Value!))],
            hashes[1]
                .Select(entry => ((string)entry.Name!).Split('|'))
                .GroupBy(parts => parts[0], StringComparer.Ordinal)
                .ToDictionary(
                    group => group.Key,
                    group => group.Select(parts => long.Parse(parts[1], CultureInfo.InvariantCulture)).Order().ToArray(),
                    StringComparer.Ordinal),
            [.. hashes[2].Select(RedisAccess.Credential)],
            [.. hashes[3].Select(RedisAccess.Grant)],
            blocks.Blocks);
        Volatile.Write(ref _last, new Known(registry, stamp.Position, history));
        return registry;
    }

    private RegistryStamp Check(RedisValue[] manifest, KeyRotationPhase known)
    {
        if (manifest[0] != epoch)
        {
            throw RedisFaults.Epoch(manifest[0]);
        }

        if (manifest[2] != StoreManifestFormat.Ready)
        {
            throw RedisFaults.Epoch(StoreManifestFormat.LoadingEpoch);
        }

        keys.Advance(KeyRotationPhase.Parse(manifest[3], known.Key), known.Number);
        return RegistryStamp.Read(manifest[1], manifest[4]);
    }

    // Another history may assign the same version to other content.
    private sealed record Known(Registry Registry, RegistryPosition Position, string History);
}
