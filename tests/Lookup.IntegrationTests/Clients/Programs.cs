using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Lookup.IntegrationTests.Clients;

/// <summary>Programs of other languages.</summary>
internal static class Programs
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

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

    internal static bool OnPath(string program) => Find(program) is not null;

    /// <summary>Where a program is; null: not on the path.</summary>
    internal static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(p => Path.Combine(p, program)).FirstOrDefault(File.Exists);

    internal static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "../../.."));
}
