using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>What became known of a partition while its filter is being loaded, for that filter. Not thread-safe.</summary>
/// <param name="version">What the filter holds must be at least as new as this version.</param>
internal sealed class FactsSince(ulong version)
{
    /// <summary>About 8 MB. A partition that is written to so fast is loaded again.</summary>
    private const int MaxFacts = 200_000;

    private readonly List<(NumberPseudonym Key, FactId Id)> _facts = [];
    private bool _isWhole = true;

    internal void Add(NumberPseudonym key, FactId id)
    {
        if (_facts.Count == MaxFacts)
        {
            _isWhole = false;
        }
        else
        {
            _facts.Add((key, id));
        }
    }

    /// <summary>Makes it all known to the filter; false if it cannot be brought up to date.</summary>
    internal bool TryAddTo(LoadedFilter loaded)
    {
        if (!_isWhole || loaded.Version < version)
        {
            return false;
        }

        foreach (var (key, id) in _facts)
        {
            loaded.Filter.Add(key, id);
        }

        return true;
    }
}
