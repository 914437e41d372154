using System.Collections.Concurrent;
using System.Globalization;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Writing;

/// <summary>Names of scopes, and numbers of sources. Both only ever grow, so values that were read stay valid.</summary>
internal sealed class RedisNames(RedisTopology link, RedisValue epoch) : INameStore
{
    /// <summary>Maximum number of cached names or sources; beyond it the cache is cleared.</summary>
    private const int MaxKnown = 100_000;

    private readonly ConcurrentDictionary<ulong, Registered> _names = new();
    private readonly ConcurrentDictionary<StoredSource, uint> _ids = new();
    private readonly ConcurrentDictionary<uint, StoredSource> _sources = new();

    /// <summary>Registers the names of facts, and rejects facts whose scope has another name.</summary>
    internal async Task RegisterAsync(IReadOnlyList<StoredFact> facts, WriteOutcome[] outcomes, CancellationToken cancellation)
    {
        var wanted = new Dictionary<ulong, Registered>();
        foreach (var fact in facts)
        {
            var isResult = fact.Id.Kind is FactKind.Attempt or FactKind.Refusal;
            Want(wanted, fact.Id.Scope, fact.ScopeName, isResult);
            // Facts of a product group make the organisation known, too.
            if (!isResult && fact.ScopeName.IndexOf(Scope.GroupSeparator) is > 0 and var end && fact.ScopeName[..end] is var organisation)
            {
                Want(wanted, Scope.FromName(organisation), organisation, isResult);
            }
        }

        var names = await RegisterAsync(wanted, cancellation);
        for (var i = 0; i < facts.Count; i++)
        {
            var scope = facts[i].Id.Scope;
            if (scope != Scope.All && names[scope] != facts[i].ScopeName)
            {
                outcomes[i] = WriteOutcome.NameCollision;
            }
        }
    }

    private static void Want(Dictionary<ulong, Registered> wanted, ulong scope, string name, bool isResult)
    {
        if (scope != Scope.All && !(wanted.TryGetValue(scope, out var other) && (isResult || !other.ByCallsOnly)))
        {
            wanted[scope] = new Registered(other.Name ?? name, isResult);
        }
    }

    /// <summary>Registers a name, and returns the registered name of its scope.</summary>
    internal async Task<string> ClaimAsync(string name, CancellationToken cancellation)
    {
        var scope = Scope.FromName(name);
        return (await RegisterAsync(new Dictionary<ulong, Registered> { [scope] = new(name, ByCallsOnly: false) }, cancellation))[scope];
    }

    /// <inheritdoc/>
    public async ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation) =>
        scope == Scope.All ? Scope.AllName
        : _names.TryGetValue(scope, out var known) ? known.Name
        : (await ReadAsync(scope, cancellation))?.Name;

    /// <inheritdoc/>
    public async ValueTask<bool> IsKnownAsync(ulong scope, CancellationToken cancellation) =>
        IsKnownInMemory(scope) || await ReadAsync(scope, cancellation) is { ByCallsOnly: false };

    /// <inheritdoc/>
    public bool IsKnownInMemory(ulong scope) => scope == Scope.All || (_names.TryGetValue(scope, out var known) && !known.ByCallsOnly);

    private async ValueTask<Registered?> ReadAsync(ulong scope, CancellationToken cancellation)
    {
        var values = await GlobalAsync(db => db.HashGetAsync(Keys.Names, [Field(scope), Mark(scope)], CommandFlags.DemandMaster), cancellation);
        if (values[0].IsNull)
        {
            return null;
        }

        var read = new Registered((string)values[0]!, !values[1].IsNull);
        Cache(_names, scope, read);
        return read;
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

    // Returns the registered name of each scope.
    private async Task<Dictionary<ulong, string>> RegisterAsync(Dictionary<ulong, Registered> wanted, CancellationToken cancellation)
    {
        // Kept locally: the cache may be cleared before the names are used.
        var names = new Dictionary<ulong, string>(wanted.Count);
        var unknown = new List<KeyValuePair<ulong, Registered>>();
        foreach (var one in wanted)
        {
            if (_names.TryGetValue(one.Key, out var known) && (one.Value.ByCallsOnly || !known.ByCallsOnly))
            {
                names.Add(one.Key, known.Name);
            }
            else
            {
                unknown.Add(one);
            }
        }

        foreach (var chunk in unknown.Chunk(RedisWriter.MaxBatch))
        {
            var arguments = new List<RedisValue> { epoch };
            foreach (var (scope, wish) in chunk)
            {
                arguments.AddRange([Field(scope), wish.Name, wish.ByCallsOnly ? "1" : "0"]);
            }

            var answer = await link.ScriptAsync(Keys.Shared, Script.Names, [Keys.Manifest, Keys.Names], [.. arguments], cancellation);
            RedisFaults.ThrowIfOtherEpoch(answer);
            for (var i = 0; i < chunk.Length; i++)
            {
                var registered = new Registered((string)answer[(2 * i) + 1]!, (bool)answer[(2 * i) + 2]);
                names.Add(chunk[i].Key, registered.Name);
                Cache(_names, chunk[i].Key, registered);
            }
        }

        return names;
    }

    private Task<T> GlobalAsync<T>(Func<IDatabase, Task<T>> read, CancellationToken cancellation) =>
        link.GlobalAsync(epoch, read, patient: false, cancellation);

    private static RedisValue Field(ulong scope) => scope.ToString("x12", CultureInfo.InvariantCulture);

    private static RedisValue Mark(ulong scope) => $"{Field(scope)}:calls";

    private static void Cache<TKey, TValue>(ConcurrentDictionary<TKey, TValue> known, TKey key, TValue value)
        where TKey : notnull
    {
        if (known.Count >= MaxKnown)
        {
            known.Clear();
        }

        known[key] = value;
    }

    // ByCallsOnly: only attempts and refusals have used the name, as those of a dialer that misspells it.
    private readonly record struct Registered(string Name, bool ByCallsOnly);
}
