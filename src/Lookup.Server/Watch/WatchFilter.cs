using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Writing;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Store;

namespace Lookup.Server.Watch;

/// <summary>Selects the changes of a stream: those of its organisations, and those that concern all.</summary>
internal sealed class WatchFilter
{
    /// <summary>The maximum organisations of one stream.</summary>
    internal const int MaxOrganisations = 64;

    private readonly INameStore _store;
    private readonly HashSet<string> _names;

    private WatchFilter(INameStore store, IEnumerable<string> names)
    {
        _store = store;
        _names = names.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Rejects too many names before each of them is processed.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT: too many names.</exception>
    internal static void CheckCount(IReadOnlyList<string> organisations)
    {
        if (organisations.Count > MaxOrganisations)
        {
            throw RpcErrors.Invalid("organisations", $"At most {MaxOrganisations} organisations are allowed; an empty list watches all.");
        }
    }

    /// <summary>Validates the names of a request; see <see cref="CheckCount"/>. Rejects unknown names: a misspelt one would never receive a change.</summary>
    /// <param name="organisations">The names; empty for all.</param>
    /// <param name="store">Has the names of organisations with facts.</param>
    /// <param name="registry">Has the organisations with a record.</param>
    /// <param name="cancellation">Cancels the lookup.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with every invalid name.</exception>
    internal static async Task<WatchFilter> ReadAsync(
        IReadOnlyList<string> organisations, INameStore store, RegistrySnapshot registry, CancellationToken cancellation)
    {
        List<FieldFault>? faults = null;
        for (var i = 0; i < organisations.Count; i++)
        {
            var name = organisations[i];
            if (!FieldFaults.IsName(name))
            {
                FieldFaults.Add(ref faults, $"organisations[{i}]", FieldFaults.NameRule);
            }
            else if (registry.Find(name) is null && await store.NameAsync(Scope.FromName(name), cancellation) != name)
            {
                FieldFaults.Add(ref faults, $"organisations[{i}]", "No organisation of this name has a record or a fact; PutOrganisation creates a record.");
            }
        }

        FieldFaults.ThrowIfAny(faults);
        return new WatchFilter(store, organisations);
    }

    /// <summary>Returns whether to deliver a block, by the same rules as a change.</summary>
    internal bool Wants(NumberBlock block, Caller caller, long now) =>
        block.Organisation == Scope.AllName || (_names.Count == 0 ? caller.May(block.Organisation, now) : _names.Contains(block.Organisation));

    /// <summary>Returns whether to deliver a change.</summary>
    /// <param name="id">The timeline that changed.</param>
    /// <param name="caller">The caller; if the request names no organisations, its grants apply.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="cancellation">Cancels the lookup.</param>
    /// <exception cref="StoreUnavailableException">The name of the scope could not be read.</exception>
    internal async ValueTask<bool> WantsAsync(FactId id, Caller caller, long now, CancellationToken cancellation)
    {
        if (FactOwner.ConcernsAll(id))
        {
            return true;
        }

        // Compares the name, which is usually in memory: another organisation's name may have the same hash.
        if (await _store.NameAsync(id.Scope, cancellation) is not { } name)
        {
            // The owner is unknown, so it is not delivered.
            return caller.May(Scope.AllName, now);
        }

        var owner = Scope.OrganisationOf(name);
        return _names.Count == 0 ? caller.May(owner, now) : _names.Contains(owner);
    }
}
