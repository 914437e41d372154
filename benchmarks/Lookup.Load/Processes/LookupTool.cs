using System.Text.Json;
using Google.Protobuf;
using Lookup.Load.Results;
using Lookup.V1;

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
        var process = Serve(redis, keyFile, settings.SelectMany(s => (string[])["--set", s]));
        return (process, (await AddressesAsync(process, ct)).Grpc);
    }

    /// <summary>Starts the service on free ports, and also tells where its JSON and its metrics are.</summary>
    internal static async Task<(ChildProcess Process, Uri Grpc, Uri Json)> ServeBothAsync(string redis, string keyFile, CancellationToken ct)
    {
        var process = Serve(redis, keyFile, []);
        var (grpc, json) = await AddressesAsync(process, ct);
        return (process, grpc, json!);
    }

    /// <summary>Starts the service on free ports with receipts for each answer.</summary>
    /// <param name="bed">Its redis-server, its key and the folder for what it writes.</param>
    /// <param name="ct">Ends the wait for its start.</param>
    internal static async Task<(ChildProcess Process, Uri Address)> ServeWithReceiptsAsync(TestBed bed, CancellationToken ct)
    {
        var key = bed.PathOf("receipt.key");
        (await RunAsync(["receipt", "key", key], ct)).MustSucceed("lookup receipt key");
        var process = Serve(bed.Redis.ConnectionString, bed.KeyFile, ["--receipts", bed.PathOf("receipts"), "--receipt-key", key]);
        return (process, (await AddressesAsync(process, ct)).Grpc);
    }

    /// <summary>Starts the service on free ports with the program's regimes as its shadow.</summary>
    /// <param name="bed">Its redis-server, its key and the folder for the regimes.</param>
    /// <param name="ct">Ends the wait for its start.</param>
    internal static async Task<(ChildProcess Process, Uri Address)> ServeWithShadowAsync(TestBed bed, CancellationToken ct)
    {
        var regimes = bed.PathOf("regimes");
        (await RunAsync(["regimes", "export", regimes], ct)).MustSucceed("lookup regimes export");
        var process = Serve(bed.Redis.ConnectionString, bed.KeyFile, ["--shadow-regimes", regimes]);
        return (process, (await AddressesAsync(process, ct)).Grpc);
    }

    /// <summary>Starts this program as a service that decides nothing.</summary>
    /// <param name="ct">Ends the wait for its start.</param>
    /// <param name="store">Connection string of a store that each single check reads in; null: none.</param>
    /// <param name="answer">What it answers to single checks, but for the number; null: a verdict and a reason's code.</param>
    internal static async Task<(ChildProcess Process, Uri Address)> EchoAsync(CancellationToken ct, string? store = null, CheckResponse? answer = null)
    {
        IEnumerable<string> arguments =
        [
            "echo", .. store is null ? Array.Empty<string>() : ["--store", store], .. answer is null ? Array.Empty<string>() : ["--answer", JsonFormatter.Default.Format(answer)],
        ];
        var process = new ChildProcess(Environment.ProcessPath!, arguments);
        return (process, (await AddressesAsync(process, ct)).Grpc);
    }

    /// <summary>Starts the service on free ports, on the embedded store of a folder.</summary>
    internal static async Task<(ChildProcess Process, Uri Address)> ServeEmbeddedAsync(string folder, CancellationToken ct)
    {
        var process = new ChildProcess(Path, ["serve", "--json", "--listen", "127.0.0.1:0", "--data", folder]);
        return (process, (await AddressesAsync(process, ct)).Grpc);
    }

    private static ChildProcess Serve(string redis, string keyFile, IEnumerable<string> more) =>
        new(Path, ["serve", "--json", "--listen", "127.0.0.1:0", "--redis", redis, "--key-file", keyFile, .. more]);

    // Both say where they listen in one line of JSON.
    private static async Task<(Uri Grpc, Uri? Json)> AddressesAsync(ChildProcess process, CancellationToken ct)
    {
        try
        {
            using var said = JsonDocument.Parse(await process.ReadLineAsync(StartLimit, ct));
            var json = said.RootElement.TryGetProperty("json", out var address) ? new Uri(address.GetString()!) : null;
            return (new Uri(said.RootElement.GetProperty("grpc").GetString()!), json);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }
}
