using System.Collections.Concurrent;

namespace Lookup.Core.Regimes;

/// <summary>
/// The rules for numbers whose question names a region in addition to the area of the number: those of both together. There are too many
/// pairs to compile when the files are loaded, and few are used, so a pair is compiled on first use. Thread-safe once all files are added.
/// </summary>
internal sealed class RegionRules(Func<CountryFile, IReadOnlyList<CountryFile.Area>, Rule?, Rules[]> compile)
{
    private readonly Dictionary<string, (CountryFile File, CountryFile.Area[] Areas)> _regions = [];
    private readonly Dictionary<Rules[], (CountryFile File, CountryFile.Area Area, Rule? Range)> _origins = [];
    private readonly ConcurrentDictionary<(Rules[] Periods, string Region), Rules[]> _together = [];

    internal IReadOnlyCollection<string> Names => _regions.Keys;

    internal bool Has(string region) => _regions.ContainsKey(region);

    /// <summary>Adds the areas of a country as regions.</summary>
    internal void Add(CountryFile file, List<string> faults)
    {
        var named = file.Areas.Where(a => a.Name.Length > 0).GroupBy(a => a.Name).ToList();
        foreach (var region in named)
        {
            _regions[$"{file.Country}-{region.Key}"] = (file, [.. region]);
        }

        // Pairs that cannot be compiled must be reported now, not at the first question.
        foreach (var regime in file.Regimes)
        {
            foreach (var pair in named.SelectMany((a, at) => named.Skip(at).Select(b => new[] { a.Key, b.Key })))
            {
                var rules = regime.Rules.Where(r => r.BindsIn(pair)).ToList();
                if (rules.Select(r => r.Register).OfType<RegisterDefinition>().Distinct().Count() > Slot.MaxRegisters)
                {
                    faults.Add($"{file.Country}: {regime.Id} uses more than {Slot.MaxRegisters} registers in {pair[0]} and {pair[1]} together");
                }

                if (rules.Sum(RegimeSet.RulesFor) > RegimeSet.MaxRules)
                {
                    faults.Add($"{file.Country}: {regime.Id} has more than {RegimeSet.MaxRules} rules in {pair[0]} and {pair[1]} together");
                }
            }
        }
    }

    /// <summary>Compiles the rules of an area and stores their origin.</summary>
    internal Rules[] CompileArea(CountryFile file, CountryFile.Area area, Rule? range)
    {
        var periods = compile(file, [area], range);
        _origins[periods] = (file, area, range);
        return periods;
    }

    /// <summary>Returns the rules of an area and a region together; only those of the area if the region is of another country or unknown.</summary>
    internal Rules[] Combine(Rules[] periods, string region) =>
        _origins.TryGetValue(periods, out var origin) && _regions.TryGetValue(region, out var named) && named.File == origin.File
            ? _together.GetOrAdd((periods, region), (_, of) => compile(of.File, [of.Area, .. of.Areas], of.Range), (origin.File, origin.Area, named.Areas, origin.Range))
            : periods;
}
