using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lookup.Core.Access;
using Lookup.Server;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>Watch for callers without gRPC: a line of JSON for each message.</summary>
public sealed class WatchJsonTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Watch_OverJson_HasALineForEachMessageAndResumes()
    {
        await using var server = await StartAsync();
        var (first, second) = (Samples.NewNumber(), Samples.NewNumber());
        string token;
        using (var watch = await JsonWatch.OpenAsync(server.Http, "{}"))
        {
            Assert.Equal("application/x-ndjson", watch.Response.Content.Headers.ContentType!.MediaType);
            var heartbeat = await watch.NextAsync();
            Assert.NotNull(heartbeat["heartbeat"]!["time"]);
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(first)));
            var change = await watch.NextAsync("change");
            Assert.Equal((first, "acme"), ((string)change["change"]!["number"]!, (string)change["change"]!["fact"]!["fact"]!["objection"]!["organisation"]!));
            token = (string)change["resumeToken"]!;
            // Heartbeats go on between changes.
            await watch.NextAsync("heartbeat");
            await watch.NextAsync("heartbeat");
        }

        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(second)));
        using var resumed = await JsonWatch.OpenAsync(server.Http, $$"""{"organisations": ["acme"], "resumeToken": "{{token}}"}""");
        Assert.Equal(second, (string)(await resumed.NextAsync("change"))["change"]!["number"]!);
    }

    [Fact]
    public async Task Watch_ServiceStops_EndsWithTheErrorAsLastLine()
    {
        var server = await StartAsync();
        using var watch = await JsonWatch.OpenAsync(server.Http, "{}");
        await watch.NextAsync();
        var stopping = server.Host.StopAsync();
        var last = await watch.LastAsync();
        await stopping;
        await server.DisposeAsync();

        Assert.Equal(14, (int)last["code"]!);
        Assert.Contains("resume", (string)last["message"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"organisations": ["nobody-knows"]}""", 400)]
    [InlineData("""{"resumeToken": "x"}""", 400)]
    [InlineData("""{"resume": "x"}""", 400)]
    [InlineData("", 400)]
    public async Task Watch_InvalidRequest_IsAnError(string json, int expected)
    {
        await using var server = await StartAsync();
        using var watch = await JsonWatch.OpenAsync(server.Http, json);
        Assert.Equal(expected, (int)watch.Response.StatusCode);
        Assert.Equal(3, (int)(await watch.NextAsync())["code"]!);
    }

    [Fact]
    public async Task Watch_TooManyStreams_Is429WithRetryAfter()
    {
        await using var server = await StartAsync(o => o.MaxWatchStreams = 1);
        using var watch = await JsonWatch.OpenAsync(server.Http, "{}");
        await watch.NextAsync();
        using var second = await JsonWatch.OpenAsync(server.Http, "{}");
        Assert.Equal(HttpStatusCode.TooManyRequests, second.Response.StatusCode);
        Assert.NotNull(second.Response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Watch_CredentialRevoked_EndsWithTheReason()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: o => o.WatchHeartbeatMs = 50);
        var all = await guarded.KeyAsync("all", Roles.All, "*");
        await new FactService.FactServiceClient(guarded.As(all)).RecordFactsAsync(Samples.Record(Samples.Consent(Samples.NewNumber(), GuardedServer.Own)));
        var key = await guarded.KeyAsync("watcher", Roles.Watch, GuardedServer.Own);
        using var watch = await JsonWatch.OpenAsync(guarded.Server.Http, """{"organisations": ["acme"]}""", key);
        await watch.NextAsync();
        await guarded.Keeper.RevokeAsync(new RevokeCredentialRequest { CredentialId = "watcher" }, Token);
        await guarded.FollowAsync();
        Assert.Equal(16, (int)(await watch.LastAsync())["code"]!);

        var check = await guarded.KeyAsync("check", Roles.Check, GuardedServer.Own);
        using var refused = await JsonWatch.OpenAsync(guarded.Server.Http, "{}", check);
        Assert.Equal(HttpStatusCode.Forbidden, refused.Response.StatusCode);
    }

    [Fact]
    public async Task Watch_OfTheFake_HasLinesToo()
    {
        await using var fake = await Lookup.Cli.Hosting.FakeService.StartAsync(new LookupServerOptions { GrpcPort = 0, JsonPort = 0 }, Token);
        using var http = new HttpClient { BaseAddress = fake.JsonAddress };
        using var watch = await JsonWatch.OpenAsync(http, "{}");
        Assert.NotNull((await watch.NextAsync())["heartbeat"]);
    }

    [Fact]
    public async Task Watch_Curl_PrintsLinesAsTheyCome()
    {
        Programs.Require("curl");
        await using var server = await StartAsync();
        using var curl = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(
            "curl", ["-sSN", "--noproxy", "*", $"{server.Host.JsonAddress}v1/watch", "--json", "{}"])
        { RedirectStandardOutput = true })!;
        try
        {
            Assert.Contains("heartbeat", await curl.StandardOutput.ReadLineAsync(Token).AsTask().WaitAsync(Limit, Token), StringComparison.Ordinal);
            var number = Samples.NewNumber();
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
            string? line;
            do
            {
                line = await curl.StandardOutput.ReadLineAsync(Token).AsTask().WaitAsync(Limit, Token);
            }
            while (line is not null && !line.Contains("\"change\"", StringComparison.Ordinal));

            Assert.Contains(number, line, StringComparison.Ordinal);
        }
        finally
        {
            curl.Kill();
        }
    }

    private static async Task<LookupServer> StartAsync(Action<LookupServerOptions>? configure = null) =>
        await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), o =>
        {
            o.WatchHeartbeatMs = 50;
            configure?.Invoke(o);
        });

    private sealed class JsonWatch : IDisposable
    {
        private readonly StreamReader _lines;

        private JsonWatch(HttpResponseMessage response, Stream body) => (Response, _lines) = (response, new StreamReader(body, Encoding.UTF8));

        internal HttpResponseMessage Response { get; }

        internal static async Task<JsonWatch> OpenAsync(HttpClient http, string json, string? key = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/watch") { Content = new StringContent(json, Encoding.UTF8, "application/json") };
            request.Headers.Authorization = key is null ? null : new("Bearer", key);
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token).WaitAsync(Limit, Token);
            return new JsonWatch(response, await response.Content.ReadAsStreamAsync(Token));
        }

        internal async Task<JsonObject> NextAsync() => JsonNode.Parse((await LineAsync())!)!.AsObject();

        internal async Task<JsonObject> NextAsync(string kind)
        {
            while (true)
            {
                var next = await NextAsync();
                if (next.ContainsKey(kind))
                {
                    return next;
                }
            }
        }

        internal async Task<JsonObject> LastAsync()
        {
            string? last = null;
            while (await LineAsync() is { } line)
            {
                last = line;
            }

            return JsonNode.Parse(last!)!.AsObject();
        }

        public void Dispose()
        {
            _lines.Dispose();
            Response.Dispose();
        }

        private Task<string?> LineAsync() => _lines.ReadLineAsync(Token).AsTask().WaitAsync(Limit, Token);
    }
}
