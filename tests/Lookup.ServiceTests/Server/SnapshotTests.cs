using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.V1;

namespace Lookup.ServiceTests.Server;

/// <summary>A register goes to a newer snapshot while it is asked.</summary>
public sealed class SnapshotTests : IAsyncLifetime
{
    private const ulong Base = 31_640_000_000;

    private static readonly Timestamp First = At(2015, 3, 1);
    private static readonly Timestamp Second = At(2015, 3, 20);

    private LookupServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await (_server = new LookupServer()).InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task LoadSnapshot_Switched_EveryAnswerIsTheOldOrTheNew()
    {
        const int Count = 12_000;
        // The first snapshot has numbers up to Count, the second those from Count / 10 on and some more.
        await LoadAsync(First, Numbers(0, Count));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var left = Numbers(0, Count / 10);
        var kept = Numbers(Count / 10, Count * 9 / 10);
        var came = Numbers(Count, 1_000);
        var never = Numbers(Count + 1_000, 500);
        var loops = new[] { left, kept, came, never }.Select(set => Task.Run(() => AskAsync(set, stop.Token), Token)).ToArray();
        await UntilAsync(() => loops.Length == Volatile.Read(ref _asking));

        var done = await LoadAsync(Second, [.. kept, .. came], maxChange: 50);
        var after = Volatile.Read(ref _asked);
        await UntilAsync(() => Volatile.Read(ref _asked) > after + 400);
        await stop.CancelAsync();
        var seen = await Task.WhenAll(loops);

        Assert.NotEqual("", done.ImportId);
        // By number: what was answered, in order, without repetition.
        Assert.All(seen[0], answers => Assert.True(OneOf(answers, [Verdict.Deny], [Verdict.Allow], [Verdict.Deny, Verdict.Allow])));
        Assert.All(seen[1], answers => Assert.Equal([Verdict.Deny], answers));
        Assert.All(seen[2], answers => Assert.True(OneOf(answers, [Verdict.Deny], [Verdict.Allow], [Verdict.Allow, Verdict.Deny])));
        Assert.All(seen[3], answers => Assert.Equal([Verdict.Allow], answers));
        Assert.Equal(
            [Verdict.Allow, Verdict.Deny, Verdict.Deny, Verdict.Allow],
            new[] { await CheckAsync(left[7]), await CheckAsync(kept[7]), await CheckAsync(came[7]), await CheckAsync(never[7]) });
    }

    [Fact]
    public async Task LoadSnapshot_FileThatWouldDropMost_IsRefusedAndNothingHasChanged()
    {
        await LoadAsync(First, Numbers(0, 1_000));
        var before = await _server.Store.Maintenance.ProbeAsync(Token);

        var exception = await Assert.ThrowsAsync<RpcException>(() => LoadAsync(Second, Numbers(0, 100)));
        var after = await _server.Store.Maintenance.ProbeAsync(Token);
        var registers = (await _server.Registry.ListRegistersAsync(new ListRegistersRequest(), cancellationToken: Token)).Registers;
        var imports = await new ImportService.ImportServiceClient(_server.Invoker).ListImportsAsync(new ListImportsRequest(), cancellationToken: Token);

        Assert.Equal(StatusCode.FailedPrecondition, exception.StatusCode);
        Assert.Contains("90", exception.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(before.Facts, after.Facts);
        Assert.Equal(First, Assert.Single(registers.Single(r => r.Name == "nl-bmnr").SnapshotDates));
        Assert.Single(imports.Imports);
        Assert.Equal(Verdict.Deny, await CheckAsync(Base + 500));

        await LoadAsync(Second, Numbers(0, 100), accept: true);
        Assert.Equal(Verdict.Allow, await CheckAsync(Base + 500));
    }

    [Fact]
    public async Task RevertImport_OfSnapshot_BringsTheAnswersOfTheOlderOneBack()
    {
        await LoadAsync(First, Numbers(0, 1_000));
        var second = await LoadAsync(Second, Numbers(50, 1_000));
        var between = new[] { await CheckAsync(Base), await CheckAsync(Base + 1_020), await CheckAsync(Base + 500) };

        using var call = new ImportService.ImportServiceClient(_server.Invoker).RevertImport(
            new RevertImportRequest { ImportId = second.ImportId }, cancellationToken: Token);
        Import? import = null;
        while (await call.ResponseStream.MoveNext(Token))
        {
            import = call.ResponseStream.Current.Import;
        }

        Assert.Equal([Verdict.Allow, Verdict.Deny, Verdict.Deny], between);
        Assert.Equal((ImportState.Reverted, 100L), (import!.State, import.Revert.Gone.Single().Count));
        Assert.Equal(50, import.Revert.MayPermit.Single().Count);
        Assert.Equal([Verdict.Deny, Verdict.Allow, Verdict.Deny], new[] { await CheckAsync(Base), await CheckAsync(Base + 1_020), await CheckAsync(Base + 500) });
    }

    [Fact]
    public async Task LoadSnapshot_BrokenOff_KeepsTheAnswersAndItsDateCannotBeStated()
    {
        await LoadAsync(First, Numbers(0, 30_000));
        var request = new RecordSnapshotRequest { Register = "nl-bmnr", SnapshotDate = Second };
        using (var call = _server.Registry.LoadSnapshot(cancellationToken: Token))
        {
            await call.RequestStream.WriteAsync(Open(Second, maxChange: 100), Token);
            foreach (var chunk in Numbers(20_000, 30_000).Chunk(5_000))
            {
                await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { chunk } } }, Token);
            }

