using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using StackExchange.Redis;

namespace Lookup.Redis.Store;

/// <summary>Plain connections to the server, for what a general client is too slow for.</summary>
internal static class ServerDial
{
    /// <summary>Connects, with TLS, credentials and database as the connection string says.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="server">The server among those of the connection string; null for the first.</param>
    /// <param name="clock">Measures the limit.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="StoreUnavailableException">There is no connection within the limit for one.</exception>
    internal static async Task<Stream> ConnectAsync(
        StoreOptions options, EndPoint? server, TimeProvider clock, CancellationToken cancellation)
    {
        var configuration = ConfigurationOptions.Parse(options.ConnectionString);
        server ??= configuration.EndPoints[0];
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

            await GreetAsync(stream, configuration, either.Token);
            return stream;
        }
        catch (Exception e)
        {
            if (stream is not null)
                await stream.DisposeAsync();
            socket.Dispose();
            if (e is not OperationCanceledException)
                throw RedisFaults.Map(e);
            if (cancellation.IsCancellationRequested)
                throw;
            throw RedisFaults.Timeout(e);
        }
    }

    private static string Host(EndPoint server) =>
        server is DnsEndPoint dns ? dns.Host : ((IPEndPoint)server).Address.ToString();

    private static async Task GreetAsync(Stream stream, ConfigurationOptions configuration, CancellationToken cancellation)
    {
        byte[][] credentials = string.IsNullOrEmpty(configuration.Password)
            ? []
            : configuration.User is null
                ? ["AUTH"u8.ToArray(), Encoding.UTF8.GetBytes(configuration.Password)]
                : ["AUTH"u8.ToArray(), Encoding.UTF8.GetBytes(configuration.User), Encoding.UTF8.GetBytes(configuration.Password)];
        if (credentials.Length > 0)
            await AskAsync(credentials, "The store refuses the service's credentials or rights.");
        if (configuration.DefaultDatabase is { } database and not 0)
            await AskAsync(["SELECT"u8.ToArray(), Encoding.ASCII.GetBytes($"{database}")], "The store has no such database.");

        async Task AskAsync(byte[][] command, string refused)
        {
            var frame = new RespBuffer(64 + command.Sum(word => word.Length + 16));
            frame.AppendCommand(command.Length);
            foreach (var word in command)
            {
                frame.AppendBulk(word);
            }

            await stream.WriteAsync(frame.Written, cancellation);
            var answer = new byte[5];
            await stream.ReadExactlyAsync(answer, cancellation);
            if (!answer.AsSpan().SequenceEqual("+OK\r\n"u8))
                throw new StoreUnavailableException(StoreFault.Settings, refused);
        }
    }
}
