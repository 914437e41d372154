using System.Text.RegularExpressions;

namespace Lookup.EndToEndTests.Operations;

/// <summary>.dockerignore lets the build have what it needs, and nothing that is secret.</summary>
public sealed partial class BuildContextTests
{
    private static readonly string Root = Programs.Root();

    [Theory]
    [InlineData("deploy/secrets/number.key")]
    [InlineData("deploy/secrets/redis.conf")]
    [InlineData("deploy/.env")]
    [InlineData("lookup-data/number.key")]
    [InlineData("lookup-data/store/aof.log.0.0")]
    [InlineData("data/number.key")]
    [InlineData("number.key")]
    [InlineData("src/Lookup.Cli/number.key")]
    [InlineData("src/Lookup.Cli/lookup-data/store/aof.log.0.0")]
    [InlineData("src/Lookup.Cli/tls.pem")]
    [InlineData("src/.env")]
    [InlineData("protos/secrets/token")]
    [InlineData("receipts/00000000000000000000.receipts")]
    [InlineData("leads.csv")]
    [InlineData(".git/config")]
    [InlineData("src/Lookup.Cli/bin/Debug/net10.0/lookup.dll")]
    [InlineData("src/Lookup.Cli/obj/project.assets.json")]
    public void Context_SecretsAndLeftovers_AreOutside(string path) => Assert.False(IsIn(path), path);

    [Fact]
    public void Context_WhatTheBuildReads_IsInside()
    {
        string[] sources = [.. Files("src"), .. Files("protos")];
        string[] settings = [.. Directory.GetFiles(Root, "Directory.*").Select(Path.GetFileName)!, "global.json", ".editorconfig"];
        Assert.True(sources.Length > 200);
        Assert.Contains("src/Lookup.Cli/packages.lock.json", sources);
        Assert.Contains("src/Lookup.Core/Regimes/Data/be.json", sources);
        Assert.DoesNotContain(sources.Concat(settings), path => !IsIn(path));
    }

    [Fact]
    public void Context_PathsThatProjectsNameElsewhere_AreInside()
    {
        foreach (var project in Files("src").Concat(Files("protos")).Where(path => path.EndsWith(".csproj", StringComparison.Ordinal)))
        {
            foreach (Match named in Elsewhere().Matches(File.ReadAllText(Path.Combine(Root, project))))
            {
                var path = Path.GetFullPath(Path.Combine(Root, Path.GetDirectoryName(project)!, named.Groups[1].Value));
                Assert.True(IsIn(Path.GetRelativePath(Root, path)), $"{project} needs {named.Groups[1].Value}");
            }
        }
    }

    // .ci/run copies the names behind "!" and publishes from there, so they must be plain.
    [Fact]
    public void Context_AllowedNames_ArePlainAndThere() => Assert.All(
        Lines().Where(line => line[0] == '!').Select(line => line[1..]),
        name => Assert.True(Path.Exists(Path.Combine(Root, name)) && !name.Contains('*', StringComparison.Ordinal), name));

    [Fact]
    public void Dockerfile_Images_HaveExactVersionsThatFitTogether()
    {
        var images = Image().Matches(File.ReadAllText(Path.Combine(Root, "Dockerfile"))).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Assert.Equal(["aspnet", "sdk"], images.Keys.Order());
        Assert.Equal(Version.Parse(images["sdk"]).Major, Version.Parse(images["aspnet"]).Major);
        // The version of .NET that the SDK was released with.
        Assert.Contains($"ILLinkPackVersion=\"{images["aspnet"]}\"", File.ReadAllText(Path.Combine(Root, "Directory.Build.targets")), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
        .Where(file => !file.Contains("/bin/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal));

    private static IEnumerable<string> Lines() =>
        File.ReadLines(Path.Combine(Root, ".dockerignore")).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#');

    // As the builder does: the last line counts that matches the path or a folder above it.
    private static bool IsIn(string path)
    {
        var isIn = true;
        foreach (var line in Lines())
        {
            var pattern = "^" + Regex.Escape(line.TrimStart('!')).Replace(@"\*\*/", "(.*/)?", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal) + "(/|$)";
            if (Regex.IsMatch(path, pattern))
            {
                isIn = line[0] == '!';
            }
        }

        return isIn;
    }

    [GeneratedRegex("(?:Include|Project)=\"((?:\\.\\./)[^\"*]*)\"")]
    private static partial Regex Elsewhere();

    [GeneratedRegex(@"FROM mcr\.microsoft\.com/dotnet/([a-z]+):(\d+\.\d+\.\d+)-noble(?:-chiseled-extra)?( AS build)?\n")]
    private static partial Regex Image();
}
