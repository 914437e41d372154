using System.Text.Json;
using Lookup.Load.Results;

namespace Lookup.Load.Processes;

/// <summary>The `lookup` tool as it was built with this program, in its own folder with its own dependencies.</summary>
internal static class LookupTool
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    // bin/CONFIGURATION/FRAMEWORK of both projects.
    private static readonly DirectoryInfo Own = new(AppContext.BaseDirectory.TrimEnd(System.IO.Path.DirectorySeparatorChar));

    internal static string Path { get; } =
        System.IO.Path.Combine(Repository.Root, "src", "Lookup.Cli", "bin", Own.Parent!.Name, Own.Name, "lookup");

    /// <summary>Runs a command of it to its end.</summary>
    internal static Task<ToolResult> RunAsync(IEnumerable<string> arguments, CancellationToken ct) => Tool.RunAsync(Path, arguments, ct);

    /// <summary>Starts the service on free ports.</summary>
    /// <param name="redis">Its redis-server.</param>
    /// <param name="keyFile">Its key.</param>
    /// <param name="ct">Ends the wait for its start.</param>
    /// <param name="settings">Settings as NAME=VALUE.</param>
    internal static async Task<(ChildProcess Process, Uri Address)> ServeAsync(
        string redis, string keyFile, CancellationToken ct, params IEnumerable<string> settings)
    {
        var process = new ChildProcess(
            Path,
            ["serve", "--json", "--listen", "127.0.0.1:0", "--redis", redis, "--key-file", keyFile, .. settings.SelectMany(s => (string[])["--set", s])]);
        return (process, await AddressAsync(process, ct));
    }

    /// <summary>Starts the service on free ports with receipts for each answer.</summary>
    /// <param name="bed">Its redis-server, its key and the folder for what it writes.</param>
    /// <param name="ct">Ends the wait for its start.</param>
    internal static async Task<(ChildProcess Process, Uri Address)> ServeWithReceiptsAsync(TestBed bed, CancellationToken ct)
    {
        var key = bed.PathOf("receipt.key");
        (await RunAsync(["receipt", "key", key], ct)).MustSucceed("lookup receipt key");
        var process = new ChildProcess(
            Path,
            ["serve", "--json", "--listen", "127.0.0.1:0", "--redis", bed.Redis.ConnectionString, "--key-file", bed.KeyFile, "--receipts", bed.PathOf("receipts"), "--receipt-key", key]);
        return (process, await AddressAsync(process, ct));
    }

    /// <summary>Starts this program as a service that decides nothing.</summary>
    /// <param name="ct">Ends the wait for its start.</param>
    /// <param name="store">Connection string of a store that each single check reads in; null: none.</param>
    internal static async Task<(ChildProcess Process, Uri Address)> EchoAsync(CancellationToken ct, string? store = null)
    {
        var process = new ChildProcess(Environment.ProcessPath!, store is null ? ["echo"] : ["echo", store]);
        return (process, await AddressAsync(process, ct));
    }

    // Both say where they listen in one line of JSON.
    private static async Task<Uri> AddressAsync(ChildProcess process, CancellationToken ct)
    {
        try
        {
            using var said = JsonDocument.Parse(await process.ReadLineAsync(StartLimit, ct));
            return new Uri(said.RootElement.GetProperty("grpc").GetString()!);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }
}
