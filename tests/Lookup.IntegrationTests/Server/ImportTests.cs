using System.Text.Json.Nodes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.IntegrationTests.Server;

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
