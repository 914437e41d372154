using Google.Protobuf.Collections;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Redis.Writing;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Maps stored timelines back to facts of the contract: resolves scopes and sources to names.</summary>
internal sealed class FactResolver(INameStore store, RegimeSet regimes)
{
    /// <summary>Adds every entry of a timeline, newest first.</summary>
    /// <param name="output">Receives the facts.</param>
    /// <param name="id">The timeline's id.</param>
    /// <param name="value">The stored value.</param>
    /// <param name="details">Evidence and reasons by effective time, if they were read.</param>
    /// <param name="at">The time that decides which entries are current.</param>
    /// <param name="cancellation">Cancels the lookup of names.</param>
    /// <returns>False if the value cannot be read.</returns>
    internal async Task<bool> AddAsync(
        RepeatedField<V1.KnownFact> output,
        FactId id,
        byte[] value,
        IReadOnlyDictionary<long, string>? details,
        CallMoment at,
        CancellationToken cancellation)
    {
        var entries = new FactEntry[Timeline.MaxEntries];
        var count = Timeline.Read(id.Kind, value, entries, out _);
        if (count < 0)
        {
            return false;
        }

        var scope = await ScopeAsync(id, cancellation);
        var decides = new bool[count];
        VersionsInEffect.Mark(id.Kind, entries.AsSpan(0, count), at, decides);
        for (var i = 0; i < count; i++)
        {
            var entry = entries[i];
            var source = await store.SourceAsync(entry.Source, cancellation);
            var fact = KnownFactMapping.Map(id, entry, scope, regimes);
            fact.Source = source?.Source ?? "";
            fact.Actor = source?.Actor ?? "";
            var known = new V1.KnownFact
            {
                Fact = fact,
                Recorded = FieldFaults.ToTimestamp(entry.Recorded * 1000L),
                Current = decides[i],
                ImportId = source?.ImportId ?? "",
                FromSnapshot = (entry.Marks & FactMarks.Snapshot) != 0,
            };
            if (details is not null && details.TryGetValue(entry.Effective, out var detail))
            {
                KnownFactMapping.AddDetail(known, detail);
            }

            output.Add(known);
        }

        return true;
    }

    /// <summary>Returns kind and scope of a timeline as a fact, without the content of any version.</summary>
    internal async Task<V1.Fact> SubjectAsync(FactId id, CancellationToken cancellation)
    {
        var fact = KnownFactMapping.Map(id, new FactEntry(), await ScopeAsync(id, cancellation), regimes);
        fact.Effective = null;
        fact.Consent?.Captured = null;
        fact.Relation?.Since = null;
        return fact;
    }

    private async ValueTask<string> ScopeAsync(FactId id, CancellationToken cancellation)
    {
        if (id.Scope == Scope.All)
        {
            return id.Kind == FactKind.Objection ? Scope.AllName : "";
        }

        foreach (var register in regimes.Registers)
        {
            if (id.Kind == FactKind.Registration && register.Scope == id.Scope)
            {
                return register.Name;
            }
        }

        return await store.NameAsync(id.Scope, cancellation) ?? "";
    }
}
