using System.Collections.Concurrent;
using Lookup.Core.Decisions;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Redis;
using Lookup.Redis.Reading;
using Lookup.Redis.Writing;
using Lookup.Server.Telemetry;
using Microsoft.Extensions.Logging;
using Prometheus;

namespace Lookup.Server.Reading;

/// <summary>
/// Decides whether facts count for a question: the registered name of their scope must be the one that the question means; see
/// <see cref="MeantName"/>. The name of a scope never changes, so a name read once stays valid. Thread-safe.
/// </summary>
internal sealed class ScopeNames(INameStore store, ServiceMetrics? metrics = null, ILogger<ScopeNames>? log = null)
{
    // When full, it is emptied.
    private const int MaxKnown = 100_000;

    // Collisions that are logged; further ones are only counted.
    private const int MaxLogged = 1_000;

    private readonly ConcurrentDictionary<ulong, string> _names = new();
    private readonly ConcurrentDictionary<FactId, bool> _logged = new();
    private readonly Counter? _foreign = metrics?.Factory.CreateCounter(
        "lookup_foreign_scopes_total", "Facts ignored because they were recorded under another name with the same hash.");

    /// <summary>The error for a name whose scope is taken; names the other one if the caller may know it.</summary>
    internal static string Collision(string name, string? other) =>
        $"The name {name} has the same hash as {(other is null ? "another name" : other)}, which is already in use; choose another name.";

    /// <summary>Returns whether a timeline has the name that the question means; null if the name is not in memory yet.</summary>
    internal bool? IsMeant(Rules rules, in Question question, in FactId id) =>
        id.Scope == Scope.All ? true
        : _names.TryGetValue(id.Scope, out var name) ? MeantName.Matches(rules, question, id, name)
        : null;

    /// <summary>Reads the name of a scope from the store, so that <see cref="IsMeant"/> knows it unless the store has none.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    internal async ValueTask LearnAsync(ulong scope, CancellationToken cancellation)
    {
        if (scope != Scope.All && !_names.ContainsKey(scope) && await store.NameAsync(scope, cancellation) is { } name)
        {
            Learn(scope, name);
        }
    }

    /// <summary>Does the same for every scope that has facts in a batch.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer.</exception>
    internal async ValueTask LearnAsync(ReadBatch batch, CancellationToken cancellation)
    {
        HashSet<ulong>? missed = null;
        for (var item = 0; item < batch.Count; item++)
        {
            for (var i = 0; batch.Fault(item) is null && i < batch.Ids(item).Length; i++)
            {
                var scope = batch.Ids(item)[i].Scope;
                if (scope != Scope.All && !batch.Value(item, i).IsNull && !_names.ContainsKey(scope) && (missed ??= []).Add(scope))
                {
                    await LearnAsync(scope, cancellation);
                }
            }
        }
    }

    /// <summary>Adds a name to the memory.</summary>
    internal void Learn(ulong scope, string name)
    {
        if (_names.Count >= MaxKnown)
        {
            _names.Clear();
        }

        _names[scope] = name;
    }

    /// <summary>Counts and logs a timeline of another name, and returns its replacement, <see cref="MeantName.Foreign"/>.</summary>
    internal StoredValue Reject(in Question question, in FactId id)
    {
        _foreign?.Inc();
        if (log is not null && _logged.Count < MaxLogged && _logged.TryAdd(id, true))
        {
            log.LogWarning(
                "Facts of {Registered} do not count for {Organisation}{Group}: both names have the scope {Scope:x12}. The second name may have been chosen for that.",
                _names.GetValueOrDefault(id.Scope, "an unknown name"),
                question.OrganisationName,
                question.GroupName.Length == 0 ? "" : Scope.GroupSeparator + question.GroupName,
                id.Scope);
        }

        return MeantName.Foreign;
    }
}
