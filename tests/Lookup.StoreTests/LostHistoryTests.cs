using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Store;
using Lookup.V1;
using ReasonCode = Lookup.V1.ReasonCode;
using Verdict = Lookup.V1.Verdict;

namespace Lookup.StoreTests;

/// <summary>
/// A store that goes back while nobody looks, and goes on with other changes until its versions are as high as before. Who saw
/// what is lost must notice, and a token of it must not be taken for one of the changes that have its version now.
/// </summary>
public sealed class LostHistoryTests : IAsyncLifetime
{
    private const int Partitions = 2;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(2));
    private readonly string _copy = Directory.CreateTempSubdirectory("lookup-copy-").FullName;
    private RedisServer _redis = null!;

    private CancellationToken Token => _limit.Token;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0");
        await StoreAdmin.InitAsync(
            _redis.Options, new InitOptions { KeyCheck = Sample.Cipher.KeyCheck, Partitions = Partitions, ExpectedFacts = 10_000 }, TimeProvider.System, Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        Directory.Delete(_copy, recursive: true);
        _limit.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Follower_WhoseChangesAreLost_RefusesWhatTookTheirVersions(bool asWriter)
    {
        await using var store = await OpenAsync();
        await WriteAsync(store, 0, 50);
        var troubled = new TroubledStore(store);
        await using var replica = await FollowAsync(troubled);
        Copy();

        // Seen by the follower, or written by it and not yet followed.
        var stop = asWriter ? Hold(troubled) : null;
        await WriteAsync(store, 100, 50);
        if (!asWriter)
        {
            await FollowedAsync(replica);
        }

        stop ??= Hold(troubled);
        await GoBackAsync();
        await using (var other = await OpenAsync())
        {
            await WriteAsync(other, 1_000, 600);
        }

        // Nothing is believed before the follower has looked, and nothing afterwards.
        var answered = 0;
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var readers = Enumerable.Range(0, 4).Select(reader => Task.Run(async () =>
        {
            for (var i = reader; !reading.IsCancellationRequested; i++)
            {
                try
                {
                    await store.Reader.ReadAsync(Sample.Key(100 + (i % 50)), new[] { Sample.ObjectionId() }, Token);
                    Interlocked.Increment(ref answered);
                }
                catch (StoreUnavailableException)
                {
                    await Task.Delay(1, Token);
                }
            }
        })).ToArray();
        await Task.Delay(300, Token);
        stop.SetResult();
        troubled.Trouble = _ => Task.CompletedTask;
        await Until.SoAsync(async () => await FaultAsync(() => store.Maintenance.ProbeAsync(Token)) == StoreFault.RolledBack, Token);
        await Task.Delay(300, Token);
        await reading.CancelAsync();
        await Task.WhenAll(readers);
        Assert.Equal(0, answered);
        Assert.Equal(StoreFault.RolledBack, await FaultAsync(() => store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token).AsTask()));
        await Until.SoAsync(() => Task.FromResult(replica.Partition(0).Filter is null && replica.Partition(1).Filter is null), Token);
    }

    [Fact]
    public async Task Follower_ServerStartsAgainWithEverything_GoesOn()
    {
        await using var store = await OpenAsync();
        await using var replica = await FollowAsync(store);
        for (var round = 0; round < 3; round++)
        {
            await WriteAsync(store, round * 50, 50);
            await _redis.KillAsync();
            await _redis.RestartAsync();
            await Until.SoAsync(async () => await FaultAsync(() => store.Reader.ReadAsync(Sample.Key(1), new[] { Sample.ObjectionId() }, Token).AsTask()) is null, Token);
            await FollowedAsync(replica);
            Assert.NotNull((await store.Reader.ReadAsync(Sample.Key(round * 50), new[] { Sample.ObjectionId() }, Token)).Values[0]);
        }
    }

    [Fact]
    public async Task Token_OfALostChange_IsRefusedByWhoNeverSawIt()
    {
        await using var writer = await OpenAsync();
        await WriteAsync(writer, 0, 50);
        Copy();
        var number = Samples.NewNumber();
        string lost;
        await using (var server = await LookupServer.StartAsync(await OpenAsync()))
        {
            await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
            lost = (await server.Facts.RecordFactsAsync(Samples.Record(Samples.Objection(number)))).ConsistencyToken;
            Assert.Equal(Verdict.Deny, (await AskAsync(server, number, lost)).Verdict);
        }

        await GoBackAsync();
        await using var after = await LookupServer.StartAsync(await OpenAsync());
        await after.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        // Until the version is reached again, the store is behind it.
        Assert.Equal(ReasonCode.NotFresh, (await AskAsync(after, number, lost)).Reasons[0].Code);
        for (var i = 0; i < 20; i++)
        {
            await after.Facts.RecordFactsAsync(Samples.Record(Enumerable.Range(0, 10).Select(_ => Samples.Consent(Samples.NewNumber()))));
        }

        var own = (await after.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)))).ConsistencyToken;
        Assert.Equal(Verdict.Allow, (await AskAsync(after, number, own)).Verdict);
        var refused = await AskAsync(after, number, lost);
        Assert.Equal((Verdict.Unknown, ReasonCode.NotFresh), (refused.Verdict, refused.Reasons[0].Code));
        Assert.Contains("another replication history", refused.Reasons[0].Text, StringComparison.Ordinal);
        await using var list = await StreamCall.OpenAsync(
            after, new CheckStreamOpen { Question = Samples.Question(), Consistency = new Consistency { AtLeastAsFresh = lost } });
        Assert.Equal(Verdict.Unknown, (await list.AskAsync(1, ulong.Parse(number[1..]))).Verdicts[0]);
        // Exact and bounded checks cannot know of it: without WAIT a loss is a loss.
        Assert.Equal(Verdict.Allow, (await after.Lookup.CheckAsync(Samples.Check(number))).Decision.Verdict);

        // One that started since, and knows the changes from the store alone.
        await using var fresh = await LookupServer.StartAsync(await OpenAsync());
        Assert.Equal(ReasonCode.NotFresh, (await AskAsync(fresh, number, lost)).Reasons[0].Code);
        Assert.Equal(Verdict.Allow, (await AskAsync(fresh, number, own)).Verdict);
    }

    [Fact]
    public async Task Token_OfAnAnswer_SaysWhoseItIs()
    {
        await using var server = await LookupServer.StartAsync(await OpenAsync());
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)));
        var partition = server.Cipher.Encrypt(new Core.Numbers.PhoneNumber(ulong.Parse(number[1..]))).Partition(Partitions);
        await Until.SoAsync(
            async () =>
            {
                var text = (await server.Lookup.CheckAsync(Samples.Check(number))).Decision.ConsistencyToken;
                Assert.True(ConsistencyToken.TryParse(text, out var token, out _));
                return token.MarkOf(partition) != 0;
            },
            Token);
    }

    [Fact]
    public void Token_WithMarks_IsReadAsItWasWritten()
    {
        var token = ConsistencyToken.Of(77, [5, 0, 9], [0xAABBCCDD, 1, 0x11]);
        var text = token.ToString();
        Assert.True(ConsistencyToken.TryParse(text, out var read, out _));
        Assert.Equal(token, read);
        Assert.Equal((5UL, 0xAABBCCDD, 9UL, 0x11U, 0U), (read.VersionOf(0), read.MarkOf(0), read.VersionOf(2), read.MarkOf(2), read.MarkOf(1)));
        // An older version cuts off what it does not know.
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        Assert.True(ConsistencyToken.TryParse(text.AsSpan(0, dot), out var plain, out _));
        Assert.Equal((5UL, 0U), (plain.VersionOf(0), plain.MarkOf(0)));
        for (var cut = dot + 2; cut < text.Length; cut++)
        {
            Assert.False(ConsistencyToken.TryParse(text.AsSpan(0, cut), out _, out _), $"{cut}");
        }

        Assert.True(ConsistencyToken.TryParse($"{text.AsSpan(0, dot)}.anything at all", out var other, out _));
        Assert.Equal(0U, other.MarkOf(0));
        var both = ConsistencyToken.Of(77, 0, 6, 3).And(token);
        Assert.Equal((6UL, 3U, 0x11U), (both.VersionOf(0), both.MarkOf(0), both.MarkOf(2)));
    }

    private static TaskCompletionSource Hold(TroubledStore store)
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.Trouble = cancellation => held.Task.WaitAsync(cancellation);
        return held;
    }

    private static async Task<Decision> AskAsync(LookupServer server, string number, string token)
    {
        var request = Samples.Check(number);
        request.Consistency = new Consistency { AtLeastAsFresh = token };
        return (await server.Lookup.CheckAsync(request)).Decision;
    }

    private Task<FactStore> OpenAsync() => StoreAdmin.OpenAsync(
        _redis.Options with { ReadTimeoutMs = 5_000 }, Sample.Cipher.KeyCheck, TimeProvider.System, Token);

    private Task<WriteResult> WriteAsync(FactStore store, int first, int count) =>
        store.Writer.WriteAsync([.. Enumerable.Range(first, count).Select(i => Sample.Objection(i))], Token);

    private async Task<FilterReplica> FollowAsync(FactStore store)
    {
        var replica = new FilterReplica(store.Feed, new ReplicaOptions { PollMs = 20 }, TimeProvider.System);
        await replica.StartAsync(Token);
        return replica;
    }

    private Task FollowedAsync(FilterReplica replica)
    {
        var now = TimeProvider.System.GetTimestamp();
        return Until.SoAsync(
            () => Task.FromResult(Enumerable.Range(0, Partitions).All(p => replica.Partition(p) is { Filter: not null } state && state.AsOf > now)), Token);
    }

    private static async Task<StoreFault?> FaultAsync(Func<Task> call)
    {
        try
        {
            await call();
            return null;
        }
        catch (StoreUnavailableException e)
        {
            return e.Fault;
        }
    }

    private void Copy()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(_redis.Folder, "appendonlydir")))
        {
            File.Copy(file, Path.Combine(_copy, Path.GetFileName(file)), overwrite: true);
        }
    }

    private async Task GoBackAsync()
    {
        await _redis.KillAsync();
        var files = Path.Combine(_redis.Folder, "appendonlydir");
        Directory.Delete(files, recursive: true);
        Directory.CreateDirectory(files);
        foreach (var file in Directory.EnumerateFiles(_copy))
        {
            File.Copy(file, Path.Combine(files, Path.GetFileName(file)));
        }

        await _redis.RestartAsync();
    }
}
