using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Grpc.Core;
using Lookup.Server.Receipts;
using Lookup.ServiceTests.Access;

namespace Lookup.ServiceTests.Server;

/// <summary>
/// No request makes a service fail in a way that it does not foresee. LOOKUP_FUZZ_SECONDS goes on for so long, from LOOKUP_FUZZ_SEED on.
/// </summary>
public sealed class HostileRequestTests
{
    private const int Usual = 1_500;

    private const string Q = "\"question\":{\"organisation\":\"acme\",\"purpose\":\"PURPOSE_COMMERCIAL\"}";

    private static readonly TimeSpan Longer = TimeSpan.FromSeconds(Setting("LOOKUP_FUZZ_SECONDS", 0));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A JSON body, and the field that the refusal must name.</summary>
    public static TheoryData<string, string, string> Refused => new()
    {
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":"INVALID"}}""", "question.purpose" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":99}}""", "question.purpose" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":-1}}""", "question.purpose" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":"1"}}""", "question.purpose" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":null}}""", "question.purpose" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":"purpose_commercial"}}""", "question.purpose" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":1e400}}""", "question.purpose" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":1,"kind":"INVALID"}}""", "question.kind" },
        { Requests.Check, """{"number":"+31612345678","question":{"organisation":"acme","purpose":1,"subscriber":99}}""", "question.subscriber" },
        { Requests.Check, """{"number":31612345678,""" + Q + "}", "number" },
        { Requests.Check, """{"number":31612345678.0,""" + Q + "}", "number" },
        { Requests.Check, """{"number":"+31612345678",""" + Q + ""","reserve":{"duration":120}}""", "reserve.duration" },
        { Requests.Check, """{"number":"+31612345678",""" + Q + ""","reserve":{"duration":"1e2s"}}""", "reserve.duration" },
        { Requests.Check, """{"number":"+31612345678",""" + Q + ""","reserve":{"duration":"-1s"}}""", "reserve.duration" },
        { Requests.Check, """{"number":"+31612345678",""" + Q + ""","reserve":{"duration":"315576000000s"}}""", "reserve.duration" },
        { Requests.Check, """{"number":"+31612345678",""" + Q + ""","whatIf":{"callTime":"0001-01-01T00:00:00+14:00"}}""", "what_if.call_time" },
        { Requests.Check, """{"number":"+31612345678",""" + Q + ""","whatIf":{"callTime":"9999-12-31T23:59:59-14:00"}}""", "what_if.call_time" },
        { Requests.Check, """{"number":"+31612345678",""" + Q + ""","whatIf":{"callTime":"2024-06-30T23:59:60Z"}}""", "what_if.call_time" },
        { Requests.Facts, """{"facts":[{"number":"+31612345678","source":"t","consent":{"organisation":"a","firstContactMonths":10.12}}]}""", "facts[0].consent.first_contact_months" },
        { Requests.Facts, """{"facts":[{"number":"+31612345678","source":"t","relation":{"organisation":"a","relation":"INVALID"}}]}""", "facts[0].relation.relation" },
        { "/v1/outcomes", """{"number":"+31612345678","organisation":"acme","outcome":"INVALID","source":"t"}""", "outcome" },
    };

    [Theory]
    [InlineData("0200000000")]
    [InlineData("00C0800105")]
    [InlineData("0000000001FF")]
    public async Task Frame_ThatIsNone_IsInvalid(string frame)
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        using var http = new HttpClient { BaseAddress = server.Host.GrpcAddress };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/lookup.v1.LookupService/Check")
        {
            Version = System.Net.HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(Convert.FromHexString(frame)) { Headers = { ContentType = new("application/grpc") } },
        };
        request.Headers.Add("te", "trailers");
        using var response = await http.SendAsync(request, Ct);
        await response.Content.ReadAsByteArrayAsync(Ct);
        var status = response.Headers.Concat(response.TrailingHeaders).Single(header => header.Key == "grpc-status").Value.Single();
        Assert.Equal("3", status);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Json_ValueOfAnotherForm_IsRefusedByItsField(string path, string json, string field)
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        using var response = await server.Http.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), Ct);
        var body = await response.Content.ReadAsStringAsync(Ct);
        Assert.True(response.StatusCode == HttpStatusCode.BadRequest && body.Contains("fieldViolations", StringComparison.Ordinal), json + body);
        using var document = JsonDocument.Parse(body);
        var fields = document.RootElement.GetProperty("details")[0].GetProperty("fieldViolations").EnumerateArray().Select(v => v.GetProperty("field").GetString());
        Assert.Contains(field, fields);
        Leaks.AssertNone(body);
    }

    [Fact]
    public async Task Grpc_AnyRequest_IsAnsweredOrRefusedAsForeseen()
    {
        await using var service = await Service.StartAsync();
        await ForEachAsync(AnyCall.Methods, async (method, requests, random) =>
        {
            var changed = requests.Select(request => HostileValues.Change(request, random)).ToList();
            var answer = await AnyCall.GrpcAsync(service.Server.Invoker, method, changed, null);
            Assert.True(
                answer.Status is not (StatusCode.Unknown or StatusCode.Internal),
                $"{answer.Status}: {string.Join(" ", changed.Select(one => Convert.ToHexString(one.ToByteArray())))}");
        });
    }

    [Fact]
    public async Task Json_AnyRequest_IsAnsweredOrRefusedAsForeseen()
    {
        await using var service = await Service.StartAsync();
        var methods = AnyCall.Methods.Where(method => AnyCall.Route(method) is { } route && route.Verb == HttpMethod.Post).ToList();
        await ForEachAsync(methods, async (method, requests, random) =>
        {
            var json = HostileValues.ChangeJson(requests[0], random);
            using var request = new HttpRequestMessage(HttpMethod.Post, AnyCall.Route(method)!.Value.Path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
            using var response = await service.Server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
            var body = await AnyCall.BodyAsync(response, method);
            Assert.True((int)response.StatusCode is < 500 or 503 or 501, $"HTTP {(int)response.StatusCode}: {body}\n{json}");
            using var document = JsonDocument.Parse(body);
            if (!response.IsSuccessStatusCode)
            {
                var code = (Code)document.RootElement.GetProperty("code").GetInt32();
                Assert.True(code is not (Code.Unknown or Code.Internal), body);
                Assert.True(code != Code.InvalidArgument || body.Contains("fieldViolations", StringComparison.Ordinal), json + body);
                // What is JSON is refused by a field, and by the service's own checks.
                Assert.True(!IsJson(json) || !body.Contains("\"(body)\"", StringComparison.Ordinal), json + body);
                Leaks.AssertNone(body);
            }
        });
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            // Half of a pair is JSON by its letters only.
            return !text.Contains("\\ud800", StringComparison.Ordinal);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static async Task ForEachAsync(
        IReadOnlyList<MethodDescriptor> methods, Func<MethodDescriptor, IReadOnlyList<IMessage>, Random, Task> call)
    {
        var begin = TimeProvider.System.GetTimestamp();
        var first = Setting("LOOKUP_FUZZ_SEED", 1);
        for (var seed = first; seed < first + Usual || TimeProvider.System.GetElapsedTime(begin) < Longer; seed++)
        {
            var random = new Random(seed);
            var method = methods[random.Next(methods.Count)];
            try
            {
                await call(method, AccessRpcs.All[$"{method.Service.Name}.{method.Name}"].Requests("acme"), random);
            }
            catch (Exception e) when (!Ct.IsCancellationRequested)
            {
                throw new InvalidOperationException($"Seed {seed}, {method.FullName}: {e.Message}", e);
            }
        }
    }

    private static int Setting(string name, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : usual;

    /// <summary>A service with all that it can have.</summary>
    private sealed class Service(TempFolder folder, ECDsa key, ReceiptLog log, LookupServer server) : IAsyncDisposable
    {
        internal LookupServer Server => server;

        internal static async Task<Service> StartAsync()
        {
            var folder = new TempFolder();
            var key = ReceiptKeyFile.LoadPrivate(await KeyAsync(folder));
            var log = ReceiptLog.Open(folder.PathOf("receipts"), key, TimeProvider.System);
            return new Service(folder, key, log, await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), receipts: log));
        }

        public async ValueTask DisposeAsync()
        {
            await server.DisposeAsync();
            log.Dispose();
            key.Dispose();
            folder.Dispose();
        }

        private static async Task<string> KeyAsync(TempFolder folder)
        {
            Assert.Equal(0, (await CliRun.Async("receipt", "key", folder.PathOf("receipt.key"))).ExitCode);
            return folder.PathOf("receipt.key");
        }
    }
}
