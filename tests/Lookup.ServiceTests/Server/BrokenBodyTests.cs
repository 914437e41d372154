using System.Net.Sockets;
using System.Text;

namespace Lookup.ServiceTests.Server;

/// <summary>A request whose body cannot be read is the caller's fault: it gets an error, and the log no exception.</summary>
public sealed class BrokenBodyTests
{
    private const string Head = "POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nZZZ\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n{")]
    public async Task Json_BodyFramedWrongly_IsHttp400(string rest)
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        Assert.StartsWith("HTTP/1.1 400 ", await SendAsync(server, Head + rest), StringComparison.Ordinal);
        Assert.DoesNotContain("unhandled exception", server.Log.All, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Json_BodyCutOff_IsNoUnhandledException()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        using (var client = await ConnectAsync(server))
        {
            // Closed with data unread, so the connection is reset.
            client.LingerState = new LingerOption(enable: true, seconds: 0);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(Head + "Content-Length: 100\r\n\r\n{"), Token);
        }

        // The end of the service waits for its requests.
        await server.Host.StopAsync();
        Assert.DoesNotContain("unhandled exception", server.Log.All, StringComparison.OrdinalIgnoreCase);
    }

    private static async Task<TcpClient> ConnectAsync(LookupServer server)
    {
        var client = new TcpClient();
        await client.ConnectAsync(server.Host.JsonAddress.Host, server.Host.JsonAddress.Port, Token);
        return client;
    }

    private static async Task<string> SendAsync(LookupServer server, string request)
    {
        using var client = await ConnectAsync(server);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Token);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        return await reader.ReadLineAsync(Token) ?? "";
    }
}
