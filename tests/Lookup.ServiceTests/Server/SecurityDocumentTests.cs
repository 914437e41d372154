using System.Text.RegularExpressions;

namespace Lookup.ServiceTests.Server;

/// <summary>docs/operate/security.md names tests that exist.</summary>
public sealed partial class SecurityDocumentTests
{
    [Fact]
    public void Document_NamedTests_Exist()
    {
        var sources = string.Concat(Directory
            .EnumerateFiles(Path.Combine(Programs.Root(), "tests"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.EndsWith(nameof(SecurityDocumentTests) + ".cs", StringComparison.Ordinal))
            .Select(File.ReadAllText));
        var names = Name().Matches(File.ReadAllText(Path.Combine(Programs.Root(), "docs/operate/security.md"))).Select(m => m.Groups[1].Value).Distinct().ToList();

        Assert.True(names.Count > 30);
        Assert.DoesNotContain(names, name => !Regex.IsMatch(sources, $@"\b{name}\b"));
    }

    // Names of tests have underscores or end in Tests.
    [GeneratedRegex("`([A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+|[A-Z][A-Za-z0-9]+Tests)`")]
    private static partial Regex Name();
}
