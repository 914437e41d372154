using Lookup.Cli.Regimes;

namespace Lookup.ServiceTests.Golden;

/// <summary>The expected answers of Cases/, which has a file for each country.</summary>
internal static class GoldenCase
{
    /// <summary>All cases by id.</summary>
    public static IReadOnlyDictionary<string, ExpectedCase> All { get; } = Files().SelectMany(file => file.Cases).ToDictionary(one => one.Id);

    /// <summary>The cases of each file.</summary>
    public static IEnumerable<(string File, IReadOnlyList<ExpectedCase> Cases)> Files()
    {
        var assembly = typeof(GoldenCase).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(n => n.StartsWith("golden/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            yield return (name, ExpectedCase.Read(name, copy.ToArray()));
        }
    }
}
