using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lookup.Cli.Hosting;
using Lookup.Client.Testing;
using Lookup.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Clients;

/// <summary>A sample with its real proxy between callers and a dialer: the dialer gets permitted numbers alone.</summary>
/// <param name="program">The proxy.</param>
public abstract class ProxySampleTests(string program) : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private const string Permitted = "?number=%2B447700900001";

    private readonly TempFolder _temp = new();
    private readonly ConcurrentQueue<string> _dialled = new();
    private FakeService? _service;
    private WebApplication? _dialer;
    private Process? _proxy;
    private HttpClient _http = null!;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        if (!OnPath(program))
        {
            return;
        }

        _service = await FakeService.StartAsync(
            new LookupServerOptions { GrpcPort = 0, JsonPort = 0 }, Token,
            // Permitted for as long as the slowest machine takes.
            new FakeLookup().On(MagicNumbers.Allow, FakeAnswer.Allow() with { ReusableFor = TimeSpan.FromMinutes(5) }));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        _dialer = builder.Build();
        _dialer.Run(context =>
        {
            _dialled.Enqueue(context.Request.QueryString.Value!);
            return context.Response.WriteAsync("dialling");
        });
        await _dialer.StartAsync(Token);
        await StartProxyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_proxy is { HasExited: false })
        {
            Signals.Terminate(_proxy);
            await _proxy.WaitForExitAsync(CancellationToken.None);
        }

        _proxy?.Dispose();
        _http?.Dispose();
        if (_service is not null)
        {
            await _service.EndAsync();
        }

        if (_dialer is not null)
        {
            await _dialer.DisposeAsync();
        }

        _temp.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Proxy_EveryMagicNumber_DialsOnlyWhatIsPermitted()
    {
        Require(program);
        string[] numbers =
        [
            MagicNumbers.DenyByObjection, MagicNumbers.NotCovered, MagicNumbers.Unknown, MagicNumbers.Unavailable, MagicNumbers.Hypothetical,
            MagicNumbers.Expired, MagicNumbers.UnheardOf, MagicNumbers.Refused, MagicNumbers.Overloaded, MagicNumbers.Broken, "+31612345678",
        ];
        foreach (var number in numbers)
        {
            using var refused = await AskAsync("number=" + number);
            Assert.True((int)refused.StatusCode is 403 or 503, $"{number}: {refused.StatusCode}");
            Assert.Equal((int)refused.StatusCode == 503, refused.Headers.RetryAfter is not null);
        }

        Assert.Empty(_dialled);
        using var permitted = await AskAsync("number=" + MagicNumbers.Allow);
        Assert.Equal(HttpStatusCode.OK, permitted.StatusCode);
        Assert.Equal(Permitted, Assert.Single(_dialled));
    }

    [Theory]
    [InlineData("number=%2B447700900001")]
    [InlineData("number=tel:+44-7700-900001")]
    [InlineData("number=+447700900001&number=+447700900021")]
    [InlineData("number=+447700900001&extra=+447700900021")]
    public async Task Proxy_OtherFormsOfTheNumber_DialsTheOneThatWasDecided(string query)
    {
        Require(program);
        using var response = await AskAsync(query);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Permitted, Assert.Single(_dialled));
    }

    [Theory]
    [InlineData("")]
    [InlineData("number=")]
    [InlineData("number=call+me")]
    [InlineData("number=+447700900001%22")]
    [InlineData("number=+447700900001%0d%0aLookup-Subscriber:x")]
    [InlineData("number=tel:+447700900001;ext=5")]
    public async Task Proxy_NoNumber_DialsNothing(string query)
    {
        Require(program);
        using var response = await AskAsync(query);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Empty(_dialled);
    }

    [Fact]
    public async Task Proxy_HeadersOfTheCaller_DoNotReachTheGate()
    {
        Require(program);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/originate?number=" + MagicNumbers.DenyByObjection) { Content = new StringContent("{}") };
        request.Headers.Add("Lookup-Number", MagicNumbers.Allow);
        request.Headers.Add("Lookup-Organisation", "other");
        using var response = await _http.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("REASON_CODE_OBJECTION", Assert.Single(response.Headers.GetValues("Lookup-Reason")));
        Assert.Empty(_dialled);
    }

    [Fact]
    public async Task Proxy_ServiceGone_DialsNothing()
    {
        Require(program);
        using (var before = await AskAsync("number=" + MagicNumbers.Allow))
        {
            Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        }

        await _service!.EndAsync();
        _service = null;
        _dialled.Clear();
        for (var i = 0; i < 3; i++)
        {
            using var response = await AskAsync("number=" + MagicNumbers.Allow);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        }

        Assert.Empty(_dialled);
    }

    // A service that accepts connections and never answers.
    [Fact]
    public async Task Proxy_ServiceSilent_DialsNothing()
    {
        Require(program);
        using var response = await AskAsync("number=" + MagicNumbers.TimesOut);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Empty(_dialled);
    }

    private Task<HttpResponseMessage> AskAsync(string query) => _http.GetAsync(new Uri($"/originate?{query}", UriKind.Relative), Token);

    private async Task StartProxyAsync()
    {
        var port = RedisServer.FreePort();
        var ports = new Dictionary<string, string>
        {
            ["127.0.0.1:7501"] = _service!.JsonAddress.Authority,
            ["127.0.0.1:8088"] = new Uri(_dialer!.Urls.First()).Authority,
            ["127.0.0.1:8090"] = $"127.0.0.1:{port}",
        };
        _proxy = Process.Start(new ProcessStartInfo(
            Find(program)!, await ConfigureAsync(_temp.Path, sample => ports.Aggregate(
                File.ReadAllText(Path.Combine(Root(), "samples", sample)), (text, pair) => text.Replace(pair.Key, pair.Value, StringComparison.Ordinal))))
        { RedirectStandardError = true, WorkingDirectory = _temp.Path })!;
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        var waited = Stopwatch.StartNew();
        while (true)
        {
            Assert.False(_proxy.HasExited, _proxy.HasExited ? await _proxy.StandardError.ReadToEndAsync(Token) : "");
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, port, Token);
                return;
            }
            catch (SocketException) when (waited.Elapsed < Limit)
            {
                await Task.Delay(10, Token);
            }
        }
    }

    /// <summary>Writes the configuration of the proxy into a folder, and returns the arguments to start it with.</summary>
    /// <param name="folder">The folder, in which the proxy runs.</param>
    /// <param name="sample">Reads a file of samples/, with the ports of the test.</param>
    private protected abstract Task<IEnumerable<string>> ConfigureAsync(string folder, Func<string, string> sample);
}
