using Lookup.Client;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;
using static Lookup.ServiceTests.ClientLibrary.SharedScript;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>Which checks share a call, and whose answer each gets.</summary>
public sealed class SharedCheckTests
{
    private const ulong First = 31_650_000_000;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Checks_OneAtATime_OpenNoStream()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);

        for (var i = 0UL; i < 20; i++)
        {
            Assert.Equal(VerdictOf(First + i), (await client.CheckAsync(Text(First + i), Asked, cancellationToken: Test)).Verdict);
        }

        Assert.Empty(script.Opens);
        Assert.Equal(20, script.Alone.Count);
    }

    [Fact]
    public async Task Checks_SharingOff_AreAllUnary()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service, o => o with { ShareChecks = false });

        for (var round = 0; round < 10; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 32).Select(i => client.CheckAsync(Text(First + (ulong)i), Asked, cancellationToken: Test)));
        }

        Assert.Empty(script.Opens);
        Assert.Equal(320, script.Alone.Count);
    }

    [Fact]
    public async Task Checks_ManyShuffledAndRepeated_EachHasTheAnswerOfItsNumber()
    {
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);

        for (var round = 0; round < 20; round++)
        {
            var numbers = Enumerable.Range(0, random.Next(1, 700)).Select(_ => First + (ulong)random.Next(200)).ToArray();
            var results = await Task.WhenAll(numbers.Select(n => client.CheckAsync(Text(n), Asked, cancellationToken: Test)));
            for (var i = 0; i < numbers.Length; i++)
            {
                Assert.Equal((Text(numbers[i]), VerdictOf(numbers[i])), (results[i].Number, results[i].Verdict));
                Assert.Equal(VerdictOf(numbers[i]) == Verdict.Allow, results[i].MayCall);
            }
        }

        Assert.True(script.Shared.Count > script.Alone.Count, $"{script.Shared.Count} shared, {script.Alone.Count} alone.");
    }

    [Fact]
    public async Task Question_ChangedBetweenChecks_IsNotAnsweredForTheOther()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        var question = Asked.Clone();
        await script.ShareAsync(client, Test);

        question.Organisation = "other";
        while (script.Opens.Count < 2)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => client.CheckAsync(Text(First + (ulong)i), question, cancellationToken: Test)));
        }

        Assert.Equal(["acme", "other"], script.Opens.Select(open => open.Question.Organisation));
        Assert.All(script.Opens, open => Assert.True(open.Decisions));
    }

    [Fact]
    public async Task Checks_WithOptionsOfTheirOwn_AreUnary()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        var (shared, alone) = (script.Shared.Count, script.Alone.Count);
        CheckOptions[] own =
        [
            new() { Reserve = TimeSpan.FromMinutes(1) }, new() { Consistency = new Consistency { Exact = true } },
            new() { Consistency = new Consistency { AtLeastAsFresh = "token" } }, new() { WhatIf = new WhatIf() },
        ];

        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => client.CheckAsync(Text(First + (ulong)i), Asked, own[i % own.Length], Test)));

        Assert.Equal((shared, alone + 40), (script.Shared.Count, script.Alone.Count));
    }

    [Fact]
    public async Task Check_CancelledInAChunk_EndsAloneAndLeavesTheOthers()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        var answers = new TaskCompletionSource();
        script.OnChunk = async (chunk, _) =>
        {
            await answers.Task;
            return AnswerTo(chunk);
        };
        var others = await script.StartAsync(client, First, 8, Test);
        using var cancel = new CancellationTokenSource();

        var cancelled = client.CheckAsync(Text(First + 100), Asked, cancellationToken: cancel.Token);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        answers.SetResult();
        foreach (var (number, check) in others)
        {
            Assert.Equal(VerdictOf(number), (await check).Verdict);
        }

        Assert.DoesNotContain(First + 100, script.Shared);
    }

    [Fact]
    public async Task Check_HedgedWhileTheChunkHangs_IsAnsweredAlone()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service, o => o with { HedgeAfter = TimeSpan.FromMilliseconds(30) });
        await script.ShareAsync(client, Test);
        script.OnChunk = async (chunk, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return AnswerTo(chunk);
        };

        var checks = await script.StartAsync(client, First, 8, Test);

        foreach (var (number, check) in checks)
        {
            Assert.Equal(VerdictOf(number), (await check).Verdict);
        }
    }

    [Fact]
    public async Task Check_HedgedAndBothAnswer_TheStricterCounts()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        using var client = ClientOf(service, o => o with { HedgeAfter = TimeSpan.FromMilliseconds(1) });
        await script.ShareAsync(client, Test);
        for (var round = 0; round < 20; round++)
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => client.CheckAsync(Text(First + (ulong)i), Asked, cancellationToken: Test)));
            Assert.All(results.Index(), r => Assert.Equal(VerdictOf(First + (ulong)r.Index), r.Item.Verdict));
        }
    }

    [Fact]
    public async Task Client_Disposed_PermitsNoCall()
    {
        var script = new SharedScript();
        await using var service = await script.StartAsync();
        var client = ClientOf(service);
        await script.ShareAsync(client, Test);
        script.OnChunk = async (chunk, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return AnswerTo(chunk);
        };
        var checks = await script.StartAsync(client, First, 8, Test);

        client.Dispose();

        foreach (var (number, check) in checks.Where(c => script.Shared.Contains(c.Number)))
        {
            Assert.Equal((false, CheckState.Broken), ((await check).MayCall, (await check).State));
        }
    }
}
