using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lookup.Cli.Hosting;
using Lookup.Client.Testing;
using Lookup.IntegrationTests.Cli;
using Lookup.Server.Hosting;
using static Lookup.IntegrationTests.Clients.Programs;

namespace Lookup.IntegrationTests.Clients;

/// <summary>The samples against the fake service, and against none.</summary>
public sealed partial class SampleTests : IAsyncLifetime
{
    private const string Nowhere = "127.0.0.1:1";
    private FakeService _service = null!;

    public async ValueTask InitializeAsync() =>
        _service = await FakeService.StartAsync(new LookupServerOptions { GrpcPort = 0, JsonPort = 0 }, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync() => await _service.EndAsync();

    [Theory]
    [InlineData("dotnet")]
    [InlineData("node")]
    [InlineData("python")]
    public async Task Dialer_List_DialsWhatIsAllowed(string language)
    {
        var (code, output, error) = await DialAsync(
            language, _service.GrpcAddress.Authority, MagicNumbers.Allow, MagicNumbers.DenyByObjection, MagicNumbers.Unknown, MagicNumbers.NotCovered, MagicNumbers.UnheardOf, "call me");

        Assert.Equal([$"DIAL {MagicNumbers.Allow}"], Dialled(output));
        Assert.Equal(6, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.True(code == 0, error);
    }

    [Theory]
    [InlineData("dotnet")]
    [InlineData("node")]
    [InlineData("python")]
    public async Task Dialer_ServiceAway_DialsNothing(string language)
    {
        var (code, output, _) = await DialAsync(language, Nowhere, MagicNumbers.Allow, MagicNumbers.AllowByConsent);

        Assert.Empty(Dialled(output));
        Assert.Equal(2, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData("dotnet")]
    [InlineData("node")]
    [InlineData("python")]
    public async Task Dialer_ServiceThatFails_DialsNothing(string language)
    {
        var (code, output, _) = await DialAsync(language, _service.GrpcAddress.Authority, MagicNumbers.Unavailable);

        Assert.StartsWith($"SKIP {MagicNumbers.Unavailable} ", output, StringComparison.Ordinal);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData(MagicNumbers.Allow, true)]
    [InlineData(MagicNumbers.DenyByObjection, false)]
    [InlineData(MagicNumbers.Unknown, false)]
    [InlineData(MagicNumbers.Unavailable, false)]
    [InlineData("call me", false)]
    public async Task Curl_Number_DialsWhatIsAllowed(string number, bool dials)
    {
        Require("sh", "curl");

        var (code, output, _) = await RunAsync("sh", Sample("curl/dial.sh"), _service.JsonAddress.ToString().TrimEnd('/'), "acme", number);

        Assert.Equal((dials ? 0 : 1, $"{(dials ? "DIAL" : "SKIP")} {number}\n"), (code, output));
    }

    [Fact]
    public async Task Curl_ServiceAway_DialsNothing()
    {
        Require("sh", "curl");

        var (code, output, _) = await RunAsync("sh", Sample("curl/dial.sh"), "http://" + Nowhere, "acme", MagicNumbers.Allow);

        Assert.Equal((1, $"SKIP {MagicNumbers.Allow}\n"), (code, output));
    }

    [Theory]
    [InlineData(MagicNumbers.Allow, "VERDICT_ALLOW")]
    [InlineData(MagicNumbers.DenyByObjection, "VERDICT_DENY")]
    public async Task Asterisk_RequestOfTheDialplan_IsAnsweredWhereItLooks(string number, string verdict)
    {
        var plan = await File.ReadAllTextAsync(Sample("asterisk/extensions.conf"), TestContext.Current.CancellationToken);
        var header = Header().Match(plan).Groups;
        var curl = Curl().Match(plan).Groups;
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, Substituted(curl["url"].Value, number));
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Substituted(curl["body"].Value, number)));
        request.Content.Headers.Add(header["name"].Value, header["value"].Value);

        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.True(response.IsSuccessStatusCode);
        Assert.Equal("true", Assert.Single(response.Headers.GetValues("lookup-fake")));
        using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var at = Decoded().Match(plan).Groups["path"].Value.Split('.').Aggregate(answer.RootElement, (element, name) => element.GetProperty(name));
        Assert.Equal(verdict, at.GetString());
    }

