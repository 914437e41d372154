using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Lookup.Core.Access;
using Lookup.Core.Receipts;
using Lookup.Server.Lists;
using Lookup.Server.Receipts;
using Lookup.ServiceTests.Access;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>CheckBatch: a list in one request.</summary>
public sealed class CheckBatchTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CheckBatch_OverJson_HasAnAnswerOrAnErrorForEachInOrder()
    {
        var (allowed, denied) = (Samples.NewNumber(), Samples.NewNumber());
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(allowed), Samples.Consent(denied), Samples.Objection(denied)));
        var numbers = new JsonArray(allowed, "call me", denied, "0" + allowed[3..], $"tel:{allowed}", $"tel:{allowed};ext=7", "");
        var request = new JsonObject
        {
            ["numbers"] = numbers,
            ["defaultRegion"] = "NL",
            ["question"] = new JsonObject { ["organisation"] = "acme", ["purpose"] = "PURPOSE_COMMERCIAL" },
        };
        using var content = new StringContent(request.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/check:batch", content, Token);
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Token));
        Assert.True(response.IsSuccessStatusCode, body.RootElement.ToString());

        var answers = body.RootElement.GetProperty("answers").EnumerateArray().ToList();
        Assert.Equal(
            [(allowed, "VERDICT_ALLOW"), ("", "VERDICT_UNKNOWN"), (denied, "VERDICT_DENY"), (allowed, "VERDICT_ALLOW"), (allowed, "VERDICT_ALLOW"), ("", "VERDICT_UNKNOWN"), ("", "VERDICT_UNKNOWN")],
            answers.Select(answer => (Text(answer, "number"), Text(answer, "verdict"))));
        Assert.Equal([false, true, false, false, false, true, true], answers.Select(answer => Text(answer, "error").StartsWith("Not a phone number", StringComparison.Ordinal)));
        Assert.EndsWith("s", Text(body.RootElement.GetProperty("common"), "reusableFor"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckBatch_LongerThanAChunk_AnswersAsCheckDoes()
    {
        var request = Request();
        var known = new Dictionary<int, ReasonCode>();
        for (var i = 0; i < BatchChecks.MaxNumbers; i++)
        {
            request.Numbers.Add($"+316{50_000_000 + i}");
        }

        foreach (var place in (int[])[0, 17, ChunkWorker.MaxNumbers - 1, ChunkWorker.MaxNumbers, BatchChecks.MaxNumbers - 1])
        {
            await server.Facts.RecordFactsAsync(Samples.Record(place % 2 == 0 ? Samples.Consent(request.Numbers[place]) : Samples.Objection(request.Numbers[place])));
            known[place] = place % 2 == 0 ? ReasonCode.Consent : ReasonCode.Objection;
        }

        var response = await InTime.AskAsync(async () => await server.Lookup.CheckBatchAsync(request), response => response.Common);

        Assert.Equal(request.Numbers, response.Answers.Select(answer => answer.Number));
        for (var i = 0; i < response.Answers.Count; i++)
        {
            Assert.Equal(known.GetValueOrDefault(i, ReasonCode.NoConsent), response.Answers[i].Reason);
        }

        Assert.NotNull(response.Common.ReusableFor);
        Assert.Single(response.Regimes);
        // The token covers both chunks.
        var later = new CheckRequest { Number = request.Numbers[^1], Question = Samples.Question(), Consistency = new Consistency { AtLeastAsFresh = response.Common.ConsistencyToken } };
        Assert.Equal(response.Answers[^1].Verdict, (await server.Lookup.CheckAsync(later)).Decision.Verdict);
    }

    // The French number is in the second chunk: what its ALLOW does not take into account holds for the batch.
    [Fact]
    public async Task CheckBatch_AllowWithAFurtherReason_HasItOnceInCommon()
    {
        await server.Registry.RecordSnapshotAsync(
            new RecordSnapshotRequest { Register = "fr-bloctel", SnapshotDate = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(ShiftedClock.Afternoon.AddDays(-1)) },
            cancellationToken: Token);
        var dutch = Samples.NewNumber();
        const string French = "+33612340002";
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(French), Samples.Consent(dutch)));
        var request = Request([dutch, .. Enumerable.Range(0, ChunkWorker.MaxNumbers).Select(i => $"+316{40_000_000 + i}"), French, French]);
        var response = await server.Lookup.CheckBatchAsync(request);
        Assert.Equal((Verdict.Allow, Verdict.Allow), (response.Answers[0].Verdict, response.Answers[^1].Verdict));
        Assert.Equal(ReasonCode.ProductGroupNotNamed, Assert.Single(response.Common.Reasons).Code);
        Assert.Empty((await server.Lookup.CheckBatchAsync(Request(dutch))).Common.Reasons);

        var check = await server.Lookup.CheckAsync(new CheckRequest { Number = French, Question = Samples.Question() });
        Assert.Equal([ReasonCode.NothingForbids, ReasonCode.ProductGroupNotNamed], check.Decision.Reasons.Select(reason => reason.Code));
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question() });
        Assert.Equal(ReasonCode.ProductGroupNotNamed, Assert.Single((await stream.AskTextsAsync(1, dutch, French)).Common.Reasons).Code);
        Assert.Empty((await stream.AskTextsAsync(2, dutch)).Common.Reasons);
    }

    [Fact]
    public async Task CheckBatch_Hypothetical_PermitsNothing()
    {
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var request = Request(number);
        request.WhatIf = new WhatIf();
        var response = await server.Lookup.CheckBatchAsync(request);
        Assert.Equal((Verdict.Allow, true), (response.Answers[0].Verdict, response.Common.Hypothetical));
        Assert.Null(response.Common.ReusableFor);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(BatchChecks.MaxNumbers + 1)]
    public async Task CheckBatch_NoneOrTooMany_IsRejected(int count)
    {
        var request = Request();
        request.Numbers.AddRange(Enumerable.Repeat("+31612345678", count));
        var error = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckBatchAsync(request));
        Assert.Equal((StatusCode.InvalidArgument, true), (error.StatusCode, error.Status.Detail.StartsWith("numbers:", StringComparison.Ordinal)));

        using var content = new StringContent(Google.Protobuf.JsonFormatter.Default.Format(request), Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/check:batch", content, Token);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("numbers", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckBatch_InvalidQuestion_NamesItsFields()
    {
        var request = Request("+31612345678");
        request.Question.Organisation = "ACME";
        request.DefaultRegion = "XX";
        var error = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckBatchAsync(request));
        Assert.Contains("question.organisation", error.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("default_region", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckBatch_Limits_AreThoseOfAStream()
    {
        await using var guarded = await GuardedServer.StartAsync(configure: o => o.MaxCheckStreams = 2);
        var small = await guarded.KeyAsync(new Credential { CredentialId = "small", Kind = CredentialKind.ApiKey, MaxChunk = 2 }, Roles.Check, GuardedServer.Own);
        var client = new LookupService.LookupServiceClient(guarded.As(small));
        Assert.Equal(2, (await client.CheckBatchAsync(Request("+31612345678", "+31612345679"))).Answers.Count);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await client.CheckBatchAsync(Request("+31612345678", "+31612345679", "+31612345671")));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);

        // A share of one stream is taken by an open list.
        using var open = client.CheckStream();
        await open.RequestStream.WriteAsync(new CheckStreamRequest { Open = new CheckStreamOpen { Question = Samples.Question() } }, Token);
        await open.ResponseHeadersAsync;
        error = await Assert.ThrowsAsync<RpcException>(async () => await client.CheckBatchAsync(Request("+31612345678")));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        await open.RequestStream.CompleteAsync();
        Assert.False(await open.ResponseStream.MoveNext(Token));
    }

    [Fact]
    public async Task CheckBatch_WithReceipts_HasOneForTheList()
    {
        using var temp = new TempFolder();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var log = ReceiptLog.Open(temp.PathOf("receipts"), key, TimeProvider.System, 8_192);
        await using var keeping = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), receipts: log);
        var request = Request("+31612345678", "call me", "+31612345679");
        request.Receipt = true;
        var response = await keeping.Lookup.CheckBatchAsync(request);

        var receipt = ReceiptFormat.Read(response.Receipt.Content.Span);
        Assert.Equal((ReceiptKind.List, "acme"), (receipt.Kind, receipt.Organisation));
        var chain = new ListChain(response.Receipt.Salt.ToByteArray());
        chain.Add(1, 3, items =>
        {
            for (var i = 0; i < items.Length; i++)
            {
                var answer = response.Answers[i];
                var number = answer.Number.Length == 0 ? 0 : ulong.Parse(answer.Number.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture);
                items[i] = ListChain.Item(number, (Core.Verdict)answer.Verdict, (Core.ReasonCode)answer.Reason);
            }
        });
        Assert.Equal((3UL, Convert.ToHexString(chain.Value)), (receipt.Count, Convert.ToHexString(receipt.Digest.Span)));
    }

    private static CheckBatchRequest Request(params IEnumerable<string> numbers) => new() { Numbers = { numbers }, Question = Samples.Question() };

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString()! : "";
}
