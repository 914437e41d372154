using System.Diagnostics;
using System.Globalization;

namespace Lookup.StoreTests;

/// <summary>Fills an embedded store from a process of its own, which is then killed with -9.</summary>
internal static class KilledStore
{
    /// <summary>Writes and kills.</summary>
    /// <param name="folder">Folder of the store.</param>
    /// <param name="writers">Writers at the same time.</param>
    /// <param name="logLimitMiB">Limit of the log.</param>
    /// <param name="untilFacts">How many facts must have been acknowledged before.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>For each writer, how many of its facts were acknowledged; they are objections of the numbers from writer * 1,000,000 on.</returns>
    internal static async Task<int[]> WriteAsync(string folder, int writers, int logLimitMiB, int untilFacts, CancellationToken cancellation)
    {
        var acknowledged = new int[writers];
        using var process = Process.Start(new ProcessStartInfo(
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "Lookup.StoreWriter.dll"), folder, $"{writers}", $"{logLimitMiB}"])
        {
            RedirectStandardOutput = true,
        })!;
        try
        {
            while (await process.StandardOutput.ReadLineAsync(cancellation) is { } line)
            {
                Take(line);
                if (acknowledged.Sum() >= untilFacts)
                {
                    break;
                }
            }

            process.Kill();
            // What was acknowledged before the end counts too.
            while (await process.StandardOutput.ReadLineAsync(cancellation) is { } line)
            {
                Take(line);
            }
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }

        Assert.True(acknowledged.Sum() >= untilFacts, "The writer ended by itself.");
        return acknowledged;

        void Take(string line)
        {
            var parts = line.Split(' ');
            if (parts.Length == 2
                && int.TryParse(parts[0], CultureInfo.InvariantCulture, out var writer)
                && int.TryParse(parts[1], CultureInfo.InvariantCulture, out var count)
                && count % 10 == 0)
            {
                acknowledged[writer] = Math.Max(acknowledged[writer], count);
            }
        }
    }
}
