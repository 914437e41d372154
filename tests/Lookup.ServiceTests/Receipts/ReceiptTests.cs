using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Grpc.Core;
using Lookup.Client;
using Lookup.Core.Receipts;
using Lookup.Server;
using Lookup.Server.Receipts;
using Lookup.V1;

namespace Lookup.ServiceTests.Receipts;

/// <summary>Receipts of a service's answers.</summary>
public sealed class ReceiptTests : IAsyncLifetime
{
    private readonly TempFolder _temp = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private ReceiptLog _log = null!;
    private LookupServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _log = ReceiptLog.Open(_temp.PathOf("receipts"), _key, TimeProvider.System, 8_192);
        _server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), receipts: _log);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _log.Dispose();
        _key.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public async Task Check_OfAClientThatSharesCalls_HasAReceiptOfItsOwn()
    {
        await using var stream = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question(), Decisions = true });
        Assert.Equal(StatusCode.FailedPrecondition, (await stream.RefusedAsync()).StatusCode);
        using var client = new LookupClient(new LookupClientOptions { Address = _server.Host.GrpcAddress, Timeout = TimeSpan.FromMinutes(2), ShareChecks = true });

        var ids = new List<string?>();
        for (var round = 0; round < 5; round++)
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => client.CheckAsync(Samples.NewNumber(), Samples.Question(), cancellationToken: Token)));
            ids.AddRange(results.Select(result => result.ReceiptId));
        }

        Assert.All(ids, Assert.NotNull);
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Theory]
    [InlineData("")]
    [InlineData("identity")]
    public async Task Check_PlainOrThroughTheLibrary_HasAReceiptOfWhatWasAnswered(string encoding)
    {
        var number = Samples.NewNumber();
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var request = new CheckRequest { Number = number, Question = Samples.Question(), Receipt = true };
        var headers = encoding.Length > 0 ? new Metadata { { "grpc-encoding", encoding } } : [];
        var answer = await _server.Lookup.CheckAsync(request, headers);
        var again = await _server.Lookup.CheckAsync(Samples.Check(number));
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)));
        var denied = await _server.Lookup.CheckAsync(request, headers);

        var receipt = ReceiptFormat.Read(answer.Receipt.Content.Span);
        Assert.Equal(
            ("acme", Core.Verdict.Allow, answer.Decision.Regime, answer.Decision.RegimeVersion, answer.Decision.CallTime.ToDateTimeOffset().ToUnixTimeMilliseconds()),
            (receipt.Organisation, receipt.Verdict, receipt.Regime, receipt.RegimeVersion, receipt.CallTime));
        Assert.Equal(answer.Decision.Reasons.Select(r => (int)r.Code), receipt.Reasons.ToArray().Select(r => (int)r));
        Assert.Equal(_server.Cipher.Encrypt(Number(number)), receipt.Number);
        Assert.NotEqual(FactsDigest.Nothing.ToArray(), receipt.Digest.ToArray());
        Assert.True(again.Receipt.Content.IsEmpty);
        Assert.NotEqual(answer.Receipt.Id, again.Receipt.Id);
        var later = ReceiptFormat.Read(denied.Receipt.Content.Span);
        Assert.Equal(Core.Verdict.Deny, later.Verdict);
        Assert.NotEqual(receipt.Digest.ToArray(), later.Digest.ToArray());
        Assert.True(later.Version >= receipt.Version);
    }

    [Fact]
    public async Task GetReceiptProof_OfAnAnswer_HoldsWithThePublicKeyAlone()
    {
        var answer = await _server.Lookup.CheckAsync(new CheckRequest { Number = Samples.NewNumber(), Question = Samples.Question(), Receipt = true });
        var early = await Assert.ThrowsAsync<RpcException>(async () => await Receipts.GetReceiptProofAsync(new() { Id = answer.Receipt.Id }));
        Assert.Equal(StatusCode.Unavailable, early.StatusCode);
        _log.Seal();
        var proof = await Receipts.GetReceiptProofAsync(new() { Id = answer.Receipt.Id });
        using var publicKey = ECDsa.Create();
        publicKey.ImportFromPem(_key.ExportSubjectPublicKeyInfoPem());
        var receipt = ReceiptProof.Read(proof.Proof).Verify(publicKey);
        Assert.Equal(answer.Receipt.Content.ToByteArray(), ReceiptFormat.Write(receipt));
        var head = SignedHead.Read((await Receipts.GetSignedHeadAsync(new())).Head.Span);
        Assert.True(head.IsSignedBy(publicKey));

        var json = JsonNode.Parse(await _server.Http.GetStringAsync("v1/receipts/" + answer.Receipt.Id, Token))!;
        Assert.Equal(proof.Proof, (string)json["proof"]!);
        Assert.NotNull(JsonNode.Parse(await _server.Http.GetStringAsync("v1/receipts:head", Token))!["head"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("00000000000000000000000000000000-0")]
    [InlineData("LOG-99999999")]
    [InlineData("LOG--1")]
    public async Task GetReceiptProof_NoSuchReceipt_IsNotFound(string id)
    {
        id = id.Replace("LOG", Convert.ToHexStringLower(_log.LogId), StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await Receipts.GetReceiptProofAsync(new() { Id = id }));
        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
    }

    [Fact]
    public async Task Check_WhatIf_HasAReceiptOnlyWhereOneIsAskedFor()
    {
        var request = new CheckRequest { Number = Samples.NewNumber(), Question = Samples.Question(), WhatIf = new WhatIf() };
        Assert.Null((await _server.Lookup.CheckAsync(request)).Receipt);
        request.Receipt = true;
        Assert.True(ReceiptFormat.Read((await _server.Lookup.CheckAsync(request)).Receipt.Content.Span).Hypothetical);
    }

    [Fact]
    public async Task CheckStream_List_HasOneReceiptThatWhoHasTheListCanMakeAgain()
    {
        await using var stream = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question(), DefaultRegion = "NL", Receipt = true });
        ListChain? chain = null;
        CheckStreamResponse answer = null!;
        for (var chunk = 1UL; chunk <= 5; chunk++)
        {
            ulong[] numbers = [.. Enumerable.Range(0, 700).Select(i => 31_612_000_000 + (chunk * 1_000) + (ulong)i)];
            answer = chunk < 5 ? await stream.AskAsync(chunk, numbers) : await stream.AskTextsAsync(chunk, [.. numbers.Select(n => "+" + n), "none"]);
            chain ??= new ListChain(answer.Receipt.Salt.Span);
            ulong[] answered = chunk < 5 ? numbers : [.. answer.Numbers];
            chain.Add(answer.Sequence, answered.Length, items =>
            {
                for (var i = 0; i < items.Length; i++)
                {
                    items[i] = (answered[i] * 16_384) + ((ulong)answer.Verdicts[i] * 1_024) + (ulong)answer.Reasons[i];
                }
            });
        }

        _log.Seal();
        var proof = await Receipts.GetReceiptProofAsync(new() { Id = answer.Receipt.Id });
        var receipt = ReceiptProof.Read(proof.Proof).Verify(_key);
        Assert.Equal((ReceiptKind.List, 2_800UL, 3_501UL, "acme"), (receipt.Kind, receipt.Version, receipt.Count, receipt.Organisation));
        Assert.Equal(chain!.Value.ToArray(), receipt.Digest.ToArray());
    }

    [Fact]
    public async Task Check_NoReceiptCanBeWritten_IsUnavailableAndNeverAllowed()
    {
        var number = Samples.NewNumber();
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(Samples.Check(number))).Decision.Verdict);
        var before = _log.Count;
        Directory.Move(_temp.PathOf("receipts"), _temp.PathOf("away"));
        RpcException? refused = null;
        var answered = 0UL;
        while (refused is null && answered < 200)
        {
            try
            {
                await _server.Lookup.CheckAsync(Samples.Check(number));
                answered++;
            }
            catch (RpcException e)
            {
                refused = e;
            }
        }

        Assert.Equal(StatusCode.Unavailable, refused!.StatusCode);
        Assert.NotNull(refused.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>());
        // The receipt of a list is smaller, and could still fit into the file.
        while (Record.Exception(() => _log.Append(ReceiptFormat.Write(new Core.Receipts.Receipt()))) is null)
        {
            answered++;
        }

        await using var stream = await StreamCall.OpenAsync(_server, new CheckStreamOpen { Question = Samples.Question() });
        await stream.SendAsync(1, 31_612_345_678);
        Assert.Equal(StatusCode.Unavailable, (await stream.RefusedAsync()).StatusCode);

        Directory.Move(_temp.PathOf("away"), _temp.PathOf("receipts"));
        _log.Seal();
        Assert.Equal(Verdict.Allow, (await _server.Lookup.CheckAsync(Samples.Check(number))).Decision.Verdict);
        _log.Seal();
        Assert.Equal(before + answered + 1, ReceiptAudit.Run(_log.Folder, _key, []).Receipts);
    }

    [Fact]
    public async Task Health_ReceiptsCannotBeSigned_IsNotServingWhereEachAnswerNeedsOne()
    {
        var health = new Grpc.Health.V1.Health.HealthClient(_server.Invoker);
        await _server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()));
        _key.Dispose();
        _log.Seal();
        Assert.NotNull(_log.Fault);
        foreach (var service in (string[])["", LookupService.Descriptor.FullName, ReceiptService.Descriptor.FullName])
        {
            Assert.Equal(
                Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus.NotServing,
                (await health.CheckAsync(new() { Service = service }, cancellationToken: Token)).Status);
        }

        _server.Options.ReceiptsFor = ReceiptsFor.Asked;
        Assert.Equal(
            Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus.Serving, (await health.CheckAsync(new() { Service = "" }, cancellationToken: Token)).Status);
        Assert.Null((await _server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()))).Receipt);
    }

    [Fact]
    public async Task Metrics_AfterAnswers_TellWhatIsWrittenAndSigned()
    {
        await _server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()));
        _log.Seal();
        var metrics = await _server.Http.GetStringAsync("metrics", Token);
        Assert.Contains($"lookup_receipts {_log.Count}", metrics, StringComparison.Ordinal);
        Assert.Contains($"lookup_receipts_signed {_log.Count}", metrics, StringComparison.Ordinal);
        Assert.Contains("lookup_receipts_failing 0", metrics, StringComparison.Ordinal);
    }

    private ReceiptService.ReceiptServiceClient Receipts => new(_server.Invoker);

    private static Core.Numbers.PhoneNumber Number(string text) =>
        Core.Numbers.NumberParser.Instance.TryParse(text, null, out var number, out _) ? number : throw new ArgumentException(text);
}

/// <summary>A service that keeps no receipts.</summary>
public sealed class NoReceiptTests(LookupServer server) : IClassFixture<LookupServer>
{
    [Fact]
    public async Task Check_ReceiptAskedFor_IsRefusedByField()
    {
        var request = Samples.Check(Samples.NewNumber());
        request.Receipt = true;
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await server.Lookup.CheckAsync(request));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.StartsWith("receipt: ", refused.Status.Detail, StringComparison.Ordinal);
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question(), Receipt = true });
        Assert.StartsWith("open.receipt: ", (await stream.RefusedAsync()).Status.Detail, StringComparison.Ordinal);
        var head = await Assert.ThrowsAsync<RpcException>(async () => await new ReceiptService.ReceiptServiceClient(server.Invoker).GetSignedHeadAsync(new()));
        Assert.Equal(StatusCode.FailedPrecondition, head.StatusCode);
        Assert.Null((await server.Lookup.CheckAsync(Samples.Check(Samples.NewNumber()))).Receipt);
    }
}
