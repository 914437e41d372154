using System.Net;
using System.Text;
using System.Text.Json;
using Google.Rpc;
using Grpc.Core;

namespace Lookup.ServiceTests.Server;

public sealed class MalformedRequestTests(LookupServer server) : IClassFixture<LookupServer>
{
    private const string Q = "\"question\":{\"organisation\":\"acme\",\"purpose\":\"PURPOSE_COMMERCIAL\"}";
    private const string N = "\"number\":\"+31612345678\"";
    private static readonly string Name65 = new('a', 65);

    /// <summary>What is asked, how, and the field that the answer must name. Both ways in answer alike.</summary>
    public static TheoryData<string, string, string> AnyRequests => new()
    {
        { Requests.Check, "{}", "number" },
        { Requests.Check, "{}", "question" },
        { Requests.Check, "{" + Q + "}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\" \"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"+\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"abc\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"+3161234567x\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"0612345678\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"+31\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"+316123456789012345\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"+999123456789\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"112\",\"defaultRegion\":\"NL\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"+31612345678 OR 1=1\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"" + new string('1', 5000) + "\"}", "number" },
        { Requests.Check, "{" + Q + ",\"number\":\"0612345678\",\"defaultRegion\":\"XX\"}", "default_region" },
        { Requests.Check, "{" + N + "}", "question" },
        { Requests.Check, "{" + N + ",\"question\":{}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{}}", "question.purpose" },
        { Requests.Check, "{" + N + ",\"question\":{\"purpose\":1}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{\"purpose\":1,\"organisation\":\"*\"}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{\"purpose\":1,\"organisation\":\"Acme\"}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{\"purpose\":1,\"organisation\":\"a b\"}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{\"purpose\":1,\"organisation\":\"a/b\"}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{\"purpose\":1,\"organisation\":\"\\u0661\"}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{\"purpose\":1,\"organisation\":\"" + Name65 + "\"}}", "question.organisation" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\"}}", "question.purpose" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"kind\":\"CALL_KIND_MARKETING\"}}", "question.purpose" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":99}}", "question.purpose" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":-1}}", "question.purpose" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"kind\":257}}", "question.kind" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"sector\":99}}", "question.sector" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"subscriber\":4}}", "question.subscriber" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"callerNumber\":\"0201234567\"}}", "question.caller_number" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"callerNumber\":\"+3120\"}}", "question.caller_number" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"callerNumber\":\"+999123456789\"}}", "question.caller_number" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"callerNumber\":\"+31201234567\",\"callerNumberWithheld\":true}}", "question.caller_number_withheld" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"calledRegion\":\"US-XX\"}}", "question.called_region" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"calledRegion\":\"FL\"}}", "question.called_region" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"diallingMode\":5}}", "question.dialling_mode" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"lineType\":3}}", "question.line_type" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"automated\":true,\"diallingMode\":3}}", "question.automated" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"automated\":true,\"diallingMode\":1}}", "question.dialling_mode" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"productGroup\":\"Two words\"}}", "question.product_group" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"productGroup\":\"" + Name65 + "\"}}", "question.product_group" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"requestedAt\":\"2024-03-11T10:00:00Z\"}}", "question.requested_at" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"kind\":2,\"requestedAt\":\"2024-03-13T10:00:00Z\"}}", "question.requested_at" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"kind\":2,\"requestedAt\":\"1969-12-31T23:59:59Z\"}}", "question.requested_at" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"callTime\":\"0001-01-01T00:00:00Z\"}}", "what_if.call_time" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"callTime\":\"9999-12-31T23:59:59Z\"}}", "what_if.call_time" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"switchedOffLayers\":[\"LAYER_LAW\"]}}", "what_if.switched_off_layers[0]" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"switchedOffLayers\":[\"LAYER_CODE\",\"LAYER_STRICT\"]}}", "what_if.switched_off_layers[1]" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"switchedOffLayers\":[0]}}", "what_if.switched_off_layers[0]" },
        { Requests.Check, "{" + N + "," + Q + ",\"consistency\":{\"atLeastAsFresh\":\"\"}}", "consistency.at_least_as_fresh" },
        { Requests.Check, "{" + N + "," + Q + ",\"consistency\":{\"atLeastAsFresh\":\"not a token\"}}", "consistency.at_least_as_fresh" },
        { Requests.Check, "{" + N + "," + Q + ",\"consistency\":{\"atLeastAsFresh\":\"AAAAAAAAAAAAAAAAAAAAAAAA\"}}", "consistency.at_least_as_fresh" },
        { Requests.Check, "{" + N + "," + Q + ",\"consistency\":{\"exact\":false}}", "consistency.exact" },
        { Requests.Explain, "{}", "number" },
        { Requests.Explain, "{" + N + ",\"question\":{\"organisation\":\"acme\"}}", "question.purpose" },
        { Requests.Explain, "{" + N + "," + Q + ",\"whatIf\":{\"switchedOffLayers\":[77]}}", "what_if.switched_off_layers[0]" },
        { Requests.Facts, "{}", "facts" },
        { Requests.Facts, "{\"facts\":[]}", "facts" },
        { Requests.Facts, "{\"facts\":[" + string.Join(',', Enumerable.Repeat("{}", 1001)) + "]}", "facts" },
        { Requests.List, "{}", "number" },
        { Requests.List, "{\"number\":\"12\"}", "number" },
        { Requests.List, "{\"number\":\"0612345678\",\"defaultRegion\":\"nowhere\"}", "default_region" },
        { Requests.Erase, "{}", "number" },
        { Requests.Erase, "{" + N + "}", "source" },
        { Requests.Erase, "{" + N + ",\"source\":\"" + new string('s', 257) + "\"}", "source" },
        { Requests.Erase, "{" + N + ",\"source\":\"x\",\"reason\":\"" + new string('r', 1025) + "\"}", "reason" },
        { Requests.Organisations, "{}", "organisation" },
        { Requests.Organisations, "{\"organisation\":{}}", "organisation.name" },
        { Requests.Organisations, "{\"organisation\":{\"name\":\"*\"}}", "organisation.name" },
        { Requests.Organisations, "{\"organisation\":{\"name\":\"acme\",\"sector\":9}}", "organisation.sector" },
        { Requests.Organisations, "{\"organisation\":{\"name\":\"acme\",\"switchedOffLayers\":[\"LAYER_LAW\"]}}", "organisation.switched_off_layers[0]" },
        { Requests.Snapshot, "{}", "register" },
        { Requests.Snapshot, "{}", "snapshot_date" },
        { Requests.Snapshot, "{\"register\":\"no-such\",\"snapshotDate\":\"2024-03-01T00:00:00Z\"}", "register" },
        { Requests.Snapshot, "{\"register\":\"nl-bmnr\",\"snapshotDate\":\"2099-01-01T00:00:00Z\"}", "snapshot_date" },
    };

