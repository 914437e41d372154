using System.Text.Json.Nodes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>Imports have an id, can be continued by it, and are listed.</summary>
public sealed class ImportTests(LookupServer server) : IClassFixture<LookupServer>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private ImportService.ImportServiceClient Imports => new(server.Invoker);

    [Fact]
    public async Task ImportFacts_BrokenOffAndContinued_IsOneImport()
    {
        string id;
        using (var call = server.Facts.ImportFacts())
        {
            id = await SendAsync(call, 1, new ImportDescription { FileName = "a.csv", Actor = "anna", FileSize = 12 });
        }

        var brokenOff = await UntilAsync(id, ImportState.BrokenOff);
        using (var call = server.Facts.ImportFacts())
        {
            Assert.Equal(id, await SendAsync(call, 1, new ImportDescription { ImportId = id }));
            Assert.Equal(id, await SendAsync(call, 2, null));
            await call.RequestStream.CompleteAsync();
            Assert.False(await call.ResponseStream.MoveNext(Token));
        }

        var done = await UntilAsync(id, ImportState.Done);
        Assert.Equal(("a.csv", "anna", 12L, 1L), (brokenOff.FileName, brokenOff.Actor, brokenOff.FileSize, brokenOff.Recorded));
        Assert.Equal(("a.csv", 3L), (done.FileName, done.Recorded));
        Assert.Equal(StatusCode.FailedPrecondition, (await RefusedAsync(new ImportDescription { ImportId = id })).StatusCode);
        Assert.Equal(StatusCode.FailedPrecondition, (await RefusedAsync(new ImportDescription { ImportId = "20200101-000000-0000" })).StatusCode);
    }

    [Fact]
    public async Task ImportFacts_TakenOver_StopsTheOneBefore()
    {
        using var first = server.Facts.ImportFacts();
        var id = await SendAsync(first, 1, new ImportDescription());
        using var second = server.Facts.ImportFacts();
        await SendAsync(second, 1, new ImportDescription { ImportId = id });
        await first.RequestStream.CompleteAsync();
        var exception = await Assert.ThrowsAsync<RpcException>(() => first.ResponseStream.MoveNext(Token));

        Assert.Equal(StatusCode.FailedPrecondition, exception.StatusCode);
        Assert.Equal(ImportState.Running, (await ListAsync()).Single(import => import.ImportId == id).State);
    }

    [Fact]
    public async Task ImportFacts_BadDescription_NamesEachField()
    {
        var exception = await RefusedAsync(new ImportDescription { FileSha256 = "xyz", FileSize = -1, Actor = "a\nb", FileName = new string('f', 257) });

        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Equal(
            ["import.actor", "import.file_name", "import.file_sha256", "import.file_size"],
            exception.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>()!.FieldViolations.Select(v => v.Field).Order());
    }

    [Fact]
    public async Task ListImports_OverJson_TellsTheSame()
    {
        string id;
        using (var call = server.Facts.ImportFacts())
        {
            id = await SendAsync(call, 1, null);
        }

        var json = JsonNode.Parse(await server.Http.GetStringAsync("/v1/imports", Token))!;

        Assert.Contains(json["imports"]!.AsArray(), import => import!["importId"]!.GetValue<string>() == id);
    }

    [Fact]
    public async Task ListImports_PageByPage_HasEachOnce()
    {
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            using var call = server.Facts.ImportFacts();
            ids.Add(await SendAsync(call, 1, null));
        }

        var (found, token) = (new List<string>(), "");
        do
        {
            var page = await Imports.ListImportsAsync(new ListImportsRequest { PageSize = 2, PageToken = token }, cancellationToken: Token);
            Assert.InRange(page.Imports.Count, token.Length == 0 ? 2 : 0, 2);
            found.AddRange(page.Imports.Select(import => import.ImportId));
            token = page.NextPageToken;
        }
        while (token.Length > 0);

        Assert.Equal(found.Order(StringComparer.Ordinal).Reverse(), found);
        Assert.Equal(ids.Order(StringComparer.Ordinal), found.Intersect(ids).Order(StringComparer.Ordinal));
        using var body = new StringContent($$"""{"pageSize":1,"pageToken":"{{found[0]}}"}""", System.Text.Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync("/v1/imports:list", body, Token);
        var json = JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!;
        Assert.Equal(found[1], json["imports"]![0]!["importId"]!.GetValue<string>());
        Assert.Equal(found[1], json["nextPageToken"]!.GetValue<string>());
    }

    [Fact]
    public async Task ListImports_NoSuchPage_NamesEachField()
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => Imports.ListImportsAsync(new ListImportsRequest { PageSize = -1, PageToken = "x" }, cancellationToken: Token).ResponseAsync);
        Assert.Equal(["page_size", "page_token"], refusal.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>()!.FieldViolations.Select(v => v.Field));
    }

    [Fact]
    public async Task RecordFacts_MoreNewSourcesThanADayMayHave_KeepsWhatForbidsAndRefusesWhatPermits()
    {
        await using var limited = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), options => options.MaxNewSourcesPerDay = 2);
        var numbers = Enumerable.Range(0, 5).Select(_ => Samples.NewNumber()).ToList();
        Fact[] facts =
        [
            Consent(numbers[0], "a"), Consent(numbers[1], "b"), Consent(numbers[2], "c"), Objection(numbers[3], "d"), Withdrawal(numbers[4], "e"), Consent(numbers[2], "a"),
        ];
        var recorded = await limited.Facts.RecordFactsAsync(Samples.Record(facts), cancellationToken: Token);
        Assert.Equal(
            [FactResult.Types.Outcome.Recorded, FactResult.Types.Outcome.Recorded, FactResult.Types.Outcome.Refused, FactResult.Types.Outcome.Recorded, FactResult.Types.Outcome.Recorded, FactResult.Types.Outcome.Recorded],
            recorded.Results.Select(result => result.Outcome));
        Assert.Equal("source", Assert.Single(recorded.Results[2].Errors).Field);
        var kept = await limited.Facts.ListFactsAsync(new ListFactsRequest { Number = numbers[3] }, cancellationToken: Token);
        Assert.Equal("(more new sources than a day may have)", Assert.Single(kept.Facts).Fact.Source);

        static Fact Consent(string number, string actor)
        {
            var fact = Samples.Consent(number);
            fact.Actor = actor;
            return fact;
        }

        static Fact Objection(string number, string actor)
        {
            var fact = Samples.Objection(number);
            fact.Actor = actor;
            return fact;
        }

        static Fact Withdrawal(string number, string actor)
        {
            var fact = Consent(number, actor);
            (fact.Withdrawn, fact.Consent) = (true, new Consent { Organisation = "acme" });
            return fact;
        }
    }

    // Of a process that is killed before the counts are written, the record still says how many facts there may be.
    [Fact]
    public async Task ImportFacts_BeforeABatchIsStored_TheRecordSaysHowManyThereMayBe()
    {
        using var call = server.Facts.ImportFacts();
        await call.RequestStream.WriteAsync(
            new ImportFactsRequest { Sequence = 1, Facts = { Enumerable.Range(0, 7).Select(_ => Samples.Objection(Samples.NewNumber())) } }, Token);
        Assert.True(await call.ResponseStream.MoveNext(Token));
        var id = call.ResponseStream.Current.ImportId;
        var running = (await server.Store.Imports.FindAsync(id, Token))!;
        Assert.Equal((0L, 7L), (running.Recorded, running.FactsAtMost));
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Token));
        var done = (await server.Store.Imports.FindAsync(id, Token))!;
        Assert.Equal((7L, 0L, 7L), (done.Recorded, done.Announced, done.FactsAtMost));
    }

    private static async Task<string> SendAsync(
        AsyncDuplexStreamingCall<ImportFactsRequest, ImportFactsResponse> call, ulong sequence, ImportDescription? import)
    {
        await call.RequestStream.WriteAsync(
            new ImportFactsRequest { Sequence = sequence, Facts = { Samples.Objection(Samples.NewNumber()) }, Import = import }, Token);
        Assert.True(await call.ResponseStream.MoveNext(Token));
        return call.ResponseStream.Current.ImportId;
    }

    private async Task<RpcException> RefusedAsync(ImportDescription import)
    {
        using var call = server.Facts.ImportFacts();
        return await Assert.ThrowsAsync<RpcException>(() => SendAsync(call, 1, import));
    }

    private async Task<IReadOnlyList<Import>> ListAsync() =>
        (await Imports.ListImportsAsync(new ListImportsRequest(), cancellationToken: Token)).Imports;

    private async Task<Import> UntilAsync(string id, ImportState state)
    {
        while (true)
        {
            if ((await ListAsync()).Single(import => import.ImportId == id) is var import && import.State == state)
            {
                return import;
            }

            await Task.Delay(10, Token);
        }
    }
}
