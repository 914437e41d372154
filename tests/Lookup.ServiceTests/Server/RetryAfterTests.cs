using System.Text;
using Lookup.Client.Testing;
using Lookup.Server;
using Lookup.Server.Hosting;
using Microsoft.AspNetCore.Http;

namespace Lookup.ServiceTests.Server;

/// <summary>Every 429 and 503 in JSON says when to come again, for clients that read only headers.</summary>
public sealed class RetryAfterTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(MagicNumbers.Overloaded, "/v1/check", 429, "2")]
    [InlineData(MagicNumbers.Unavailable, "/v1/check", 503, "1")]
    [InlineData(MagicNumbers.Unavailable, "/v1/explain", 503, "1")]
    [InlineData(MagicNumbers.Overloaded, "/v1/gate", 429, "2")]
    [InlineData(MagicNumbers.Unavailable, "/v1/gate", 503, "1")]
    [InlineData(MagicNumbers.Unknown, "/v1/gate", 503, "1")]
    [InlineData(MagicNumbers.Allow, "/v1/check", 200, "")]
    [InlineData(MagicNumbers.Refused, "/v1/check", 400, "")]
    public async Task Error_ThatMayPass_HasRetryAfter(string number, string path, int status, string expected)
    {
        await using var fake = await Lookup.Cli.Hosting.FakeService.StartAsync(new LookupServerOptions { GrpcPort = 0, JsonPort = 0 }, Token);
        using var http = new HttpClient { BaseAddress = fake.JsonAddress };
        using var content = new StringContent(
            $$$"""{"number": "{{{number}}}", "question": {"organisation": "acme", "purpose": "PURPOSE_COMMERCIAL"}}""", Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(path, content, Token);
        Assert.Equal((status, expected), ((int)response.StatusCode, response.Headers.RetryAfter?.ToString() ?? ""));
    }

    [Fact]
    public void Health_NotServing_HasRetryAfter()
    {
        var context = new DefaultHttpContext();
        HealthService.Answer(context, serving: false);
        Assert.Equal((503, "1"), (context.Response.StatusCode, context.Response.Headers.RetryAfter.ToString()));
    }
}
