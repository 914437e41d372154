using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Lookup.Testing.Clients;

/// <summary>
/// Programs that a test may need beside the .NET SDK. A test that needs one asks for it here first, and is skipped by its name where it
/// is not installed, or where LOOKUP_TESTS_WITHOUT_PROGRAMS is 1.
/// </summary>
internal static class Programs
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static readonly bool None = Environment.GetEnvironmentVariable("LOOKUP_TESTS_WITHOUT_PROGRAMS") == "1";

    internal static Task<(int Code, string Output, string Error)> RunAsync(string program, params IEnumerable<string> arguments) =>
        RunAsync(Limit, program, arguments);

    internal static async Task<(int Code, string Output, string Error)> RunAsync(TimeSpan within, string program, params IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(within);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return (process.ExitCode, await output, await error);
    }

    /// <summary>Skips the test where one of the programs is not there.</summary>
    internal static void Require(params ReadOnlySpan<string> programs)
    {
        foreach (var program in programs)
        {
            Assert.SkipUnless(OnPath(program), $"{program} is not installed.");
        }
    }

    /// <summary>Skips the test where a package of a program is not there.</summary>
    internal static void RequireFile(string path, string advice) => Assert.SkipUnless(!None && Path.Exists(path), advice);

    internal static bool OnPath(string program) => Find(program) is not null;

    /// <summary>Where a program is; null: not on the path.</summary>
    internal static string? Find(string program) => None
        ? null
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(p => Path.Combine(p, program)).FirstOrDefault(File.Exists);

    /// <summary>The top folder of the repository that this was built from.</summary>
    internal static string Root([CallerFilePath] string file = "")
    {
        var folder = Path.GetDirectoryName(file)!;
        while (!File.Exists(Path.Combine(folder, "Lookup.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return folder;
    }
}