    /// <summary>What only JSON can get wrong.</summary>
    public static TheoryData<string, string, string> JsonRequests => new()
    {
        { Requests.Check, "", "(body)" },
        { Requests.Check, "null", "(body)" },
        { Requests.Check, "[]", "(body)" },
        { Requests.Check, "\"text\"", "(body)" },
        { Requests.Check, "{", "(body)" },
        { Requests.Check, "{" + N + ",}", "(body)" },
        { Requests.Check, "{\"number\":\"\\ud800\"}", "(body)" },
        { Requests.Check, new string('[', 200) + new string(']', 200), "(body)" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatif\":{}}", "whatif" },
        { Requests.Check, "{" + N + "," + N + "," + Q + "}", "number" },
        { Requests.Check, "{\"number\":31612345678," + Q + "}", "number" },
        { Requests.Check, "{\"number\":[\"+31612345678\"]," + Q + "}", "number" },
        { Requests.Check, "{" + N + ",\"question\":[]}", "question" },
        { Requests.Check, "{" + N + ",\"question\":\"acme\"}", "question" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":\"COMMERCIAL\"}}", "question.purpose" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1.5}}", "question.purpose" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"automated\":\"true\"}}", "question.automated" },
        { Requests.Check, "{" + N + ",\"question\":{\"organisation\":\"acme\",\"purpose\":1,\"callerNumberWitheld\":true}}", "question.callerNumberWitheld" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"callTime\":\"tomorrow\"}}", "what_if.call_time" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"callTime\":\"2024-02-30T00:00:00Z\"}}", "what_if.call_time" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"callTime\":1710000000}}", "what_if.call_time" },
        { Requests.Check, "{" + N + "," + Q + ",\"whatIf\":{\"switchedOffLayers\":\"LAYER_CODE\"}}", "what_if.switched_off_layers" },
        { Requests.Check, "{" + N + "," + Q + ",\"consistency\":{\"exact\":true,\"atLeastAsFresh\":\"x\"}}", "consistency.at_least_as_fresh" },
        { Requests.Facts, "{\"facts\":{}}", "facts" },
        { Requests.Facts, "{\"facts\":[1]}", "facts[0]" },
        { Requests.Facts, "{\"facts\":[{" + N + ",\"source\":\"t\",\"objection\":{\"organisation\":\"a\"},\"refusal\":{\"organisation\":\"a\"}}]}", "facts[0].refusal" },
        { Requests.Facts, "{\"facts\":[{" + N + ",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"firstContactMonths\":\"many\"}}]}", "facts[0].consent.first_contact_months" },
        { Requests.Facts, "{\"facts\":[{" + N + ",\"source\":\"t\",\"consent\":{\"organisation\":\"a\",\"firstContactMonths\":1e99}}]}", "facts[0].consent.first_contact_months" },
    };

    [Theory]
    [MemberData(nameof(AnyRequests))]
    public async Task Request_Malformed_NamesTheFieldAndLeaksNothing(string path, string json, string field)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => Requests.CallAsync(server.Invoker, path, json));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains(field, error.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations.Select(v => v.Field));
        Leaks.AssertNone(error.GetRpcStatus()!.ToString());
        Assert.DoesNotContain("612345678", error.Status.Detail, StringComparison.Ordinal);

        await AssertJsonAsync(path, json, field);
    }

    [Theory]
    [MemberData(nameof(JsonRequests))]
    public Task Request_NotTheMessagesJson_NamesTheFieldAndLeaksNothing(string path, string json, string field) =>
        AssertJsonAsync(path, json, field);

    private async Task AssertJsonAsync(string path, string json, string field)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(path, content);
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        using var document = JsonDocument.Parse(body);
        Assert.Equal((int)Code.InvalidArgument, document.RootElement.GetProperty("code").GetInt32());
        var fields = document.RootElement.GetProperty("details")[0].GetProperty("fieldViolations").EnumerateArray()
            .Select(v => v.GetProperty("field").GetString());
        Assert.Contains(field, fields);
        // "type.googleapis.com/google.rpc.BadRequest" is the contract's own word.
        Leaks.AssertNone(body);
        Assert.DoesNotContain("612345678", body, StringComparison.Ordinal);
    }
}
