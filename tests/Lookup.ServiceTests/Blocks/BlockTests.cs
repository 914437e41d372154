using System.Net;
using System.Text;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Blocks;

/// <summary>Blocks of number ranges, from the request to every answer.</summary>
public sealed class BlockTests(LookupServer server) : IClassFixture<LookupServer>
{
    private const string Reason = "REASON_CODE_NUMBER_BLOCKED";
    private static int _next = 687_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("acme")]
    [InlineData("*")]
    public async Task Block_Acknowledged_ForbidsAtOnceAtEveryEntryPoint(string organisation)
    {
        var (prefix, number) = await ConsentedAsync();
        await ExpectAsync(number, blocked: false);
        var recorded = await RecordAsync(organisation, prefix);
        Assert.Equal(BlockResult.Types.Outcome.Recorded, recorded.Outcome);
        Assert.Equal($"+{prefix}XXX", recorded.Numbers);
        await ExpectAsync(number, blocked: true);

        Assert.Equal(BlockResult.Types.Outcome.Unchanged, (await RecordAsync(organisation, prefix)).Outcome);
        Assert.Equal(BlockResult.Types.Outcome.Recorded, await RemoveAsync(organisation, prefix));
        Assert.Equal(BlockResult.Types.Outcome.Unchanged, await RemoveAsync(organisation, prefix));
        await ExpectAsync(number, blocked: false);
    }

    [Fact]
    public async Task Block_OfOneOrganisation_BindsNoOther()
    {
        var (prefix, number) = await ConsentedAsync();
        await RecordAsync("other", prefix);
        await ExpectAsync(number, blocked: false);
        Assert.Contains(ReasonCode.NumberBlocked, await ReasonsAsync(Samples.Check(number, "other")));
    }

    [Theory]
    [InlineData(CallKind.Marketing)]
    [InlineData(CallKind.Service)]
    [InlineData(CallKind.Requested)]
    [InlineData(CallKind.Research)]
    public async Task Block_ForbidsEveryKindOfCall_UnderEveryLayer(CallKind kind)
    {
        var (prefix, number) = await ConsentedAsync();
        await RecordAsync("acme", prefix);
        var request = Samples.Check(number);
        request.Question.Kind = kind;
        request.WhatIf = new WhatIf { SwitchedOffLayers = { Layer.Code, Layer.Policy } };
        Assert.Equal(Verdict.Deny, (await server.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict);
        Assert.Contains(ReasonCode.NumberBlocked, await ReasonsAsync(request));
    }

    [Fact]
    public async Task Block_WhereNoRegimeIsLoaded_Denies()
    {
        // Bhutan has no regime.
        const string Number = "+97517123456";
        Assert.Equal(Verdict.NotCovered, (await server.Lookup.CheckAsync(Samples.Check(Number, "abroad"), cancellationToken: Token)).Decision.Verdict);
        await server.Facts.RecordBlocksAsync(
            new RecordBlocksRequest { Blocks = { new Block { Organisation = "abroad", Pattern = "+9751712*", Source = "test" } } }, cancellationToken: Token);
        await ExpectAsync(Number, blocked: true, "abroad");
    }

    [Fact]
    public async Task QuestionAboutAnotherTime_IsAnsweredAsThen()
    {
        var (prefix, number) = await ConsentedAsync();
        var now = server.Clock.GetUtcNow();
        await server.Facts.RecordBlocksAsync(
            new RecordBlocksRequest
            {
                Blocks =
                {
                    new Block
                    {
                        Organisation = "acme", Pattern = $"+{prefix}XXX", Source = "test",
                        Effective = Timestamp.FromDateTimeOffset(now.AddDays(-2)), Until = Timestamp.FromDateTimeOffset(now.AddDays(7)),
                    },
                },
            },
            cancellationToken: Token);
        foreach (var (days, blocked) in new[] { (-7, false), (-1, true), (6, true), (14, false) })
        {
            Assert.Equal(blocked, await IsBlockedAsync(number, now.AddDays(days)));
        }

        await RemoveAsync("acme", prefix);
        foreach (var (days, blocked) in new[] { (-7, false), (-1, true), (6, false), (14, false) })
        {
            Assert.Equal(blocked, await IsBlockedAsync(number, now.AddDays(days)));
        }

        await ExpectAsync(number, blocked: false);
        var explained = await server.Lookup.ExplainAsync(
            new ExplainRequest { Number = number, Question = Samples.Question(), WhatIf = new WhatIf { CallTime = Timestamp.FromDateTimeOffset(now.AddDays(-1)) } }, cancellationToken: Token);
        Assert.Contains($"Block of +{prefix}XXX for acme since", explained.Text, StringComparison.Ordinal);
        var version = Assert.Single(Assert.Single(explained.Blocks, block => block.Numbers == $"+{prefix}XXX").Versions);
        Assert.Equal("mistake", version.Removal.Reason);
    }

    [Fact]
    public async Task ListBlocks_HasHistory_AndFactsOfANumberNameItsBlocks()
    {
        var (prefix, number) = await ConsentedAsync();
        await RecordAsync("acme", prefix);
        await RecordAsync("*", prefix[..^1]);
        var facts = await server.Facts.ListFactsAsync(new ListFactsRequest { Number = number }, cancellationToken: Token);
        Assert.Equal(new HashSet<string> { $"+{prefix[..^1]}XXXX", $"+{prefix}XXX" }, facts.Blocks.Select(block => block.Numbers).ToHashSet());
        await RemoveAsync("acme", prefix);
        var left = await server.Facts.ListBlocksAsync(new ListBlocksRequest { Number = number }, cancellationToken: Token);
        Assert.Equal("*", Assert.Single(left.Blocks).Organisation);
        var all = await server.Facts.ListBlocksAsync(new ListBlocksRequest { Number = number, Ended = true, PageSize = 1 }, cancellationToken: Token);
        var first = Assert.Single(all.Blocks);
        var second = Assert.Single((await server.Facts.ListBlocksAsync(
            new ListBlocksRequest { Number = number, Ended = true, PageSize = 1, PageToken = all.NextPageToken }, cancellationToken: Token)).Blocks);
        var ended = Assert.Single(new[] { first, second }, block => !block.Current);
        Assert.Equal(("letter", "anna", "why", "mistake"), (ended.Versions[0].Source, ended.Versions[0].Actor, ended.Versions[0].Reason, ended.Versions[0].Removal.Reason));
        Assert.Equal(($"+{prefix}000", $"+{prefix}999"), (ended.Range.First, ended.Range.Last));
        // It covers numbers of other tests.
        await RemoveAsync("*", prefix[..^1]);
    }

    [Fact]
    public async Task RejectedBlocks_AreNamedByField_AndDoNotStopTheOthers()
    {
        var (prefix, number) = await ConsentedAsync();
        Block[] wrong =
        [
            new() { Organisation = "Acme!", Pattern = $"+{prefix}XXX", Source = "test" },
            new() { Organisation = "acme", Pattern = $"+{prefix}XXX" },
            new() { Organisation = "acme", Source = "test" },
            new() { Organisation = "acme", Pattern = $"+{prefix}123", Source = "test" },
            new() { Organisation = "acme", Pattern = "+31*", Source = "test" },
            new() { Organisation = "acme", Range = new NumberRange { First = "+31201234500", Last = "+31201234510" }, Source = "test" },
            new() { Organisation = "acme", Pattern = $"+{prefix}XXX", Source = "test", Effective = Timestamp.FromDateTimeOffset(server.Clock.GetUtcNow().AddDays(1)) },
            new() { Organisation = "acme", Pattern = $"+{prefix}XXX", Source = "test", Until = Timestamp.FromDateTimeOffset(server.Clock.GetUtcNow().AddDays(-1)) },
            new() { Organisation = "acme", Pattern = $"+{prefix}XXX", Source = "test", Reason = "a\nb" },
        ];
        string[] fields = ["organisation", "source", "pattern", "pattern", "pattern", "range", "effective", "until", "reason"];
        var answer = await server.Facts.RecordBlocksAsync(
            new RecordBlocksRequest { Blocks = { wrong, new Block { Organisation = "acme", Pattern = $"+{prefix}XXX", Source = "test" } } }, cancellationToken: Token);
        Assert.Equal(fields, answer.Results.Take(wrong.Length).Select(result => Assert.Single(result.Errors).Field));
        Assert.Equal(BlockResult.Types.Outcome.Recorded, answer.Results[^1].Outcome);
        await ExpectAsync(number, blocked: true);

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await server.Facts.RecordBlocksAsync(new RecordBlocksRequest { Blocks = { wrong } }, cancellationToken: Token));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        await Assert.ThrowsAsync<RpcException>(async () => await server.Facts.RecordBlocksAsync(new RecordBlocksRequest(), cancellationToken: Token));
        Assert.Equal(BlockResult.Types.Outcome.Recorded, (await server.Facts.RecordBlocksAsync(
            new RecordBlocksRequest { Blocks = { new Block { Organisation = "nobody-yet", Pattern = "+354*", WholeCountry = true, Source = "test" } } }, cancellationToken: Token)).Results[0].Outcome);
    }

    [Fact]
    public async Task Block_OfAnUnknownOrganisation_Warns()
    {
        var (prefix, _) = await ConsentedAsync();
        Assert.Equal("organisation", Assert.Single((await RecordAsync("misspelt-name", prefix)).Warnings).Field);
        Assert.Empty((await RecordAsync("acme", prefix)).Warnings);
    }

    [Fact]
    public async Task Json_RecordsListsAndRemoves()
    {
        var (prefix, number) = await ConsentedAsync();
        var block = $$"""{"organisation":"acme","pattern":"+{{prefix}}XXX","source":"test"}""";
        await PostAsync("/v1/blocks", $$"""{"blocks":[{{block}}]}""");
        await ExpectAsync(number, blocked: true);
        Assert.Contains($"+{prefix}XXX", await PostAsync("/v1/blocks:list", $$"""{"number":"{{number}}"}"""), StringComparison.Ordinal);
        await PostAsync("/v1/blocks:remove", $$"""{"blocks":[{{block}}]}""");
        await ExpectAsync(number, blocked: false);
    }

    private async Task<(string Prefix, string Number)> ConsentedAsync()
    {
        var prefix = $"31{Interlocked.Increment(ref _next)}";
        var number = $"+{prefix}123";
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)), cancellationToken: Token);
        return (prefix, number);
    }

    private async Task<BlockResult> RecordAsync(string organisation, string prefix) => (await server.Facts.RecordBlocksAsync(
        new RecordBlocksRequest { Blocks = { Of(organisation, prefix, "why") } }, cancellationToken: Token)).Results[0];

    private async Task<BlockResult.Types.Outcome> RemoveAsync(string organisation, string prefix) => (await server.Facts.RemoveBlocksAsync(
        new RemoveBlocksRequest { Blocks = { Of(organisation, prefix, "mistake") } }, cancellationToken: Token)).Results[0].Outcome;

    private static Block Of(string organisation, string prefix, string reason) => new()
    {
        Organisation = organisation,
        Pattern = $"+{prefix}{new string('X', 11 - prefix.Length)}",
        Source = "letter",
        Actor = "anna",
        Reason = reason,
    };

    private async Task<string> PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(path, content, Token);
        var body = await response.Content.ReadAsStringAsync(Token);
        Assert.True(response.StatusCode == HttpStatusCode.OK, body);
        return body;
    }

    private async Task<ReasonCode[]> ReasonsAsync(CheckRequest request)
    {
        request.AllReasons = true;
        return [.. (await server.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Reasons.Select(reason => reason.Code)];
    }

    private async Task<bool> IsBlockedAsync(string number, DateTimeOffset at)
    {
        var whatIf = new WhatIf { CallTime = Timestamp.FromDateTimeOffset(at) };
        var request = Samples.Check(number);
        request.WhatIf = whatIf;
        var isBlocked = (await ReasonsAsync(request)).Contains(ReasonCode.NumberBlocked);
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = Samples.Question(), WhatIf = whatIf, AllReasons = true });
        var answer = await stream.AskTextsAsync(1, number);
        Assert.Equal(isBlocked, answer.ReasonBitsMeaning.Contains(ReasonCode.NumberBlocked));
        return isBlocked;
    }

    private async Task ExpectAsync(string number, bool blocked, string organisation = "acme")
    {
        var expected = blocked ? Verdict.Deny : Verdict.Allow;
        var question = Samples.Question(organisation);
        foreach (var consistency in new[] { null, new Consistency { Exact = true } })
        {
            var request = new CheckRequest { Number = number, Question = question, Consistency = consistency };
            Assert.Equal(expected, (await server.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict);
            Assert.Equal(blocked, (await ReasonsAsync(request)).Contains(ReasonCode.NumberBlocked));
            var explained = await server.Lookup.ExplainAsync(new ExplainRequest { Number = number, Question = question, Consistency = consistency }, cancellationToken: Token);
            Assert.Equal(expected, explained.Decision.Verdict);
            Assert.Equal(blocked, explained.Decision.Reasons.Any(reason => reason.Code == ReasonCode.NumberBlocked));
            var batch = await server.Lookup.CheckBatchAsync(new CheckBatchRequest { Numbers = { number, number }, Question = question, Consistency = consistency }, cancellationToken: Token);
            Assert.All(batch.Answers, answer => Assert.Equal(expected, answer.Verdict));
            await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = question, Consistency = consistency, AllReasons = true });
            foreach (var answer in new[] { await stream.AskTextsAsync(1, number), await stream.AskAsync(2, ulong.Parse(number[1..], System.Globalization.CultureInfo.InvariantCulture)) })
            {
                Assert.Equal(expected, Assert.Single(answer.Verdicts));
                Assert.Equal(blocked, answer.ReasonBitsMeaning.Contains(ReasonCode.NumberBlocked));
            }
        }

        if (blocked)
        {
            var reserved = await server.Lookup.CheckAsync(
                new CheckRequest { Number = number, Question = question, Reserve = new Reserve { Duration = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)) } }, cancellationToken: Token);
            Assert.Equal(Verdict.Deny, reserved.Decision.Verdict);
        }

        using var content = new StringContent($$$"""{"number":"{{{number}}}","question":{"organisation":"{{{organisation}}}","purpose":"PURPOSE_COMMERCIAL"}}""", Encoding.UTF8, "application/json");
        using var gate = await server.Http.PostAsync("/v1/gate", content, Token);
        Assert.Equal(blocked ? HttpStatusCode.Forbidden : HttpStatusCode.OK, gate.StatusCode);
        Assert.Equal(blocked, (await gate.Content.ReadAsStringAsync(Token)).Contains(Reason, StringComparison.Ordinal));
    }
}
