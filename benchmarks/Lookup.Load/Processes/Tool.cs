using System.Diagnostics;

namespace Lookup.Load.Processes;

/// <summary>What a program that ran to its end left.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Error, TimeSpan Elapsed)
{
    /// <exception cref="InvalidOperationException">It failed; the message has the end of what it said.</exception>
    internal ToolResult MustSucceed(string what) => ExitCode == 0
        ? this
        : throw new InvalidOperationException($"{what} ended with exit code {ExitCode}: {Tail(Error.Length > 0 ? Error : Output)}");

    internal static string Tail(string text) => text.Length <= 2_000 ? text.Trim() : "..." + text[^2_000..].Trim();
}

/// <summary>Runs programs to their end.</summary>
internal static class Tool
{
    /// <summary>Runs a program; a cancellation kills it.</summary>
    internal static async Task<ToolResult> RunAsync(string program, IEnumerable<string> arguments, CancellationToken ct, string? inputFile = null)
    {
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = inputFile is not null,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var error = process.StandardError.ReadToEndAsync(ct);
            if (inputFile is not null)
            {
                await using var input = File.OpenRead(inputFile);
                await input.CopyToAsync(process.StandardInput.BaseStream, ct);
                process.StandardInput.Close();
            }

            await process.WaitForExitAsync(ct);
            var elapsed = clock.Elapsed;
            return new ToolResult(process.ExitCode, await output, await error, elapsed);
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
