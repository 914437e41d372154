using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Server;
using Lookup.Server.Imports;
using Lookup.Server.Mapping;
using Lookup.Server.Trail;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>The destination of a register snapshot.</summary>
internal interface ISnapshotTarget : IAsyncDisposable
{
    /// <summary>Adds numbers.</summary>
    public Task AddAsync(SnapshotChunk chunk);

    /// <summary>Returns what the added numbers would change.</summary>
    public Task<V1.SnapshotDifference> CompareAsync(string fileSha256, long invalidLines);

    /// <summary>Applies the difference; returns the id of the import.</summary>
    public Task<string> ApplyAsync(bool acceptChange, Action<LoadSnapshotProgress> progress);
}

/// <summary>Loads a snapshot into a running service.</summary>
internal sealed class ServiceSnapshotTarget(LookupClient client, SnapshotUpload upload) : ISnapshotTarget
{
    public Task AddAsync(SnapshotChunk chunk) => upload.AddAsync(chunk.Numbers, chunk.Categories);

    public Task<V1.SnapshotDifference> CompareAsync(string fileSha256, long invalidLines) => upload.CompareAsync(fileSha256, invalidLines);

    public async Task<string> ApplyAsync(bool acceptChange, Action<LoadSnapshotProgress> progress) =>
        (await upload.ApplyAsync(acceptChange, progress)).ImportId;

    public ValueTask DisposeAsync()
    {
        upload.Dispose();
        client.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Loads a snapshot directly into a store; fills an empty redis store with a first load.</summary>
internal sealed class StoreSnapshotTarget(
    OpenStore store, StoreSettings settings, RegisterDefinition register, LoadSnapshotOpen open, TimeProvider clock, CancellationToken ct) : ISnapshotTarget
{
    // Assumes that running services have the default freshness bound.
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(new LookupServerOptions().FreshnessBoundMs);

    private readonly SnapshotLoad _load = new(store.Store.Manifest, store.Store.EncryptionKeys, store.Store.Imports, register.Name, open.SnapshotDate.ToDateTimeOffset().ToUnixTimeMilliseconds(), clock);
    private readonly NumberPseudonym[] _keys = new NumberPseudonym[SnapshotSource.ChunkSize];
    private StoredImport? _record;
    private Redis.Imports.SnapshotDifference? _difference;

    public Task AddAsync(SnapshotChunk chunk)
    {
        RegisterMapping.TryBits(register, chunk.Categories, out var bits, out _);
        store.Cipher.Encrypt(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(chunk.Numbers), _keys);
        for (var i = 0; i < chunk.Numbers.Count; i++)
        {
            _load.Add(_keys[i], bits);
        }

        return Task.CompletedTask;
    }

    public async Task<V1.SnapshotDifference> CompareAsync(string fileSha256, long invalidLines)
    {
        _record = ImportMapping.Read(open.Import) with
        {
            FileSha256 = fileSha256,
            Refused = invalidLines,
            Register = register.Name,
            SnapshotDate = open.SnapshotDate.ToDateTimeOffset().ToUnixTimeMilliseconds(),
        };
        var unfinished = await SnapshotImports.CheckAsync(store.Store.Imports, store.Store.Registry, register.Name, _record.SnapshotDate, clock, ct);
        _difference = await _load.CompareAsync(ct);
        var registry = await store.Store.Registry.ReadAsync(ct);
        return ImportMapping.ToProto(_difference, registry, open, unfinished);
    }

    public async Task<string> ApplyAsync(bool acceptChange, Action<LoadSnapshotProgress> progress)
    {
        var done = await store.RunAsync(
            TrailActs.Load(open, new LoadSnapshotApply { AcceptChange = acceptChange }),
            async () => new LoadSnapshotResponse { Done = new LoadSnapshotDone { ImportId = await ApplyAsync(progress) } },
            clock,
            ct);
        return done.Done.ImportId;
    }

    private async Task<string> ApplyAsync(Action<LoadSnapshotProgress> progress)
    {
        var total = _difference!.Additions + _difference.Removals + _difference.Changes;
        Func<long, Task> written = count =>
        {
            progress(new LoadSnapshotProgress { Written = count, Total = total });
            return Task.CompletedTask;
        };
        var health = await store.Store.Maintenance.ProbeAsync(ct);
        if (settings.Redis is { } redis && health.Facts == 0 && total >= DirectTargets.FirstLoadLines
            && await TryFillAsync(redis, written) is { } filled)
        {
            return filled;
        }

        var session = await SnapshotImports.OpenAsync(store.Store.Imports, store.Store.Registry, _record!, _difference, clock, ct);
        try
        {
            await _load.ApplyAsync(store.Store.Writer, store.Store.Registry, session, Settle, written, ct);
            return session.Id;
        }
        catch
        {
            await session.BreakOffAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private async Task<string?> TryFillAsync(string redis, Func<long, Task> written)
    {
        var init = new InitOptions { KeyCheck = store.Cipher.KeyCheck, ExpectedFacts = Math.Clamp(_difference!.Additions * 5 / 4, 1_000_000, 1_000_000_000) };
        FirstLoad load;
        try
        {
            load = await FirstLoad.BeginAsync(OpenStore.RedisOptions(settings), init, clock, ct);
        }
        catch (InvalidOperationException)
        {
            // The store has or had facts.
            return null;
        }

        await using var loading = load;
        var session = await ImportSession.BeginAsync(
            load.Imports, _record! with { Additions = _difference.Additions }, clock, ct);
        await _load.FillAsync(load, session, written, ct);
        await SnapshotLoad.SwitchAsync(store.Store.Registry, session, Settle, ct);
        return session.Id;
    }
}
