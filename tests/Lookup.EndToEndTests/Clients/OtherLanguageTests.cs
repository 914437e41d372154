using System.Text.Json;
using static Lookup.Testing.Clients.Programs;

namespace Lookup.EndToEndTests.Clients;

/// <summary>Checks from outside .NET: Node over gRPC through the .proto files, curl over JSON.</summary>
public sealed class OtherLanguageTests(LookupServer server) : IClassFixture<LookupServer>
{
    private const string Afternoon = "2024-03-12T14:00:00+01:00";

    [Fact]
    public async Task Check_FromNode_AnswersAsFromDotNet()
    {
        var number = await ConsentedAsync();

        var (code, output, error) = await CheckFromNodeAsync(number);

        Assert.True(code == 0, error);
        using var answer = JsonDocument.Parse(output);
        Assert.Equal("VERDICT_ALLOW", answer.RootElement.GetProperty("verdict").GetString());
        Assert.Equal("REASON_CODE_CONSENT", answer.RootElement.GetProperty("reason").GetString());
        Assert.Equal("NL-2", answer.RootElement.GetProperty("regime").GetString());
    }

    [Fact]
    public async Task Check_FromNodeWithABadNumber_NamesTheField()
    {
        var (code, _, error) = await CheckFromNodeAsync("+31-CALL-ME");

        Assert.Equal(1, code);
        Assert.StartsWith("3 number:", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_FromCurl_AnswersAsFromDotNet()
    {
        Require("curl");
        var number = await ConsentedAsync();
        var body = $$$"""
            {"number": "{{{number}}}", "question": {"organisation": "acme", "purpose": "PURPOSE_COMMERCIAL"}, "whatIf": {"callTime": "2024-03-12T13:00:00Z"}}
            """;

        var (code, output, error) = await RunAsync(
            "curl", ["-sS", "--fail-with-body", "--noproxy", "*", "--json", body, new Uri(server.Host.JsonAddress, "v1/check").ToString()]);

        Assert.True(code == 0, error + output);
        using var answer = JsonDocument.Parse(output);
        Assert.Equal("VERDICT_ALLOW", answer.RootElement.GetProperty("decision").GetProperty("verdict").GetString());
    }

    private async Task<(int Code, string Output, string Error)> CheckFromNodeAsync(string number)
    {
        var folder = Path.Combine(Root(), "tests/clients/node");
        Require("node");
        RequireFile(Path.Combine(folder, "node_modules"), "npm ci was not run in tests/clients/node.");
        return await RunAsync("node", [Path.Combine(folder, "check.js"), server.Host.GrpcAddress.Authority, number, "acme", Afternoon]);
    }

    private async Task<string> ConsentedAsync()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)), cancellationToken: TestContext.Current.CancellationToken);
        return number;
    }
}
