namespace Lookup.ServiceTests.Server;

/// <summary>A page of the documentation that is generated from data or code.</summary>
internal static class GeneratedPage
{
    private const string Write = "LOOKUP_WRITE_DOCS";

    /// <summary>Asserts that a page equals what is generated; writes it first where the environment asks for that.</summary>
    /// <param name="page">Its path in the repository, for example "docs/operate/settings.md".</param>
    /// <param name="expected">The generated text.</param>
    /// <param name="source">What it is generated from.</param>
    /// <param name="filter">The test that generates it.</param>
    internal static void IsUpToDate(string page, string expected, string source, string filter)
    {
        var path = Path.Combine(Programs.Root(), page);
        if (Environment.GetEnvironmentVariable(Write) == "1")
        {
            File.WriteAllText(path, expected);
        }

        Assert.True(
            File.Exists(path) && File.ReadAllText(path).ReplaceLineEndings("\n") == expected,
            $"{page} differs from {source}. Regenerate it: {Write}=1 dotnet test tests/Lookup.ServiceTests --filter FullyQualifiedName~{filter}");
    }
}
