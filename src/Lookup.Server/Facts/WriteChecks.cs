using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Imports;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Store;

namespace Lookup.Server.Facts;

/// <summary>What the facts or blocks of one request are checked for alike: the grant, the limit of sources and the organisation's spelling.</summary>
/// <param name="names">Has the names of organisations with facts.</param>
/// <param name="imports">Assigns the numbers of sources.</param>
/// <param name="registry">The records of organisations; null if only facts define organisations.</param>
/// <param name="options">Has the limit of new sources; null for no limit.</param>
/// <param name="import">The import of the request, or null.</param>
/// <param name="caller">Who sent the request.</param>
/// <param name="now">Time of the request, in milliseconds since 1970.</param>
internal sealed class WriteChecks(
    INameStore names, IImportStore imports, RegistryReplica? registry, LookupServerOptions? options, ImportSession? import, Caller caller, long now)
{
    // Source of what must not be lost once the limit is reached.
    private const string ManySources = "(more new sources than a day may have)";

    private readonly SourceBudget? _budget = options is { MaxNewSourcesPerDay: > 0 } limited ? new SourceBudget(caller.Id, limited.MaxNewSourcesPerDay) : null;
    private readonly Dictionary<string, bool> _unknown = new(StringComparer.Ordinal);

    /// <summary>Adds a fault if the caller has no grant for an organisation.</summary>
    internal void CheckGrant(string organisation, string field, List<FieldFault> faults)
    {
        if (!caller.May(organisation, now))
        {
            faults.Add(new FieldFault(field, organisation == Scope.AllName
                ? "The credential has no grant for facts that concern all organisations (\"*\")."
                : "The credential has no grant for this organisation."));
        }
    }

    /// <summary>Returns the number of a source; null, with a fault added, if the limit is reached and the call can be done without.</summary>
    /// <param name="source">The source.</param>
    /// <param name="actor">Who acted there.</param>
    /// <param name="forbids">Whether the fact or block forbids calls, so that it must not be lost.</param>
    /// <param name="faults">Receives the fault.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    internal async ValueTask<uint?> SourceIdAsync(string source, string actor, bool forbids, List<FieldFault> faults, CancellationToken cancellation)
    {
        try
        {
            return await AskAsync(source, actor, _budget);
        }
        catch (TooManySourcesException e)
        {
            if (forbids)
            {
                return await AskAsync(ManySources, caller.Id, null);
            }

            faults.Add(new FieldFault("source", e.Message + " A source names a system or a person, not an event; put details of the event in reason."));
            return null;
        }

        ValueTask<uint> AskAsync(string source, string actor, SourceBudget? budget) => import is null
            ? imports.SourceIdAsync(source, actor, "", budget, cancellation)
            : import.SourceIdAsync(source, actor, budget, cancellation);
    }

    /// <summary>Returns a warning if nothing is known of an organisation: what is recorded for a misspelt name is never found by a check.</summary>
    internal async ValueTask<FieldFault?> SpellingAsync(string organisation, string field, CancellationToken cancellation)
    {
        if (organisation.Length == 0 || organisation == Scope.AllName)
        {
            return null;
        }

        if (!_unknown.TryGetValue(organisation, out var isUnknown))
        {
            try
            {
                isUnknown = !await names.IsKnownAsync(Scope.FromName(organisation), cancellation)
                    && (registry is null || (await registry.CurrentAsync(cancellation)).Find(organisation) is null);
            }
            catch (StoreUnavailableException)
            {
                // Only a warning is lost.
            }

            _unknown.Add(organisation, isUnknown);
        }

        return isUnknown ? new FieldFault(field, "No organisation of this name has a record or a fact yet; check the spelling.") : null;
    }
}
