using System.Net;
using System.Text;
using System.Text.Json;
using Lookup.Cli.Hosting;
using Lookup.Client.Testing;
using Lookup.Core.Access;
using Lookup.Server;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>The gate: 200 for a call that is permitted now, and for nothing else.</summary>
public sealed class GateTests(LookupServer server) : IClassFixture<LookupServer>
{
    private const string Gate = "/v1/gate";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Gate_Permitted_Is200WithAShortAnswer()
    {
        var number = await ConsentedAsync();
        using var response = await PostAsync(server.Http, Question(number));
        using var body = await ReadAsync(response);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains($"\"number\":\"{number}\"", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Equal(["verdict", "reason", "number", "reusableForSeconds"], body.RootElement.EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ("VERDICT_ALLOW", "REASON_CODE_CONSENT", number),
            (Text(body, "verdict"), Text(body, "reason"), Text(body, "number")));
        Assert.InRange(body.RootElement.GetProperty("reusableForSeconds").GetDouble(), 0.001, server.Options.FreshnessBoundMs / 1000.0);
        Assert.Equal(
            ("VERDICT_ALLOW", "REASON_CODE_CONSENT", number),
            (Header(response, "Lookup-Verdict"), Header(response, "Lookup-Reason"), Header(response, "Lookup-Number")));
        Assert.True(response.Headers.CacheControl is { NoStore: true });
        Assert.False(response.Headers.Contains("Retry-After"));
    }

    [Theory]
    [InlineData("objection", HttpStatusCode.Forbidden, "VERDICT_DENY", "REASON_CODE_OBJECTION")]
    [InlineData("nothing", HttpStatusCode.Forbidden, "VERDICT_DENY", "REASON_CODE_NO_CONSENT")]
    [InlineData("elsewhere", HttpStatusCode.Forbidden, "VERDICT_NOT_COVERED", "REASON_CODE_NO_REGIME")]
    public async Task Gate_NotPermitted_Is403(string what, HttpStatusCode expected, string verdict, string reason)
    {
        // Bhutan has no regime.
        var number = what switch { "nothing" => Samples.NewNumber(), "elsewhere" => "+97517123456", _ => await ConsentedAsync() };
        if (what == "objection")
        {
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        }

        foreach (var response in new[] { await PostAsync(server.Http, Question(number)), await GetAsync(server.Http, Headers(number)) })
        {
            using (response)
            {
                using var body = await ReadAsync(response);
                Assert.Equal(expected, response.StatusCode);
                Assert.Equal((verdict, reason, number), (Text(body, "verdict"), Text(body, "reason"), Text(body, "number")));
                Assert.False(body.RootElement.TryGetProperty("reusableForSeconds", out _));
            }
        }
    }

    [Fact]
    public async Task Gate_PermittedWithAFurtherReason_WarnsInAHeader()
    {
        var number = await ConsentedAsync();
        using var plain = await GetAsync(server.Http, Headers(number));
        Assert.False(plain.Headers.Contains("Lookup-Warning"));

        await server.Registry.RecordSnapshotAsync(
            new RecordSnapshotRequest { Register = "fr-bloctel", SnapshotDate = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1)) },
            cancellationToken: Token);
        const string French = "+33612340001";
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(French)));
        using var response = await GetAsync(server.Http, [.. Headers(French), ("Lookup-Dialling-Mode", "DIALLING_MODE_MANUAL")]);
        Assert.Equal((HttpStatusCode.OK, "REASON_CODE_PRODUCT_GROUP_NOT_NAMED"), (response.StatusCode, Header(response, "Lookup-Warning")));
    }

    [Fact]
    public async Task Gate_HeadersOfAGet_AreTheFieldsOfTheQuestion()
    {
        var number = await ConsentedAsync();
        var national = "0" + number[3..];
        foreach (var (text, region) in new[] { (number, ""), (national, "NL"), ($"tel:{number}", ""), ($"%2B{number[1..]}", ""), ($"sip:{number}@trunk", ""), ($"tel:{national};phone-context=+31", "") })
        {
            var headers = Headers(text);
            if (region.Length > 0)
            {
                headers.Add(("Lookup-Default-Region", region));
            }

            using var response = await GetAsync(server.Http, headers);
            Assert.Equal((HttpStatusCode.OK, number), (response.StatusCode, Header(response, "lookup-number")));
        }

        using var withheld = await GetAsync(server.Http, [.. Headers(number), ("Lookup-Caller-Number-Withheld", "true")]);
        Assert.Equal((HttpStatusCode.Forbidden, "REASON_CODE_CALLER_NUMBER_WITHHELD"), (withheld.StatusCode, Header(withheld, "Lookup-Reason")));
        using var automated = await GetAsync(server.Http, [.. Headers(number), ("Lookup-Dialling-Mode", "DIALLING_MODE_NO_HUMAN")]);
        Assert.NotEqual("", Header(automated, "Lookup-Reason"));
    }

    [Fact]
    public async Task Gate_Reserve_CountsTheCallAndSaysWhen()
    {
        var number = await ConsentedAsync();
        using var response = await PostAsync(server.Http, Question(number, ", \"reserve\": {\"duration\": \"60s\"}"));
        using var body = await ReadAsync(response);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var outcome = Samples.Outcome(number, CallOutcome.NoAnswer);
        outcome.Called = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(DateTimeOffset.Parse(Text(body, "called"), System.Globalization.CultureInfo.InvariantCulture));
        Assert.NotEmpty((await server.Facts.RecordOutcomeAsync(outcome)).ConsistencyToken);
    }

    // Requests that are nearly right, with any value anywhere: a status of 200 is always an ALLOW of Check.
    [Fact]
    public async Task Gate_AnyBody_Is200OnlyWhereCheckAllows()
    {
        var number = await ConsentedAsync();
        var statuses = new HashSet<int>();
        for (var seed = 1; seed <= 400; seed++)
        {
            var json = HostileValues.ChangeJson(Samples.Check(number), new Random(seed));
            using var gate = await PostAsync(server.Http, json);
            statuses.Add((int)gate.StatusCode);
            Assert.True((int)gate.StatusCode is 200 or 400 or 403 or 503, $"{gate.StatusCode}: {json}");
            if (gate.StatusCode == HttpStatusCode.OK && !json.Contains("reserve", StringComparison.Ordinal))
            {
                using var content = new StringContent(json, Encoding.UTF8, "application/json");
                using var check = await server.Http.PostAsync("/v1/check", content, Token);
                using var body = await ReadAsync(check);
                Assert.Equal("VERDICT_ALLOW", body.RootElement.GetProperty("decision").GetProperty("verdict").GetString());
            }
        }

        Assert.Superset(new HashSet<int> { 200, 400 }, statuses);
    }

    public static TheoryData<string, int> Invalid => new()
    {
        { "", 400 },
        { "{}", 400 },
        { "[]", 400 },
        { "{\"number\": \"+31612345678\"}", 400 },
        { Question("call me"), 400 },
        { Question("+31612345678;ext=1"), 400 },
        { Question("tel:+31612345678;ext=1"), 400 },
        { Question("+31612345678", ", \"numbr\": \"+31612345678\""), 400 },
        { Question("+31612345678", ", \"number\": \"+31612345679\""), 400 },
        { Question("+31612345678", ", \"what_if\": {}"), 400 },
        { Question("+31612345678", ", \"whatIf\": {\"callTime\": \"2024-03-12T13:00:00Z\"}"), 400 },
        { Question("+31612345678", ", \"whatIf\": {\"strict\": true}"), 400 },
        { Question("+31612345678", ", \"receipt\": true"), 400 },
        { Question("+31612345678", ", \"allReasons\": true"), 400 },
        { Question("+31612345678", ", \"reserve\": {\"duration\": \"9999s\"}"), 400 },
        { Question("+31612345678", ", \"consistency\": {\"atLeastAsFresh\": \"x\"}"), 400 },
        { Question("+31612345678").Replace("PURPOSE_COMMERCIAL", "commercial", StringComparison.Ordinal), 400 },
        { Question("+31612345678").Replace("acme", "ACME Ltd", StringComparison.Ordinal), 400 },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public async Task Gate_InvalidBody_IsAnErrorAndNever200(string json, int expected)
    {
        using var response = await PostAsync(server.Http, json);
        using var body = await ReadAsync(response);
        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal(3, body.RootElement.GetProperty("code").GetInt32());
    }

    [Fact]
    public async Task Gate_OtherRequests_AreNever200()
    {
        var number = await ConsentedAsync();
        var headers = Headers(number);
        var wrong = new (string What, HttpRequestMessage Request)[]
        {
            ("HEAD", Request(HttpMethod.Head, headers)),
            ("PUT", Request(HttpMethod.Put, headers)),
            ("OPTIONS", Request(HttpMethod.Options, headers)),
            ("DELETE", Request(HttpMethod.Delete, headers)),
            ("query", Request(HttpMethod.Get, headers, Gate + "?number=" + Uri.EscapeDataString(number))),
            ("trailing slash", Request(HttpMethod.Get, headers, Gate + "/x")),
            ("no headers", Request(HttpMethod.Get, [])),
            ("no number", Request(HttpMethod.Get, headers[1..])),
            ("misspelt header", Request(HttpMethod.Get, [.. headers, ("Lookup-Subscribr", "x")])),
            ("what if", Request(HttpMethod.Get, [.. headers, ("Lookup-What-If", "{}")])),
            ("two numbers", Request(HttpMethod.Get, [.. headers, ("Lookup-Number", "+31612345678")])),
            ("two numbers in one", Request(HttpMethod.Get, [("Lookup-Number", number + ", +31612345678"), .. headers[1..]])),
            ("bad flag", Request(HttpMethod.Get, [.. headers, ("Lookup-Automated", "maybe")])),
            ("bad purpose", Request(HttpMethod.Get, [.. headers[..2], ("Lookup-Purpose", "sales")])),
            ("GET with a body", Request(HttpMethod.Get, headers, Gate, Question(number))),
            ("POST with headers", Request(HttpMethod.Post, headers, Gate, Question(number))),
            ("POST without a type", Request(HttpMethod.Post, [], Gate, Question(number), "text/plain")),
        };
        foreach (var (what, request) in wrong)
        {
            using var response = await server.Http.SendAsync(request, Token);
            Assert.True((int)response.StatusCode is 400 or 404 or 415, $"{what}: {response.StatusCode}");
            Assert.False(response.Headers.Contains("Lookup-Verdict"), what);
            request.Dispose();
        }
    }

    [Theory]
    [InlineData(MagicNumbers.Allow, 200)]
    [InlineData(MagicNumbers.Hypothetical, 503)]
    [InlineData(MagicNumbers.Expired, 503)]
    [InlineData(MagicNumbers.UnheardOf, 503)]
    [InlineData(MagicNumbers.Unknown, 503)]
    [InlineData(MagicNumbers.NotCovered, 403)]
    [InlineData(MagicNumbers.DenyByObjection, 403)]
    [InlineData(MagicNumbers.Unavailable, 503)]
    [InlineData(MagicNumbers.Prefix + "081", 503)]
    [InlineData(MagicNumbers.Prefix + "901", 503)]
    [InlineData(MagicNumbers.Prefix + "902", 503)]
    [InlineData(MagicNumbers.Prefix + "903", 400)]
    [InlineData(MagicNumbers.Prefix + "907", 403)]
    [InlineData(MagicNumbers.Prefix + "908", 429)]
    [InlineData(MagicNumbers.Prefix + "909", 400)]
    [InlineData(MagicNumbers.Prefix + "913", 503)]
    [InlineData(MagicNumbers.Prefix + "916", 401)]
    public async Task Gate_EveryAnswerAndFailure_HasOneStatus(string number, int expected)
    {
        await using var fake = await FakeAsync();
        using var http = new HttpClient { BaseAddress = fake.JsonAddress };
        foreach (var response in new[] { await PostAsync(http, Question(number)), await GetAsync(http, Headers(number)) })
        {
            using (response)
            {
                var body = await response.Content.ReadAsStringAsync(Token);
                Assert.Equal(expected, (int)response.StatusCode);
                Assert.Equal(expected == 200, body.Contains("ALLOW", StringComparison.Ordinal));
                Assert.Equal(expected == 200, Header(response, "Lookup-Verdict") == "VERDICT_ALLOW");
                Assert.Equal(expected is 429 or 503, response.Headers.RetryAfter?.Delta >= TimeSpan.FromSeconds(1));
            }
        }
    }

    [Fact]
    public async Task Gate_AnswerThatTookLongerThanItPermits_Is503()
    {
        await using var fake = await FakeAsync(new FakeLookup().On(
            MagicNumbers.Allow, FakeAnswer.Allow().After(TimeSpan.FromMilliseconds(60)) with { ReusableFor = TimeSpan.FromMilliseconds(50) }));
        using var http = new HttpClient { BaseAddress = fake.JsonAddress };
        using var response = await PostAsync(http, Question(MagicNumbers.Allow));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.DoesNotContain("ALLOW", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gate_Credentials_AreThoseOfCheck()
    {
        await using var guarded = await GuardedServer.StartAsync();
        var number = Samples.NewNumber();
        var all = await guarded.KeyAsync("all", Roles.All, "*");
        await new FactService.FactServiceClient(guarded.As(all)).RecordFactsAsync(Samples.Record(Samples.Consent(number, GuardedServer.Own)));
        var check = await guarded.KeyAsync("check", Roles.Check, GuardedServer.Own);
        var watch = await guarded.KeyAsync("watch", Roles.Watch | Roles.Write | Roles.Admin, GuardedServer.Own);
        foreach (var (key, organisation, expected) in new[]
        {
            (check, GuardedServer.Own, 200), (check, GuardedServer.Other, 403), (watch, GuardedServer.Own, 403), (null, GuardedServer.Own, 401), ("lk_nobody_x", GuardedServer.Own, 401),
        })
        {
            foreach (var verb in new[] { HttpMethod.Get, HttpMethod.Post })
            {
                using var request = verb == HttpMethod.Get
                    ? Request(verb, Headers(number, organisation))
                    : Request(verb, [], Gate, Question(number).Replace("acme", organisation, StringComparison.Ordinal));
                request.Headers.Authorization = key is null ? null : new("Bearer", key);
                using var response = await guarded.Server.Http.SendAsync(request, Token);
                Assert.Equal(expected, (int)response.StatusCode);
            }
        }

        // One request a second: the second is refused, and says when to come again.
        var slow = await guarded.KeyAsync(new Credential { CredentialId = "slow", Kind = CredentialKind.ApiKey, RequestsPerSecond = 1 }, Roles.Check, GuardedServer.Own);
        var statuses = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            using var request = Request(HttpMethod.Get, Headers(number, GuardedServer.Own));
            request.Headers.Authorization = new("Bearer", slow);
            using var response = await guarded.Server.Http.SendAsync(request, Token);
            statuses.Add((int)response.StatusCode);
            Assert.Equal((int)response.StatusCode == 429, response.Headers.RetryAfter is not null);
        }

        Assert.Contains(429, statuses);
    }

    private async Task<string> ConsentedAsync()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        return number;
    }

    private static Task<FakeService> FakeAsync(FakeLookup? answers = null) =>
        FakeService.StartAsync(new LookupServerOptions { GrpcPort = 0, JsonPort = 0 }, Token, answers ?? new FakeLookup());

    private static List<(string Name, string Value)> Headers(string number, string organisation = "acme") =>
        [("Lookup-Number", number), ("Lookup-Organisation", organisation), ("Lookup-Purpose", "PURPOSE_COMMERCIAL")];

    private static string Question(string number, string more = "") =>
        $$"""{"number": "{{number}}", "question": {"organisation": "acme", "purpose": "PURPOSE_COMMERCIAL"}{{more}}}""";

    private static HttpRequestMessage Request(
        HttpMethod verb, List<(string Name, string Value)> headers, string path = Gate, string? body = null, string type = "application/json")
    {
        var request = new HttpRequestMessage(verb, path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, type) };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return request;
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient http, string json) => http.SendAsync(Request(HttpMethod.Post, [], Gate, json), Token);

    private static Task<HttpResponseMessage> GetAsync(HttpClient http, List<(string Name, string Value)> headers) => http.SendAsync(Request(HttpMethod.Get, headers), Token);

    private static async Task<JsonDocument> ReadAsync(HttpResponseMessage response) => JsonDocument.Parse(await response.Content.ReadAsStringAsync(Token));

    private static string Text(JsonDocument body, string name) => body.RootElement.GetProperty(name).GetString()!;

    private static string Header(HttpResponseMessage response, string name) => response.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : "";
}
