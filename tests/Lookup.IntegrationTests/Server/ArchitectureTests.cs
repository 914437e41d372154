using System.Xml.Linq;

namespace Lookup.IntegrationTests.Server;

public sealed class ArchitectureTests
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
        Directory.GetFiles(Path.Combine(Root(), "src"), "*.csproj", SearchOption.AllDirectories)
            .Append("Lookup.Protos.csproj")
            .Select(p => Path.GetFileNameWithoutExtension(p)!)
            .Order());

    private static IEnumerable<string> References(string project, string kind)
    {
        var folder = project == "Lookup.Protos" ? "protos" : Path.Combine("src", project);
        return XDocument.Load(Path.Combine(Root(), folder, project + ".csproj")).Descendants(kind)
            .Select(e => e.Attribute("Include")!.Value.Replace('\\', '/'));
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Lookup.sln")))
        {
            folder = folder.Parent;
        }

        return folder.FullName;
    }
}