            await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Compare = new LoadSnapshotCompare() }, Token);
            await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Apply = new LoadSnapshotApply { AcceptChange = true } }, Token);
            // The difference, and some of it written.
            Assert.True(await call.ResponseStream.MoveNext(Token));
            Assert.True(await call.ResponseStream.MoveNext(Token));
        }

        var imports = new ImportService.ImportServiceClient(_server.Invoker);
        while ((await imports.ListImportsAsync(new ListImportsRequest(), cancellationToken: Token)).Imports[0].State == ImportState.Running)
        {
            await Task.Delay(10, Token);
        }

        var stated = await Assert.ThrowsAsync<RpcException>(() => _server.Registry.RecordSnapshotAsync(request, cancellationToken: Token).ResponseAsync);
        var answers = await Task.WhenAll(Numbers(0, 30).Select(i => CheckAsync(i)));
        await LoadAsync(Second, Numbers(20_000, 30_000), accept: true);
        await _server.Registry.RecordSnapshotAsync(request, cancellationToken: Token);

        Assert.Equal(StatusCode.FailedPrecondition, stated.StatusCode);
        Assert.All(answers, answer => Assert.Equal(Verdict.Deny, answer));
        Assert.Equal(Verdict.Allow, await CheckAsync(Base));
    }

    [Fact]
    public async Task LoadSnapshot_First_IsRefusedWithoutItsSizeAndItsAgeIsAMetric()
    {
        Assert.DoesNotContain((await Scrape.OfAsync(_server)).Series, line => line.StartsWith("lookup_register_age_seconds", StringComparison.Ordinal));
        using (var call = _server.Registry.LoadSnapshot(cancellationToken: Token))
        {
            await call.RequestStream.WriteAsync(Open(First), Token);
            await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { Base } } }, Token);
            await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Compare = new LoadSnapshotCompare() }, Token);
            Assert.True(await call.ResponseStream.MoveNext(Token));
            Assert.True(call.ResponseStream.Current.Difference.TooMuch);
            await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Apply = new LoadSnapshotApply() }, Token);
            var refused = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Token));
            Assert.Contains("Set open.expected_numbers to the number you expect", refused.Status.Detail, StringComparison.Ordinal);
        }

        await LoadAsync(First, Numbers(0, 10));
        await Scrape.UntilAsync(_server, s => s.Series.Any(line => line.StartsWith("lookup_register_age_seconds{register=\"nl-bmnr\"}", StringComparison.Ordinal)));
        Assert.True((await Scrape.OfAsync(_server)).Value("lookup_register_age_seconds{register=\"nl-bmnr\"}") > 24 * 3600);
    }

    [Fact]
    public async Task LoadSnapshot_OutOfOrder_NamesTheStep()
    {
        Assert.Contains("open", await RefusedAsync(new LoadSnapshotRequest { Compare = new LoadSnapshotCompare() }), StringComparison.Ordinal);
        Assert.Contains("compare", await RefusedAsync(Open(First), new LoadSnapshotRequest { Apply = new LoadSnapshotApply() }), StringComparison.Ordinal);
        Assert.Contains("register", await RefusedAsync(new LoadSnapshotRequest { Open = new LoadSnapshotOpen { Register = "x", SnapshotDate = First } }), StringComparison.Ordinal);
        Assert.Contains("snapshot_date", await RefusedAsync(Open(At(2031, 1, 1))), StringComparison.Ordinal);
        Assert.Contains(
            "numbers.numbers[1]",
            await RefusedAsync(Open(First), new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { Base, 12 } } }),
            StringComparison.Ordinal);
        Assert.Contains(
            "numbers.categories",
            await RefusedAsync(Open(First), new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { Base }, Categories = { "x" } } }),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadSnapshot_TwoAtATime_TheSecondIsExhausted()
    {
        using var first = _server.Registry.LoadSnapshot(cancellationToken: Token);
        await first.RequestStream.WriteAsync(Open(First), Token);
        await first.RequestStream.WriteAsync(new LoadSnapshotRequest { Compare = new LoadSnapshotCompare() }, Token);
        Assert.True(await first.ResponseStream.MoveNext(Token));

        using var second = _server.Registry.LoadSnapshot(cancellationToken: Token);
        var exception = await Assert.ThrowsAsync<RpcException>(() => second.ResponseStream.MoveNext(Token));

        Assert.Equal(StatusCode.ResourceExhausted, exception.StatusCode);
        await first.RequestStream.CompleteAsync();
        Assert.False(await first.ResponseStream.MoveNext(Token));
        await LoadAsync(First, Numbers(0, 1));
    }

    private int _asked;
    private int _asking;

    private static ulong[] Numbers(int first, int count) => [.. Enumerable.Range(first, count).Select(i => Base + (ulong)i)];

    private static Timestamp At(int year, int month, int day) =>
        Timestamp.FromDateTimeOffset(new DateTimeOffset(year, month, day, 0, 0, 0, TimeSpan.FromHours(1)));

    private static bool OneOf(List<Verdict> answers, params Verdict[][] allowed) => allowed.Any(one => one.SequenceEqual(answers));

    private static LoadSnapshotRequest Open(Timestamp date, double maxChange = 10, long expected = 0) =>
        new() { Open = new LoadSnapshotOpen { Register = "nl-bmnr", SnapshotDate = date, MaxChangePercent = maxChange, ExpectedNumbers = expected } };

    private async Task<string> RefusedAsync(params LoadSnapshotRequest[] requests)
    {
        using var call = _server.Registry.LoadSnapshot(cancellationToken: Token);
        foreach (var request in requests)
        {
            await call.RequestStream.WriteAsync(request, Token);
        }

        var exception = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Token));
        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        return exception.Status.Detail;
    }

    private async Task<LoadSnapshotDone> LoadAsync(Timestamp date, ulong[] numbers, double maxChange = 10, bool accept = false)
    {
        using var call = _server.Registry.LoadSnapshot(cancellationToken: Token);
        await call.RequestStream.WriteAsync(Open(date, maxChange, numbers.Length), Token);
        foreach (var chunk in numbers.Chunk(5_000))
        {
            await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Numbers = new LoadSnapshotNumbers { Numbers = { chunk } } }, Token);
        }

        await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Compare = new LoadSnapshotCompare() }, Token);
        Assert.True(await call.ResponseStream.MoveNext(Token));
        Assert.Equal(numbers.Length, call.ResponseStream.Current.Difference.Listed);
        await call.RequestStream.WriteAsync(new LoadSnapshotRequest { Apply = new LoadSnapshotApply { AcceptChange = accept } }, Token);
        LoadSnapshotDone? done = null;
        while (await call.ResponseStream.MoveNext(Token))
        {
            done = call.ResponseStream.Current.Done;
        }

        return done!;
    }

    private async Task<Verdict> CheckAsync(ulong number)
    {
        var request = Samples.Check($"+{number}");
        request.WhatIf = new WhatIf { CallTime = Timestamp.FromDateTimeOffset(new DateTimeOffset(2015, 3, 24, 14, 0, 0, TimeSpan.FromHours(1))) };
        return (await _server.Lookup.CheckAsync(request, cancellationToken: Token)).Decision.Verdict;
    }

    // Asks again and again; returns what each number asked was answered, without repetition.
    private async Task<List<Verdict>[]> AskAsync(ulong[] numbers, CancellationToken stop)
    {
        var picked = numbers.Where((_, i) => i % (numbers.Length / 25) == 0).ToArray();
        var seen = picked.Select(_ => new List<Verdict>()).ToArray();
        var first = true;
        while (!stop.IsCancellationRequested)
        {
            for (var i = 0; i < picked.Length; i++)
            {
                var verdict = await CheckAsync(picked[i]);
                Interlocked.Increment(ref _asked);
                if (seen[i].Count == 0 || seen[i][^1] != verdict)
                {
                    seen[i].Add(verdict);
                }
            }

            if (first)
            {
                Interlocked.Increment(ref _asking);
                first = false;
            }
        }

        return seen;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(5, Token);
        }
    }
}
