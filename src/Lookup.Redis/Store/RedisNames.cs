using System.Collections.Concurrent;
using System.Globalization;
using Lookup.Core.Facts;
using StackExchange.Redis;

namespace Lookup.Redis.Store;

/// <summary>Names behind scopes, and numbers of sources. Both only ever grow, so what was read once stays true.</summary>
internal sealed class RedisNames(RedisLink link, RedisValue epoch)
{
    /// <summary>Names or sources kept in this process; beyond it the memory starts anew.</summary>
    private const int MaxKnown = 100_000;

    // Neither source nor actor contains a control character.
    private const char Separator = '\u001f';

    private readonly ConcurrentDictionary<ulong, string> _names = new();
    private readonly ConcurrentDictionary<StoredSource, uint> _ids = new();
    private readonly ConcurrentDictionary<uint, StoredSource> _sources = new();

    /// <summary>Registers the names of facts, and refuses facts whose scope has another name.</summary>
    internal async Task RegisterAsync(IReadOnlyList<StoredFact> facts, WriteOutcome[] outcomes, CancellationToken cancellation)
    {
        // Not looked up again below: the memory may start anew meanwhile.
        var names = new Dictionary<ulong, string>();
        var unknown = new Dictionary<ulong, string>();
        for (var i = 0; i < facts.Count; i++)
        {
            var scope = facts[i].Id.Scope;
            if (scope == Scope.All || names.ContainsKey(scope) || unknown.ContainsKey(scope))
                continue;
            if (_names.TryGetValue(scope, out var known))
                names.Add(scope, known);
            else
                unknown.Add(scope, facts[i].ScopeName);
        }

        if (unknown.Count > 0)
            await RegisterAsync(unknown, names, cancellation);

        for (var i = 0; i < facts.Count; i++)
        {
            var scope = facts[i].Id.Scope;
            if (scope != Scope.All && names[scope] != facts[i].ScopeName)
                outcomes[i] = WriteOutcome.NameCollision;
        }
    }

    internal async ValueTask<string?> NameAsync(ulong scope, CancellationToken cancellation)
    {
        if (scope == Scope.All)
            return Scope.AllName;
        if (_names.TryGetValue(scope, out var known))
            return known;
        var name = await GlobalAsync(db => db.HashGetAsync(Keys.Names, Field(scope), CommandFlags.DemandMaster), cancellation);
        if (name.IsNull)
            return null;
        Keep(_names, scope, (string)name!);
        return name;
    }

    internal async ValueTask<uint> SourceIdAsync(string source, string actor, string importId, CancellationToken cancellation)
    {
        var key = new StoredSource(source, actor, importId);
        if (_ids.TryGetValue(key, out var known))
            return known;
        var answer = await link.ScriptAsync(
            Keys.Shared,
            Script.Source,
            [Keys.Manifest, Keys.Sources, Keys.SourceIds],
            [epoch, Text(key), importId.Length == 0 ? 0 : 1],
            cancellation);
        CheckEpoch(answer);
        var id = uint.Parse((string)answer[1]!, NumberStyles.None, CultureInfo.InvariantCulture);
        Keep(_ids, key, id);
        return id;
    }

    internal async ValueTask<StoredSource?> SourceAsync(uint id, CancellationToken cancellation)
    {
        if (_sources.TryGetValue(id, out var known))
            return known;
        var text = (string?)await GlobalAsync(
            db => db.HashGetAsync(Keys.SourceIds, id, CommandFlags.DemandMaster), cancellation);
        if (text is null)
            return null;
        var source = Source(text);
        Keep(_sources, id, source);
        return source;
    }

    /// <summary>The numbers of all sources of an import.</summary>
    internal async Task<IReadOnlySet<uint>> SourcesOfAsync(string importId, CancellationToken cancellation)
    {
        var entries = await GlobalAsync(db => db.HashGetAllAsync(Keys.SourceIds, CommandFlags.DemandMaster), cancellation);
        return entries
            .Where(entry => Source((string)entry.Value!).ImportId == importId)
            .Select(entry => uint.Parse((string)entry.Name!, NumberStyles.None, CultureInfo.InvariantCulture))
            .ToHashSet();
    }

    private static string Text(StoredSource source) => source.ImportId.Length == 0
        ? source.Source + Separator + source.Actor
        : source.Source + Separator + source.Actor + Separator + source.ImportId;

    private static StoredSource Source(string text) => text.Split(Separator) switch
    {
        [var source, var actor, var importId] => new StoredSource(source, actor, importId),
        [var source, var actor] => new StoredSource(source, actor),
        _ => new StoredSource(text, ""),
    };

    internal static void CheckEpoch(RedisResult[] answer)
    {
        if ((int)answer[0] == Script.OtherEpoch)
            throw RedisFaults.Epoch(answer.Length > 1 ? (RedisValue)answer[1] : RedisValue.Null);
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
            CheckEpoch(answer);
            for (var i = 0; i < chunk.Length; i++)
            {
                var name = (string)answer[i + 1]!;
                names.Add(chunk[i].Key, name);
                Keep(_names, chunk[i].Key, name);
            }
        }
    }

    private Task<T> GlobalAsync<T>(Func<IDatabase, Task<T>> read, CancellationToken cancellation) =>
        link.GlobalAsync(epoch, read, patient: false, cancellation);

    private static RedisValue Field(ulong scope) => scope.ToString("x12", CultureInfo.InvariantCulture);

    private static void Keep<TKey, TValue>(ConcurrentDictionary<TKey, TValue> known, TKey key, TValue value)
        where TKey : notnull
    {
        if (known.Count >= MaxKnown)
            known.Clear();
        known[key] = value;
    }
}
