using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Store;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Store;

namespace Lookup.Server.Watch;

/// <summary>Which changes a stream is told of: those of its organisations, and those that concern all.</summary>
internal sealed class WatchFilter
{
    /// <summary>Most organisations of one stream.</summary>
    internal const int MaxOrganisations = 64;

    private readonly IFactStore _store;
    private readonly HashSet<string> _names;

    private WatchFilter(IFactStore store, IEnumerable<string> names)
    {
        _store = store;
        _names = names.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Refuses more names than a stream may have, before anything is done for each of them.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT: there are too many.</exception>
    internal static void CheckCount(IReadOnlyList<string> organisations)
    {
        if (organisations.Count > MaxOrganisations)
        {
            throw RpcErrors.Invalid("organisations", $"Up to {MaxOrganisations} are expected; none watches all.");
        }
    }

    /// <summary>Checks the names of a request, see <see cref="CheckCount"/>. One that nothing is known of is most likely misspelt, and would be silent for ever.</summary>
    /// <param name="organisations">The names; none for all.</param>
    /// <param name="store">Knows the names that facts brought.</param>
    /// <param name="registry">Knows the organisations that have a record.</param>
    /// <param name="cancellation">Ends the look-up.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with every name that is wrong.</exception>
    internal static async Task<WatchFilter> ReadAsync(
        IReadOnlyList<string> organisations, IFactStore store, RegistrySnapshot registry, CancellationToken cancellation)
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
                FieldFaults.Add(ref faults, $"organisations[{i}]", "No organisation of this name has a record or a fact; PutOrganisation makes one.");
            }
        }

        FieldFaults.ThrowIfAny(faults);
        return new WatchFilter(store, organisations);
    }

    /// <summary>Whether a change is to be told.</summary>
    /// <param name="id">What it is about.</param>
    /// <param name="caller">Who watches: where no organisations were named, what is granted is told.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="cancellation">Ends the look-up.</param>
    /// <exception cref="StoreUnavailableException">The name behind it could not be read.</exception>
    internal async ValueTask<bool> WantsAsync(FactId id, Caller caller, long now, CancellationToken cancellation)
    {
        if (FactOwner.ConcernsAll(id))
        {
            return true;
        }

        // By the name, which is mostly at hand: another organisation's may have the same hash.
        if (await _store.NameAsync(id.Scope, cancellation) is not { } name)
        {
            // It might be anybody's.
            return caller.May(Scope.AllName, now);
        }

        var owner = Scope.OrganisationOf(name);
        return _names.Count == 0 ? caller.May(owner, now) : _names.Contains(owner);
    }
}
