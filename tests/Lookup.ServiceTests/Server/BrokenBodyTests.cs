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

    [Fact]
    public async Task Json_MoreLargeBodiesAtATimeThanTheBudget_AreRefusedAndSmallOnesAnswered()
    {
        const int Largest = 256 * 1024;
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o => o.MaxMessageBytes = Largest);
        var waiting = new List<TcpClient>();
        try
        {
            // Each lacks its last bytes, so that the service holds the rest.
            var unfinished = Encoding.ASCII.GetBytes($"{Head}Content-Length: {Largest}\r\n\r\n{new string(' ', Largest - 100)}");
            var answers = new List<Task<string>>();
            for (var i = 0; i < 24; i++)
            {
                waiting.Add(await ConnectAsync(server));
                answers.Add(AnswerAsync(waiting[i], unfinished));
            }

            Assert.StartsWith("HTTP/1.1 503 ", await await Task.WhenAny(answers), StringComparison.Ordinal);
            Assert.StartsWith("HTTP/1.1 400 ", await SendAsync(server, Head + "Content-Length: 2\r\n\r\n{}"), StringComparison.Ordinal);
        }
        finally
        {
            waiting.ForEach(client => client.Dispose());
        }

        // The budget is free again once the service has seen that the connections are closed.
        var large = $"{Head}Content-Length: {Largest - 1}\r\n\r\n{{}}{new string(' ', Largest - 3)}";
        string answer;
        while ((answer = await SendAsync(server, large)).StartsWith("HTTP/1.1 503 ", StringComparison.Ordinal))
        {
            await Task.Delay(20, Token);
        }

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);

        static async Task<string> AnswerAsync(TcpClient client, byte[] request)
        {
            try
            {
                await client.GetStream().WriteAsync(request, Token);
            }
            catch (IOException)
            {
                // Refused before the end: the answer is there to read.
            }

            using var reader = new StreamReader(client.GetStream(), Encoding.ASCII, leaveOpen: true);
            return await reader.ReadLineAsync(Token) ?? "";
        }
    }

    [Theory]
    [InlineData("gzip", "415")]
    [InlineData("identity", "400")]
    public async Task Json_ContentEncoding_IsNamedUnlessItIsNone(string encoding, string status)
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var answer = await SendAsync(server, $"{Head}Content-Encoding: {encoding}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
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
