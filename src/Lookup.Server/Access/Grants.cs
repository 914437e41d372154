using System.Collections.Frozen;
using Lookup.Core.Facts;
using Lookup.Redis.Credentials;

namespace Lookup.Server.Access;

/// <summary>The organisations granted to a credential. Immutable.</summary>
internal sealed class Grants
{
    private readonly FrozenDictionary<string, Period> _byName;
    private readonly Period _all;

    internal Grants(IEnumerable<StoredGrant> grants)
    {
        _byName = grants.ToFrozenDictionary(
            grant => grant.Organisation, grant => new Period(grant.From, grant.Until == 0 ? long.MaxValue : grant.Until), StringComparer.Ordinal);
        _all = _byName.GetValueOrDefault(Scope.AllName);
    }

    internal static Grants Everything { get; } = new([new StoredGrant("", Scope.AllName, 0, 0)]);

    internal static Grants None { get; } = new([]);

    /// <summary>Returns whether an organisation is granted at a time, in Unix milliseconds.</summary>
    internal bool Hold(string organisation, long now) =>
        _all.Holds(now) || (_byName.TryGetValue(organisation, out var period) && period.Holds(now));

    private readonly record struct Period(long From, long Until)
    {
        internal bool Holds(long now) => now >= From && now < Until;
    }
}
