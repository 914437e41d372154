using Lookup.Load.Chaos.Plan;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Chaos;

/// <summary>A mistake that is planted into a copy of the sources, to show that the checker finds it.</summary>
/// <param name="Name">Name of its patch.</param>
/// <param name="Faults">What brings it to light.</param>
internal sealed record Defect(string Name, IReadOnlyList<FaultKind> Faults)
{
    private static readonly string[] Sources = ["src", "protos"];

    internal static IReadOnlyList<Defect> All { get; } =
    [
        new("bound-ignored", [FaultKind.CutLink, FaultKind.RefuseLink]),
        new("cache-guard-removed", [FaultKind.SlowLink]),
        new("epoch-check-removed", [FaultKind.Exchange]),
        new("checksums-ignored", [FaultKind.LoseFilters]),
        new("losses-ignored", [FaultKind.LoseFacts]),
        new("history-ignored", [FaultKind.Fork]),
        new("registry-marks-ignored", [FaultKind.LoseRegistry]),
    ];

    private string Patch => Path.Combine(Repository.Root, "benchmarks", "Lookup.Load", "Chaos", "defects", Name + ".patch");

    /// <summary>Builds the tool with it.</summary>
    /// <param name="folder">An empty folder outside of any repository.</param>
    /// <param name="ct">Stops.</param>
    /// <returns>Path of the `lookup` tool.</returns>
    internal async Task<string> BuildAsync(string folder, CancellationToken ct)
    {
        foreach (var file in Directory.EnumerateFiles(Repository.Root).Where(IsBuildFile).Concat(Sources.SelectMany(Files)))
        {
            var copy = Path.Combine(folder, Path.GetRelativePath(Repository.Root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        (await Tool.RunAsync("git", ["-C", folder, "apply", "-p1", Patch], ct)).MustSucceed($"git apply {Name}");
        (await Tool.RunAsync("dotnet", ["build", "-c", "Release", "-nodeReuse:false", Path.Combine(folder, "src", "Lookup.Cli")], ct)).MustSucceed("dotnet build");
        return Path.Combine(folder, Path.GetRelativePath(Repository.Root, LookupTool.Path).Replace($"{Path.DirectorySeparatorChar}Debug{Path.DirectorySeparatorChar}", $"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal));
    }

    private static bool IsBuildFile(string file) =>
        Path.GetExtension(file) is ".props" or ".json" or ".sln" or ".config" || Path.GetFileName(file) is ".editorconfig";

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories)
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "node_modules"));
}
