using System.Collections.Concurrent;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Client;
using Lookup.Client.Testing;
using Lookup.V1;
using static Lookup.ServiceTests.ClientLibrary.CheckScripts;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>A watch goes on over broken connections, and tells when it cannot.</summary>
public sealed class WatchAsyncTests
{
    private readonly ConcurrentQueue<WatchRequest> _requests = [];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Watch_ConnectionBreaks_GoesOnAfterTheLastEvent()
    {
        using var heard = new SemaphoreSlim(0);
        await using var service = await ServiceAsync(async (request, responses, context) =>
        {
            var at = request.ResumeToken.Length == 0 ? 0 : int.Parse(request.ResumeToken, System.Globalization.CultureInfo.InvariantCulture);
            await responses.WriteAsync(Beat(at), context.CancellationToken);
            for (var i = 0; i < 3; i++)
            {
                await responses.WriteAsync(Change(++at), context.CancellationToken);
            }

            // A connection that is dropped loses what was under way.
            await heard.WaitAsync(context.CancellationToken);
            if (at == 6)
            {
                throw new RpcException(new Grpc.Core.Status(StatusCode.ResourceExhausted, "Too slow."));
            }

            StreamScripts.Drop(context);
        });
        using var client = StreamScripts.ClientOf(service);
        var changes = new List<string>();
        var failures = 0;
        await foreach (var told in client.WatchAsync(["acme"], cancellationToken: Test))
        {
            failures += told.Failure is null ? 0 : 1;
            if (told.Change is { } change)
            {
                changes.Add(change.Number);
                Assert.Equal(change.Number, told.ResumeToken);
                if (changes.Count == 9)
                {
                    break;
                }

                if (changes.Count % 3 == 0)
                {
                    heard.Release();
                }
            }
        }

        Assert.Equal(Enumerable.Range(1, 9).Select(i => $"{i}"), changes);
        Assert.True(failures >= 2);
        Assert.All(_requests, request => Assert.Equal("acme", Assert.Single(request.Organisations)));
        Assert.Contains(_requests, request => request.ResumeToken.Length > 0);
    }

