using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Lookup.Cli.Regimes;
using Lookup.V1;

namespace Lookup.ServiceTests.Golden;

/// <summary>
/// The expected answers, asked of the running service: the facts are recorded, and the questions asked over gRPC, in
/// lists and over JSON. A case whose register snapshot is its point runs against a store of its own, since snapshots belong to the whole store.
/// </summary>
public sealed class GoldenCaseTests(GoldenServer shared) : IClassFixture<GoldenServer>
{
    public static TheoryData<string> Ids => [.. GoldenCase.All.Keys];

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task Check_GoldenCase_AnswersAsExpected(string id)
    {
        var expected = GoldenCase.All[id];
        if (!expected.Isolated)
        {
            await VerifyAsync(shared.Server, expected);
            return;
        }

        await using var own = new GoldenServer();
        await own.InitializeAsync();
        await VerifyAsync(own.Server, expected);
    }

    // They share a store: the facts of one would decide the other, depending on their order.
    [Fact]
    public void Cases_HaveNumbersOfTheirOwn() =>
        Assert.Empty(GoldenCase.All.Values.GroupBy(one => one.Number).Where(group => group.Count() > 1).Select(group => group.Key));

    private static async Task VerifyAsync(LookupServer server, ExpectedCase expected)
    {
        var ct = TestContext.Current.CancellationToken;
        foreach (var (register, date) in expected.Snapshots)
        {
            await server.Registry.RecordSnapshotAsync(new RecordSnapshotRequest { Register = register, SnapshotDate = date }, cancellationToken: ct);
        }

        if (expected.Facts.Count > 0)
        {
            var recorded = await server.Facts.RecordFactsAsync(new RecordFactsRequest { Facts = { expected.Facts } }, cancellationToken: ct);
            Assert.All(recorded.Results, r => Assert.Equal(FactResult.Types.Outcome.Recorded, r.Outcome));
        }

        var decision = await AskAsync(server, expected, new WhatIf { CallTime = expected.CallTime });
        Assert.Equal((expected.Verdict, expected.Reason, expected.Regime), (decision.Verdict, decision.Reasons[0].Code, decision.Regime));
        Assert.True(decision.Hypothetical);
        Assert.NotEqual("", decision.Reasons[0].Article);
        if (expected.Layer is { } layer)
        {
            Assert.Equal(layer, decision.Reasons[0].Layer);
        }

        if (expected.LawAlone is { } lawAlone)
        {
            var law = new WhatIf { CallTime = expected.CallTime, SwitchedOffLayers = { Layer.Code, Layer.Policy } };
            Assert.Equal(lawAlone, (await AskAsync(server, expected, law)).Verdict);
        }

        if (expected.Strict is { } strict)
        {
            Assert.Equal(strict, (await AskAsync(server, expected, new WhatIf { CallTime = expected.CallTime, Strict = true })).Verdict);
        }
    }

    /// <summary>In a list the number gets the same answer, also beside one of another country and twice.</summary>
    private static async Task VerifyStreamAsync(LookupServer server, ExpectedCase expected, WhatIf whatIf, Decision decision)
    {
        await using var stream = await StreamCall.OpenAsync(server, new CheckStreamOpen { Question = expected.Question, WhatIf = whatIf });
        var answer = await stream.AskTextsAsync(1, "+390612345678", expected.Number, "+5997151234", expected.Number);
        foreach (var i in (int[])[1, 3])
        {
            Assert.Equal((decision.Verdict, decision.Reasons[0].Code), (answer.Verdicts[i], answer.Reasons[i]));
        }

        Assert.True(answer.Common.Hypothetical);
        Assert.Null(answer.Common.ReusableUntil);
    }

    private static async Task<Decision> AskAsync(LookupServer server, ExpectedCase expected, WhatIf whatIf)
    {
        var ct = TestContext.Current.CancellationToken;
        var check = await server.Lookup.CheckAsync(
            new CheckRequest { Number = expected.Number, Question = expected.Question, WhatIf = whatIf }, cancellationToken: ct);
        var explain = await server.Lookup.ExplainAsync(
            new ExplainRequest { Number = expected.Number, Question = expected.Question, WhatIf = whatIf }, cancellationToken: ct);
        Assert.Equal(check.Decision.Verdict, explain.Decision.Verdict);
        explain.Decision.Reasons[0].Local = null;
        Assert.Equal(check.Decision.Reasons[0], explain.Decision.Reasons[0]);
        await VerifyStreamAsync(server, expected, whatIf, check.Decision);
        await VerifyJsonAsync(server, expected, whatIf, check.Decision);
        return check.Decision;
    }

    private static async Task VerifyJsonAsync(LookupServer server, ExpectedCase expected, WhatIf whatIf, Decision decision)
    {
        var request = new CheckRequest { Number = expected.Number, Question = expected.Question, WhatIf = whatIf };
        using var content = new StringContent(JsonFormatter.Default.Format(request), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using var response = await server.Http.PostAsync("/v1/check", content, TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, body);
        var answer = JsonParser.Default.Parse<CheckResponse>(body);
        Assert.Equal((decision.Verdict, decision.Reasons[0], decision.Regime), (answer.Decision.Verdict, answer.Decision.Reasons[0], answer.Decision.Regime));
    }
}

/// <summary>A service whose clock stands behind every fact of the cases.</summary>
public sealed class GoldenServer : IAsyncLifetime
{
    internal LookupServer Server { get; } = new()
    {
        Clock = new ShiftedClock(new DateTimeOffset(2028, 2, 1, 12, 0, 0, TimeSpan.Zero)),
    };

    public ValueTask InitializeAsync() => Server.InitializeAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
