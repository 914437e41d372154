using System.Security.Cryptography;
using Lookup.Embedded.Engine;
using Lookup.Embedded.Protocol;
using Microsoft.Extensions.Logging;

namespace Lookup.Embedded;

/// <summary>The engine on a folder, and the server in front of it.</summary>
internal sealed class EmbeddedServer : IAsyncDisposable
{
    private readonly StoreEngine _engine;
    private readonly RespServer _server;

    private EmbeddedServer(StoreEngine engine, RespServer server, string connectionString)
    {
        (_engine, _server) = (engine, server);
        ConnectionString = connectionString;
    }

    /// <summary>Connection string for this process; contains the password.</summary>
    internal string ConnectionString { get; }

    /// <summary>The engine behind the server.</summary>
    internal StoreEngine Engine => _engine;

    /// <summary>Opens the engine and starts to listen.</summary>
    /// <exception cref="EngineFault">The store must not be used.</exception>
    internal static EmbeddedServer Start(EmbeddedOptions options, DataFolder folder, TimeProvider clock, ILoggerFactory logs)
    {
        var log = logs.CreateLogger("Lookup.Embedded");
        var engine = StoreEngine.Open(options.Folder is null ? null : folder.StoreFolder, options, clock, log);
        try
        {
            var socket = Path.Combine(folder.SocketFolder, "s");
            var password = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
            return new EmbeddedServer(engine, RespServer.Start(socket, engine, password, log), $"!{socket},password={password},protocol=resp2");
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _engine.Dispose();
    }
}
