using System.Net;
using System.Text;
using System.Text.Json;

namespace Lookup.ServiceTests.Server;

public sealed class JsonTests(LookupServer server) : IClassFixture<LookupServer>
{
    [Fact]
    public async Task Check_OverJson_AnswersAsOverGrpc()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var answer = await PostAsync("/v1/check", Question(number));
        var decision = answer.GetProperty("decision");
        Assert.Equal("VERDICT_ALLOW", decision.GetProperty("verdict").GetString());
        Assert.Equal("REASON_CODE_CONSENT", decision.GetProperty("reasons")[0].GetProperty("code").GetString());
        Assert.Equal(number, answer.GetProperty("number").GetString());
        Assert.NotEmpty(decision.GetProperty("reusableUntil").GetString()!);
    }

    [Fact]
    public async Task UnaryCalls_OverJson_GoThroughTheirPaths()
    {
        var number = Samples.NewNumber();
        var recorded = await PostAsync("/v1/facts", $"{{\"facts\":[{{\"number\":\"{number}\",\"source\":\"curl\",\"objection\":{{\"organisation\":\"acme\"}}}}]}}");
        Assert.Equal("OUTCOME_RECORDED", recorded.GetProperty("results")[0].GetProperty("outcome").GetString());
        var listed = await PostAsync("/v1/facts:list", $"{{\"number\":\"{number}\"}}");
        Assert.Equal("acme", listed.GetProperty("facts")[0].GetProperty("fact").GetProperty("objection").GetProperty("organisation").GetString());
        var explained = await PostAsync("/v1/explain", Question(number));
        Assert.Equal("VERDICT_DENY", explained.GetProperty("decision").GetProperty("verdict").GetString());
        Assert.NotEqual(0, explained.GetProperty("steps").GetArrayLength());
        var erased = await PostAsync("/v1/numbers:erase", $"{{\"number\":\"{number}\",\"source\":\"curl\"}}");
        Assert.Equal(1, erased.GetProperty("erasedFacts").GetInt32());
        await PostAsync("/v1/organisations", "{\"organisation\":{\"name\":\"json-org\",\"sector\":\"SECTOR_OTHER\"}}");
        Assert.Contains("json-org", await server.Http.GetStringAsync("/v1/organisations"), StringComparison.Ordinal);
        Assert.Contains("nl-bmnr", await server.Http.GetStringAsync("/v1/registers"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/v1/nothing", "application/json", HttpStatusCode.NotFound)]
    [InlineData("GET", "/v1/check", null, HttpStatusCode.NotFound)]
    [InlineData("DELETE", "/v1/organisations", null, HttpStatusCode.NotFound)]
    [InlineData("POST", "/v1/check", "text/plain", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/check", "application/json; charset=utf-16", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/check", "application/grpc+json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/check", "application/grpc", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/check", "application/vnd.lookup+json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/check", "text/json", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/check", null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/check?number=%2B31612345678", "application/json", HttpStatusCode.BadRequest)]
    [InlineData("GET", "/v1/registers?x=1", null, HttpStatusCode.BadRequest)]
    public async Task Request_NotForAnyCall_IsAnErrorInJson(string method, string path, string? contentType, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (contentType is not null || expected == HttpStatusCode.UnsupportedMediaType)
        {
            request.Content = new ByteArrayContent("{}"u8.ToArray());
            if (contentType is not null)
            {
                request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
            }
        }

        await AssertErrorAsync(request, expected);
    }

    [Fact]
    public async Task Request_AnyMediaType_IsNeverReadLeniently()
    {
        // A misspelt field that is skipped would make a consent of a withdrawal.
        foreach (var type in (string[])["application/json", "application/grpc+json", "APPLICATION/GRPC+JSON", "application/x+json", "application/grpc-web+json"])
        {
            var number = Samples.NewNumber();
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/facts");
            request.Content = new StringContent(
                $"{{\"facts\":[{{\"number\":\"{number}\",\"source\":\"curl\",\"consent\":{{\"organisation\":\"acme\",\"withdrawnn\":true}}}}]}}");
            request.Content.Headers.ContentType = null;
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            await AssertErrorAsync(request, type == "application/json" ? HttpStatusCode.BadRequest : HttpStatusCode.UnsupportedMediaType);
            Assert.Empty((await server.Facts.ListFactsAsync(new V1.ListFactsRequest { Number = number })).Facts);
        }
    }

    [Fact]
    public async Task Request_TooLarge_IsAnErrorInJson()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/check");
        request.Content = new ByteArrayContent(new byte[server.Options.MaxMessageBytes + 1]);
        request.Content.Headers.ContentType = new("application/json");
        // The refusal must not race with the body.
        request.Headers.ExpectContinue = true;
        await AssertErrorAsync(request, HttpStatusCode.RequestEntityTooLarge);
    }

    [Theory]
    [InlineData("GET", "/v1/registers", null)]
    [InlineData("GET", "/metrics", "application/grpc")]
    [InlineData("GET", "/", "application/grpc+proto")]
    [InlineData("GET", "/health", null)]
    [InlineData("POST", "/v1/facts:list", "application/json")]
    [InlineData("POST", "/v1/facts:list", "application/grpc+json")]
    [InlineData("POST", "/lookup.v1.LookupService/Check", "application/grpc")]
    public async Task Request_ForAnotherHost_IsRefused(string method, string path, string? contentType)
    {
        foreach (var host in (string[])["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7501"])
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            request.Headers.Host = host;
            request.Content = contentType is null ? null : new ByteArrayContent("{}"u8.ToArray());
            request.Content?.Headers.TryAddWithoutValidation("Content-Type", contentType);
            await AssertErrorAsync(request, HttpStatusCode.BadRequest);
        }
    }

    [Theory]
    [InlineData("/v1/facts:list", "application/json", 400)]
    [InlineData("/lookup.v1.LookupService/Check", "application/grpc", 200)]
    public async Task Request_ForAnotherHostOnThePortOfGrpc_IsRefused(string path, string contentType, int expected)
    {
        using var client = new HttpClient { BaseAddress = server.Host.GrpcAddress };
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 0]),
        };
        request.Headers.Host = "evil.example";
        request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        using var response = await client.SendAsync(request);
        Assert.Equal(expected, (int)response.StatusCode);
        if (expected == 200)
        {
            Assert.Equal("3", Assert.Single(response.Headers.GetValues("grpc-status")));
            Assert.StartsWith("Host:", Assert.Single(response.Headers.GetValues("grpc-message")), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("localhost:1")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]:7501")]
    public async Task Request_ForThisMachine_IsAnswered(string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/registers");
        request.Headers.Host = host;
        using var response = await server.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Request_JsonOnThePortOfGrpc_IsCheckedAsStrictly()
    {
        using var client = new HttpClient { BaseAddress = server.Host.GrpcAddress };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/check")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StringContent("{\"question\":{\"purpose\":\"SELL\"}}", Encoding.UTF8, "application/json"),
        };
        using var response = await client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("question.purpose", body, StringComparison.Ordinal);
        Leaks.AssertNone(body);
    }

    private async Task AssertErrorAsync(HttpRequestMessage request, HttpStatusCode expected)
    {
        using var response = await server.Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal(expected, response.StatusCode);
        using var document = JsonDocument.Parse(body);
        Assert.NotEqual(0, document.RootElement.GetProperty("code").GetInt32());
        Assert.NotEmpty(document.RootElement.GetProperty("message").GetString()!);
        Leaks.AssertNone(body);
    }

    private async Task<JsonElement> PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(path, content);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        using var document = JsonDocument.Parse(body);
        return document.RootElement.Clone();
    }

    private static string Question(string number) =>
        $"{{\"number\":\"{number}\",\"question\":{{\"organisation\":\"acme\",\"purpose\":\"PURPOSE_COMMERCIAL\"}}}}";
}