    [Fact]
    public void Asterisk_Dialplan_ReachesDialOnlyOverAllow()
    {
        var lines = File.ReadAllLines(Sample("asterisk/extensions.conf")).Where(l => l.Contains("=>", StringComparison.Ordinal)).ToList();
        var gate = lines.FindIndex(l => l.Contains("""GotoIf($["${VERDICT}"="VERDICT_ALLOW"]?call:skip)""", StringComparison.Ordinal));
        var dial = lines.FindIndex(l => l.Contains("Dial(", StringComparison.Ordinal));

        Assert.InRange(gate, 0, dial);
        // What falls through the gate hangs up before it comes to the call.
        Assert.Contains("(skip)", lines[gate + 1], StringComparison.Ordinal);
        Assert.Contains("Hangup(", lines[dial - 1], StringComparison.Ordinal);
        Assert.Contains("n(call),Dial(", lines[dial], StringComparison.Ordinal);
        Assert.Single(lines, l => l.Contains("Dial(", StringComparison.Ordinal));
        Assert.Single(lines, l => l.Contains("Goto", StringComparison.Ordinal));
        Assert.Contains(lines.Take(gate), l => l.EndsWith("Set(VERDICT=)", StringComparison.Ordinal));
    }

    private string Substituted(string text, string number) => text
        .Replace("${LOOKUP_URL}", _service.JsonAddress.ToString().TrimEnd('/'), StringComparison.Ordinal)
        .Replace("${LOOKUP_ORG}", "acme", StringComparison.Ordinal)
        .Replace("${NUMBER}", number[1..], StringComparison.Ordinal);

    private static async Task<(int Code, string Output, string Error)> DialAsync(string language, string address, params string[] numbers)
    {
        switch (language)
        {
            case "dotnet":
                return await RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "DialerLoop.dll"), "http://" + address, "acme", .. numbers]);
            case "node":
                Require("node");
                RequireFile(Path.Combine(Root(), "tests/clients/node/node_modules"), "npm ci was not run in tests/clients/node.");
                return await RunAsync("node", [Sample("node/dial.js"), address, "acme", .. numbers]);
            default:
                Require("protoc");
                RequireFile("/usr/include/google/protobuf/timestamp.proto", "libprotobuf-dev is not installed.");
                return await RunAsync(await PythonAsync(), [Sample("python/dial.py"), address, "acme", .. numbers]);
        }
    }

    /// <summary>A python that has grpcio: the first of the path may be another one than Debian's.</summary>
    internal static async Task<string> PythonAsync()
    {
        foreach (var python in new[] { "/usr/bin/python3", "python3" })
        {
            if (OnPath(python) && (await RunAsync(python, "-c", "import grpc, google.protobuf")).Code == 0)
            {
                return python;
            }
        }

        Assert.Skip("python3 with grpcio and protobuf is not installed.");
        return "";
    }

    private static IEnumerable<string> Dialled(string output) =>
        output.Split('\n').Where(l => l.StartsWith("DIAL", StringComparison.Ordinal)).Select(l => string.Join(' ', l.Split(' ').Take(2)));

    private static string Sample(string path) => Path.Combine(Root(), "samples", path);

    [GeneratedRegex(@"CURLOPT\(httpheader\)=(?<name>[\w-]+): (?<value>[^)]+)\)")]
    private static partial Regex Header();

    [GeneratedRegex(@"Set\(ANSWER=\$\{CURL\((?<url>[^,]+),(?<body>.*)\)\}\)")]
    private static partial Regex Curl();

    [GeneratedRegex(@"JSON_DECODE\(ANSWER,(?<path>[\w.]+)\)")]
    private static partial Regex Decoded();
}
