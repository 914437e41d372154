using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Regimes;
using Lookup.Server;
using Lookup.Server.Hosting;
using Lookup.Server.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Lookup.Cli.Hosting;

/// <summary>Format of the service's log on standard error.</summary>
internal enum LogFormat : byte
{
    /// <summary>One line of text per entry.</summary>
    Text,
    /// <summary>One JSON object per line.</summary>
    Json,
    /// <summary>No log.</summary>
    None,
}

/// <summary>Runs the service in this process, on an embedded store or a redis server.</summary>
internal sealed class LocalService : IAsyncDisposable
{
    private readonly OpenStore _store;
    private readonly LookupHost _host;
    private readonly OpenReceipts? _receipts;

    private LocalService(OpenStore store, LookupHost host, OpenReceipts? receipts) => (_store, _host, _receipts) = (store, host, receipts);

    public Uri GrpcAddress => _host.GrpcAddress;

    public Uri JsonAddress => _host.JsonAddress;

    /// <summary>The service's store.</summary>
    public OpenStore Store => _store;

    /// <inheritdoc cref="LookupHost.WhyNotServing"/>
    public string WhyNotServing => _host.WhyNotServing;

    /// <inheritdoc cref="LookupHost.IsServing"/>
    public bool IsServing => _host.IsServing;

    /// <inheritdoc cref="LookupHost.ErrorCount"/>
    public long ErrorCount => _host.ErrorCount;

    /// <inheritdoc cref="LookupHost.NewestError"/>
    public Exception? NewestError => _host.NewestError;

    /// <summary>Opens the store and starts the service.</summary>
    /// <param name="options">The service's settings.</param>
    /// <param name="settings">The store to open.</param>
    /// <param name="shell">Gives the clock.</param>
    /// <param name="log">The log format.</param>
    /// <param name="ct">Cancels the start.</param>
    /// <param name="receipts">Folder and key for receipts; null: no receipts.</param>
    /// <param name="regimes">The rules that decide; null: the built-in rules.</param>
    /// <param name="shadow">Rules to compare with; null: none.</param>
    public static async Task<LocalService> StartAsync(
        LookupServerOptions options,
        StoreSettings settings,
        Shell shell,
        LogFormat log,
        CancellationToken ct,
        ReceiptSettings? receipts = null,
        RegimeSet? regimes = null,
        RegimeSet? shadow = null)
    {
        var faults = options.Faults();
        if (faults.Count > 0)
        {
            throw new ServerSettingsException(faults);
        }

        // Check the certificates before anything is written to disk.
        ServerTls.Load(options, shell.Clock);
        var store = await OpenStore.OpenAsync(settings with { ReadLimitMs = options.StoreReadLimitMs }, shell.Clock, ct);
        LookupHost? host = null;
        OpenReceipts? kept = null;
        try
        {
            if (store.IsNew)
            {
                await OpenStore.NoteSetupAsync(store.Store, shell.Clock, ct);
            }

            kept = receipts is null ? null : OpenReceipts.Open(receipts, shell.Clock);
            host = LookupHost.Build(options, store.Store, regimes ?? RegimeSet.BuiltIn, store.Cipher, shell.Clock, Logging(log), kept?.Log, shadow);
            await host.StartAsync(ct);
            return new LocalService(store, host, kept);
        }
        catch (Exception exception)
        {
            if (host is not null)
            {
                await host.DisposeAsync();
            }

            kept?.Dispose();
            await store.AbandonAsync();
            ThrowIfTaken(options, exception);
            throw;
        }
    }

    /// <summary>Throws a message that names the port if the service did not start because the port is in use.</summary>
    internal static void ThrowIfTaken(LookupServerOptions options, Exception exception)
    {
        if (exception is IOException { InnerException: AddressInUseException })
        {
            var (port, option) = exception.Message.Contains($":{options.JsonPort}:", StringComparison.Ordinal)
                ? (options.JsonPort, "--json-port")
                : (options.GrpcPort, "--listen");
            throw new CliException($"Port {port} of {options.Address} is in use: stop the program that listens there, or choose another port with {option}.", inner: exception);
        }
    }

    /// <summary>Stops accepting calls and ends those in progress.</summary>
    public Task StopAsync() => _host.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _receipts?.Dispose();
        await _store.DisposeAsync();
    }

    private static Action<ILoggingBuilder>? Logging(LogFormat format) => format switch
    {
        LogFormat.None => null,
        LogFormat.Json => logging => ToStandardError(logging.AddJsonConsole(console =>
        {
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
        })),
        _ => logging => ToStandardError(logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss'Z' ";
            console.ColorBehavior = LoggerColorBehavior.Default;
        })),
    };

    // Standard output is for results.
    private static void ToStandardError(ILoggingBuilder logging) =>
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
}
