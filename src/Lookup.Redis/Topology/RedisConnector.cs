using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>Opens plain connections to a server for traffic that a general client is too slow for.</summary>
internal static class RedisConnector
{
    /// <summary>Connects with the TLS settings, credentials and database of the connection string.</summary>
    /// <param name="options">Address and limits.</param>
    /// <param name="server">The server.</param>
    /// <param name="clock">Measures the limit.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="isSentinel">A sentinel has no databases, and may have no password even if the stores have one.</param>
    /// <exception cref="StoreUnavailableException">No connection was made within the time limit.</exception>
    internal static async Task<Stream> ConnectAsync(
        StoreOptions options, EndPoint server, TimeProvider clock, CancellationToken cancellation, bool isSentinel = false)
    {
        var configuration = ConfigurationOptions.Parse(options.ConnectionString);
        var socket = server is System.Net.Sockets.UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(options.ConnectTimeoutMs), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            await socket.ConnectAsync(server, either.Token);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (configuration.Ssl)
            {
                var secure = new SslStream(stream);
                stream = secure;
                await secure.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions { TargetHost = configuration.SslHost ?? Host(server) }, either.Token);
            }

            await GreetAsync(stream, configuration, isSentinel, either.Token);
            return stream;
        }
        catch (Exception e)
        {
            if (stream is not null)
            {
                await stream.DisposeAsync();
            }

            socket.Dispose();
            if (e is not OperationCanceledException)
            {
                throw RedisFaults.Map(e);
            }

            if (cancellation.IsCancellationRequested)
            {
                throw;
            }

            throw RedisFaults.Timeout(e);
        }
    }

    private static string Host(EndPoint server) =>
        server is DnsEndPoint dns ? dns.Host : ((IPEndPoint)server).Address.ToString();

    private static async Task GreetAsync(
        Stream stream, ConfigurationOptions configuration, bool isSentinel, CancellationToken cancellation)
    {
        byte[][] credentials = string.IsNullOrEmpty(configuration.Password)
            ? []
            : configuration.User is null
                ? ["AUTH"u8.ToArray(), Encoding.UTF8.GetBytes(configuration.Password)]
                : ["AUTH"u8.ToArray(), Encoding.UTF8.GetBytes(configuration.User), Encoding.UTF8.GetBytes(configuration.Password)];
        if (credentials.Length > 0)
        {
            await AskAsync(credentials, "The store rejects the service's credentials or permissions.");
        }

        if (!isSentinel && configuration.DefaultDatabase is { } database and not 0)
        {
            await AskAsync(["SELECT"u8.ToArray(), Encoding.ASCII.GetBytes($"{database}")], "The store's server does not have the database that the connection string selects.");
        }

        async Task AskAsync(byte[][] command, string refused)
        {
            var frame = new RespBuffer(64 + command.Sum(word => word.Length + 16));
            frame.AppendCommand(command.Length);
            foreach (var word in command)
            {
                frame.AppendBulk(word);
            }

            await stream.WriteAsync(frame.Written, cancellation);
            // Read byte by byte: the bytes that follow belong to the caller.
            var answer = new List<byte>(64);
            var next = new byte[1];
            while (answer.Count == 0 || (answer[^1] != '\n' && answer.Count < 512))
            {
                await stream.ReadExactlyAsync(next, cancellation);
                answer.Add(next[0]);
            }

            var text = Encoding.ASCII.GetString([.. answer]);
            if (text != "+OK\r\n" && !(isSentinel && text.Contains("without any password", StringComparison.Ordinal)))
            {
                throw new StoreUnavailableException(StoreFault.Settings, refused);
            }
        }
    }
}
