using System.Collections.Concurrent;
using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Writing;

/// <summary>Names of scopes, and numbers of sources. Both only ever grow, so values that were read stay valid.</summary>
internal sealed class RedisNames(RedisTopology link, RedisValue epoch) : INameStore
{
    /// <summary>Maximum number of cached names or sources; beyond it the cache is cleared.</summary>
    private const int MaxKnown = 100_000;

    private readonly ConcurrentDictionary<ulong, string> _names = new();
    private readonly ConcurrentDictionary<StoredSource, uint> _ids = new();
    private readonly ConcurrentDictionary<uint, StoredSource> _sources = new();

    /// <summary>Registers the names of facts, and rejects facts whose scope has another name.</summary>
    internal async Task RegisterAsync(IReadOnlyList<StoredFact> facts, WriteOutcome[] outcomes, CancellationToken cancellation)
    {
        // Kept locally: the cache may be cleared before the second use below.
        var names = new Dictionary<ulong, string>();
        var unknown = new Dictionary<ulong, string>();
        for (var i = 0; i < facts.Count; i++)
        {
            var scope = facts[i].Id.Scope;
            if (scope == Scope.All || names.ContainsKey(scope) || unknown.ContainsKey(scope))
            {
                continue;
            }

            if (_names.TryGetValue(scope, out var known))
            {
                names.Add(scope, known);
            }
            else
            {
                unknown.Add(scope, facts[i].ScopeName);
            }
        }

        if (unknown.Count > 0)
        {
            await RegisterAsync(unknown, names, cancellation);
        }

        for (var i = 0; i < facts.Count; i++)
        {
            var scope = facts[i].Id.Scope;
            if (scope != Scope.All && names[scope] != facts[i].ScopeName)
            {
                outcomes[i] = WriteOutcome.NameCollision;
            }
        }
    }

    /// <summary>Registers a name, and returns the registered name of its scope.</summary>
    internal async Task<string> ClaimAsync(string name, CancellationToken cancellation)
    {
        var scope = Scope.FromName(name);
        var names = new Dictionary<ulong, string>();
        await RegisterAsync(new Dictionary<ulong, string> { [scope] = name }, names, cancellation);
        return names[scope];
    }

    /// <inheritdoc/>
    public async ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation)
    {
        if (scope == Scope.All)
        {
            return Scope.AllName;
        }

        if (_names.TryGetValue(scope, out var known))
        {
            return known;
        }

        var name = await GlobalAsync(db => db.HashGetAsync(Keys.Names, Field(scope), CommandFlags.DemandMaster), cancellation);
        if (name.IsNull)
        {
            return null;
        }

        Cache(_names, scope, (string)name!);
        return name;
    }

    /// <inheritdoc/>
    public ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken cancellation) =>
        SourceIdAsync(source, actor, "", null, cancellation);

    /// <summary>Returns the number of a source; assigns one if it is new.</summary>
    /// <exception cref="TooManySourcesException">The budget is used up; known sources still return their number.</exception>
    internal async ValueTask<uint> SourceIdAsync(
        string source, string actor, string importId, SourceBudget? budget, CancellationToken cancellation)
    {
        var key = new StoredSource(source, actor, importId);
        if (_ids.TryGetValue(key, out var known))
        {
            return known;
        }

        var isImport = importId.Length > 0;
        var answer = await link.ScriptAsync(
            Keys.Shared,
            Script.Source,
            [Keys.Manifest, Keys.Sources, Keys.SourceIds, Keys.ImportSources(importId), Keys.NewSources(link.Clock.GetUtcNow())],
            [epoch, SourceText.Write(key), isImport ? "" : SourceText.WriteOld(key), isImport ? 1 : 0, budget?.Credential ?? "", budget?.MaxPerDay ?? 0],
            cancellation);
        RedisFaults.ThrowIfOtherEpoch(answer);
        if ((int)answer[0] == Script.NoneLeft)
        {
            throw new TooManySourcesException(budget!);
        }

        var id = uint.Parse((string)answer[1]!, NumberStyles.None, CultureInfo.InvariantCulture);
        Cache(_ids, key, id);
        return id;
    }

    /// <inheritdoc/>
    public async ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken cancellation)
    {
        if (_sources.TryGetValue(id, out var known))
        {
            return known;
        }

        var text = (string?)await GlobalAsync(
            db => db.HashGetAsync(Keys.SourceIds, id, CommandFlags.DemandMaster), cancellation);
        if (text is null)
        {
            return null;
        }

        SourceText.TryRead(id, text, out var source);
        Cache(_sources, id, source);
        return source;
    }

    private async Task RegisterAsync(
        Dictionary<ulong, string> unknown, Dictionary<ulong, string> names, CancellationToken cancellation)
    {
        foreach (var chunk in unknown.Chunk(RedisWriter.MaxBatch))
        {
            var arguments = new List<RedisValue> { epoch };
            foreach (var (scope, name) in chunk)
            {
                arguments.Add(Field(scope));
                arguments.Add(name);
            }

            var answer = await link.ScriptAsync(Keys.Shared, Script.Names, [Keys.Manifest, Keys.Names], [.. arguments], cancellation);
            RedisFaults.ThrowIfOtherEpoch(answer);
            for (var i = 0; i < chunk.Length; i++)
            {
                var name = (string)answer[i + 1]!;
                names.Add(chunk[i].Key, name);
                Cache(_names, chunk[i].Key, name);
            }
        }
    }

    private Task<T> GlobalAsync<T>(Func<IDatabase, Task<T>> read, CancellationToken cancellation) =>
        link.GlobalAsync(epoch, read, patient: false, cancellation);

    private static RedisValue Field(ulong scope) => scope.ToString("x12", CultureInfo.InvariantCulture);

    private static void Cache<TKey, TValue>(ConcurrentDictionary<TKey, TValue> known, TKey key, TValue value)
        where TKey : notnull
    {
        if (known.Count >= MaxKnown)
        {
            known.Clear();
        }

        known[key] = value;
    }
}
