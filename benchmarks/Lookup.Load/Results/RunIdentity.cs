using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Lookup.Load.Processes;

namespace Lookup.Load.Results;

/// <summary>Which machine: figures of different ones are not compared.</summary>
internal sealed record Machine(string Cpu, int Cores, long MemoryMb, string Os);

/// <summary>What was run, where and when.</summary>
internal sealed partial record RunIdentity(
    string Time, string CommandLine, string Commit, bool Dirty, Machine Machine, IReadOnlyDictionary<string, string> Versions)
{
    internal static async Task<RunIdentity> FindAsync(IReadOnlyList<string> arguments, IEnumerable<string> programs, CancellationToken ct)
    {
        var root = Repository.Root;
        var versions = new Dictionary<string, string>
        {
            ["dotnet"] = RuntimeInformation.FrameworkDescription,
#if DEBUG
            ["build"] = "Debug",
#else
            ["build"] = "Release",
#endif
        };
        foreach (var program in programs)
        {
            var output = await OutputAsync(program, ["--version"], ct);
            versions[program] = VersionNumber().Match(output) is { Success: true } match ? match.Value : "not found";
        }

        return new RunIdentity(
            DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            "dotnet run -c Release --project benchmarks/Lookup.Load -- " + string.Join(' ', arguments),
            (await OutputAsync("git", ["-C", root, "rev-parse", "HEAD"], ct)).Trim(),
            (await OutputAsync("git", ["-C", root, "status", "--porcelain", "--", ".", ":!benchmarks/results"], ct)).Trim().Length > 0,
            new Machine(Cpu(), Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1_000_000, RuntimeInformation.OSDescription),
            versions);
    }

    private static string Cpu()
    {
        const string File = "/proc/cpuinfo";
        var model = System.IO.File.Exists(File)
            ? System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return model is null ? RuntimeInformation.ProcessArchitecture.ToString() : model[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    private static async Task<string> OutputAsync(string program, string[] arguments, CancellationToken ct)
    {
        try
        {
            return (await Tool.RunAsync(program, arguments, ct)).Output;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }

    [GeneratedRegex(@"\d+\.\d+\.\d+")]
    private static partial Regex VersionNumber();
}

/// <summary>Where the sources are.</summary>
internal static class Repository
{
    internal static string Root { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Lookup.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("The program is not within a checkout of the repository.");
    }
}
