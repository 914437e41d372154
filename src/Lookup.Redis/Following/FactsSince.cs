using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Redis.Following;

/// <summary>Collects changes of a partition while its filter is loaded, and applies them to it. Not thread-safe.</summary>
/// <param name="version">The filter must be at least as new as this version.</param>
internal sealed class FactsSince(ulong version)
{
    /// <summary>About 8 MB. A partition with more writes during a load is loaded again.</summary>
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

    /// <summary>Applies all changes to the filter; returns false if it cannot be brought up to date.</summary>
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
