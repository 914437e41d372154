using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Lookup.ServiceTests.Server;

public sealed partial class ArchitectureTests
{
    /// <summary>Which project may refer to which; arrows point towards Lookup.Core.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Lookup.Core"] = [],
        ["Lookup.Protos"] = [],
        ["Lookup.Redis"] = ["Lookup.Core"],
        ["Lookup.Embedded"] = ["Lookup.Core", "Lookup.Redis"],
        ["Lookup.Server"] = ["Lookup.Core", "Lookup.Redis", "Lookup.Protos"],
        ["Lookup.Client"] = ["Lookup.Protos"],
        ["Lookup.Cli"] = ["Lookup.Client", "Lookup.Core", "Lookup.Embedded", "Lookup.Protos", "Lookup.Redis", "Lookup.Server"],
    };

    /// <summary>Packages that belong to one room.</summary>
    private static readonly Dictionary<string, string> Homes = new()
    {
        ["StackExchange.Redis"] = "Lookup.Redis",
        ["Microsoft.Garnet"] = "Lookup.Embedded",
        ["RocksDB"] = "Lookup.Embedded",
        ["Grpc.AspNetCore"] = "Lookup.Server",
        ["libphonenumber-csharp"] = "Lookup.Core",
        ["BitFaster.Caching"] = "Lookup.Server",
        ["System.CommandLine"] = "Lookup.Cli",
    };

    public static TheoryData<string> Projects => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_References_PointTowardsCoreOnly(string project) =>
        Assert.Empty(References(project, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r)!).Except(Allowed[project]));

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_Packages_StayInTheirRoom(string project) =>
        Assert.DoesNotContain(References(project, "PackageReference"), p => Homes.TryGetValue(p, out var home) && home != project);

    [Fact]
    public void Core_Framework_IsNotTheWebs() => Assert.Empty(References("Lookup.Core", "FrameworkReference"));

    [Fact]
    public void Sources_EveryProject_IsCoveredHere() => Assert.Equal(
        Allowed.Keys.Order(),
        Directory.GetFiles(Path.Combine(Programs.Root(), "src"), "*.csproj", SearchOption.AllDirectories)
            .Append("Lookup.Protos.csproj")
            .Select(p => Path.GetFileNameWithoutExtension(p)!)
            .Order());

    // A folder in a circle cannot be understood without the others. A namespace is its folder and an unused using is an error, so the
    // usings of a file say which folders it refers to.
    [Fact]
    public void Folders_OfAProject_FormNoCircle()
    {
        var arrows = Directory.GetFiles(Path.Combine(Programs.Root(), "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Contains("obj"))
            .Select(File.ReadAllLines)
            .Where(lines => lines.Any(line => line.StartsWith("namespace ", StringComparison.Ordinal)))
            .SelectMany(lines => lines
                .Where(line => line.StartsWith("using Lookup.", StringComparison.Ordinal))
                .Select(line => (From: Namespace(lines), To: line["using ".Length..^1])))
            .Where(arrow => arrow.From.Split('.')[1] == arrow.To.Split('.')[1])
            .ToHashSet();
        Assert.True(arrows.Count > 50);

        // An arrow to a folder that none leaves, or from a folder that none enters, is in no circle.
        int before;
        do
        {
            before = arrows.Count;
            arrows.RemoveWhere(arrow => !arrows.Any(next => next.From == arrow.To) || !arrows.Any(previous => previous.To == arrow.From));
        }
        while (arrows.Count < before);
        Assert.Empty(arrows.Select(arrow => $"{arrow.From} -> {arrow.To}").Order(StringComparer.Ordinal));
    }

    // A page that names a type, a member or a file that is gone sends its reader astray.
    [Theory]
    [InlineData("docs/architecture.md")]
    [InlineData("CONTRIBUTING.md")]
    public void Page_TypesMembersAndPathsInIt_Exist(string page)
    {
        var sources = new[] { "src", "tests", "benchmarks" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(Programs.Root(), folder), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Contains("obj"))
            .Select(File.ReadAllText)
            .ToList();
        var text = File.ReadAllText(Path.Combine(Programs.Root(), page));
        var named = Named().Matches(text).Select(match => match.Groups[1].Value.Split('.')).Where(name => name[0] != "Lookup").ToList();

        Assert.True(named.Count > 5);
        Assert.Empty(named
            .Where(name => !sources.Exists(source => Has(source, name[0]) && (name.Length == 1 || (Declares(source, name[0]) && Has(source, name[1])))))
            .Select(name => string.Join('.', name))
            .Distinct());
        Assert.DoesNotContain(
            Located().Matches(text).Select(match => match.Groups[1].Value),
            path => !path.Contains("xx.", StringComparison.Ordinal) && !Path.Exists(Path.Combine(Programs.Root(), path)));
    }

    private static bool Has(string source, string word) => Regex.IsMatch(source, $@"\b{word}\b");

    private static bool Declares(string source, string type) => Regex.IsMatch(source, $@"\b(?:class|struct|interface|record|enum) {type}\b");

    [GeneratedRegex(@"`([A-Z][a-z][A-Za-z]*(?:\.[A-Z][A-Za-z]*)?)`")]
    private static partial Regex Named();

    [GeneratedRegex(@"`((?:src|tests|benchmarks|protos|docs|deploy)/[\w./-]+)`")]
    private static partial Regex Located();

    private static string Namespace(string[] lines) =>
        lines.First(line => line.StartsWith("namespace ", StringComparison.Ordinal))["namespace ".Length..].TrimEnd(';');

    private static IEnumerable<string> References(string project, string kind)
    {
        var folder = project == "Lookup.Protos" ? "protos" : Path.Combine("src", project);
        return XDocument.Load(Path.Combine(Programs.Root(), folder, project + ".csproj")).Descendants(kind)
            .Select(e => e.Attribute("Include")!.Value.Replace('\\', '/'));
    }
}