    [Fact]
    public async Task Watch_ServiceAway_SaysSoAndGoesOnWhenItIsBack()
    {
        var port = RedisServer.FreePort();
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri($"http://127.0.0.1:{port}") });
        ScriptedService? service = null;
        try
        {
            await foreach (var told in client.WatchAsync(cancellationToken: Test))
            {
                if (told.Failure is { } failure && service is null)
                {
                    Assert.Equal(StatusCode.Unavailable, failure.Status);
                    service = await ServiceAsync(
                        async (_, responses, context) =>
                        {
                            await responses.WriteAsync(Beat(1), context.CancellationToken);
                            await Task.Delay(Timeout.Infinite, context.CancellationToken);
                        },
                        port);
                }
                else if (told.IsHeartbeat)
                {
                    Assert.Equal("1", told.ResumeToken);
                    break;
                }
            }
        }
        finally
        {
            await (service?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    [Fact]
    public async Task Watch_ServiceFallsSilent_IsBrokenAndMadeAnew()
    {
        await using var service = await ServiceAsync(async (_, responses, context) =>
        {
            // A proxy that keeps the connection and forwards nothing.
            await responses.WriteAsync(Beat(1, intervalMs: 50), context.CancellationToken);
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        });
        using var client = StreamScripts.ClientOf(service);
        await foreach (var told in client.WatchAsync(cancellationToken: Test))
        {
            if (told.Failure is { } failure)
            {
                Assert.Equal(StatusCode.Unavailable, failure.Status);
                Assert.Contains("sent nothing for", failure.Message, StringComparison.Ordinal);
            }

            if (_requests.Count == 2)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task Watch_ChangesLost_IsAnExceptionOfItsOwn()
    {
        await using var service = await ServiceAsync((_, _, _) => throw new Google.Rpc.Status
        {
            Code = (int)Code.FailedPrecondition,
            Message = "Scrub again.",
            Details = { Any.Pack(new ErrorInfo { Reason = "RESUME_TOKEN_TOO_OLD", Domain = "lookup.v1" }) },
        }.ToRpcException());
        using var client = StreamScripts.ClientOf(service);
        var lost = await Assert.ThrowsAsync<ChangesLostException>(() => CollectAsync(client.WatchAsync(resumeToken: "7", cancellationToken: Test)));
        Assert.Equal(("RESUME_TOKEN_TOO_OLD", "Scrub again.", StatusCode.FailedPrecondition), (lost.Reason, lost.Message, lost.Status));
        Assert.Equal("7", Assert.Single(_requests).ResumeToken);
    }

    [Fact]
    public async Task Watch_Refused_IsNotTriedAgain()
    {
        await using var service = await ServiceAsync((_, _, _) => throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, "No such organisation.")));
        using var client = StreamScripts.ClientOf(service);
        var refused = await Assert.ThrowsAsync<LookupException>(() => CollectAsync(client.WatchAsync(["amce"], cancellationToken: Test)));
        Assert.Equal(StatusCode.InvalidArgument, refused.Status);
        Assert.Single(_requests);
    }

    [Fact]
    public async Task Watch_Cancelled_Ends()
    {
        await using var service = await ServiceAsync(async (_, responses, context) =>
        {
            await responses.WriteAsync(Beat(1), context.CancellationToken);
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        });
        using var client = StreamScripts.ClientOf(service);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Test);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var told in client.WatchAsync(cancellationToken: stop.Token))
            {
                Assert.True(told.IsHeartbeat);
                await stop.CancelAsync();
            }
        });
    }

    [Fact]
    public async Task ReuseWatched_ChangeTold_IsForgottenAndNothingIsReusedWithoutTheWatch()
    {
        var answer = Decision(reusableSeconds: 600);
        var asked = 0;
        var told = System.Threading.Channels.Channel.CreateUnbounded<WatchResponse?>();
        await using var service = await ScriptedService.StartAsync(new()
        {
            Check = (request, _) =>
            {
                Interlocked.Increment(ref asked);
                return Task.FromResult(Response(answer, request.Number));
            },
            Watch = async (_, responses, context) =>
            {
                await foreach (var response in told.Reader.ReadAllAsync(context.CancellationToken))
                {
                    await responses.WriteAsync(response ?? throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "Gone.")), context.CancellationToken);
                }
            },
        });
        var clock = new ManualClock();
        using var client = StreamScripts.ClientOf(service, o => o with { ReuseWatched = true, TimeProvider = clock });

        // Not before the watch stands.
        await AskAsync(again: true);
        await AskAsync(again: true);

        Assert.True(told.Writer.TryWrite(Beat(1)));
        await UntilReusedAsync();
        await AskAsync(again: false);

        // A change of another number, then of this one.
        answer = Decision(Verdict.Deny);
        Assert.True(told.Writer.TryWrite(Change(2)));
        await AskAsync(again: false);
        Assert.True(told.Writer.TryWrite(new WatchResponse { Change = new Change { Number = Number, Fact = new KnownFact { Fact = new Fact() } }, ResumeToken = "3" }));
        while ((await client.CheckAsync(Number, Asked, cancellationToken: Test)).MayCall)
        {
            await Task.Delay(5, Test);
        }

        // The watch is silent for too long: nothing is reused, until it is heard again.
        answer = Decision(reusableSeconds: 600);
        await UntilReusedAsync();
        clock.Advance(TimeSpan.FromSeconds(3));
        await AskAsync(again: true);
        await AskAsync(again: true);
        Assert.True(told.Writer.TryWrite(Beat(4)));
        await UntilReusedAsync();

        // It breaks.
        Assert.True(told.Writer.TryWrite(null));
        while (!await IsAskedAsync())
        {
            await Task.Delay(5, Test);
        }

        async Task UntilReusedAsync()
        {
            while (await IsAskedAsync())
            {
                await Task.Delay(5, Test);
            }
        }

        async Task AskAsync(bool again) => Assert.Equal(again, await IsAskedAsync());

        async Task<bool> IsAskedAsync()
        {
            var before = Volatile.Read(ref asked);
            await client.CheckAsync(Number, Asked, cancellationToken: Test);
            return Volatile.Read(ref asked) > before;
        }
    }

    [Fact]
    public async Task Fake_RecordedFacts_AreTold()
    {
        var fake = new FakeLookup();
        await RecordAsync("+447700900001", "acme");
        var tokens = new List<string>();
        await foreach (var told in fake.WatchAsync(["acme"], cancellationToken: Test))
        {
            tokens.Add(told.ResumeToken);
            if (told.IsHeartbeat && tokens.Count == 1)
            {
                await RecordAsync("+44 7700 900002", "bolt");
                await RecordAsync("+44 7700 900003", "acme");
            }
            else if (told.Change is { } change)
            {
                Assert.Equal(("+447700900003", "acme"), (change.Number, change.Fact.Fact.Objection.Organisation));
                break;
            }
        }

        // From the first token on, for all organisations.
        var resumed = new List<string>();
        await foreach (var told in fake.WatchAsync(resumeToken: tokens[0], cancellationToken: Test))
        {
            if (told.Change is { } change)
            {
                resumed.Add(change.Number);
                if (resumed.Count == 2)
                {
                    break;
                }
            }
        }

        Assert.Equal(["+447700900002", "+447700900003"], resumed);
        foreach (var bad in new[] { FakeLookup.OldToken, "nonsense", "FAKE-4" })
        {
            await Assert.ThrowsAsync<ChangesLostException>(() => CollectAsync(fake.WatchAsync(resumeToken: bad, cancellationToken: Test)));
        }

        Task RecordAsync(string number, string organisation) => fake.RecordFactsAsync(
            new RecordFactsRequest { Facts = { new Fact { Number = number, Objection = new Objection { Organisation = organisation } } } }, Test);
    }

    private Task<ScriptedService> ServiceAsync(Func<WatchRequest, IServerStreamWriter<WatchResponse>, ServerCallContext, Task> watch, int port = 0) =>
        ScriptedService.StartAsync(
            new()
            {
                Watch = (request, responses, context) =>
                {
                    _requests.Enqueue(request);
                    return watch(request, responses, context);
                },
            },
            port);

    private static WatchResponse Beat(int at, int intervalMs = 1_000) => new()
    {
        Heartbeat = new Heartbeat { Freshness = new Duration(), Interval = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(intervalMs)) },
        ResumeToken = $"{at}",
    };

    private static WatchResponse Change(int at) =>
        new() { Change = new Change { Number = $"{at}", Fact = new KnownFact { Fact = new Fact() } }, ResumeToken = $"{at}" };

    private static async Task<List<WatchEvent>> CollectAsync(IAsyncEnumerable<WatchEvent> events)
    {
        var list = new List<WatchEvent>();
        await foreach (var told in events)
        {
            list.Add(told);
        }

        return list;
    }
}
