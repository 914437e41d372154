using Lookup.Client;
using Lookup.V1;
using static Lookup.Testing.ClientLibrary.StreamScripts;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>LookupClient.CheckStreamAsync against a service in good order.</summary>
public sealed class CheckStreamTests
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(64)]
    public async Task CheckStream_ManyChunks_AnswersEachInOrder(int window)
    {
        await using var service = await ScriptedService.StartAsync(new() { CheckStream = Answering() });
        using var client = ClientOf(service);

        var answers = await CollectAsync(client.CheckStreamAsync(Open, Chunks(200), window, Test));

        AssertAnswered(200, answers);
    }

    [Fact]
    public async Task CheckStream_NothingToSend_NeedsNoService()
    {
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:1") });

        Assert.Empty(await CollectAsync(client.CheckStreamAsync(Open, Chunks(0), 4, Test)));
    }

    [Fact]
    public async Task CheckStream_EnumeratedTwice_IsTwoLists()
    {
        await using var service = await ScriptedService.StartAsync(new() { CheckStream = Answering() });
        using var client = ClientOf(service);
        var stream = client.CheckStreamAsync(Open, Chunks(5), 2, Test);

        AssertAnswered(5, await CollectAsync(stream));
        AssertAnswered(5, await CollectAsync(stream));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public async Task CheckStream_ReaderThatSleeps_PullsNoMoreThanTheWindow(int window)
    {
        await using var service = await ScriptedService.StartAsync(new() { CheckStream = Answering() });
        using var client = ClientOf(service);
        var pulled = 0;
        var read = 0;

        await foreach (var answer in client.CheckStreamAsync(Open, Counted(), window, Test))
        {
            read++;
            await Task.Delay(read <= 3 ? 100 : 1, Test);
            Assert.InRange(Volatile.Read(ref pulled), read, read + window);
        }

        Assert.Equal(40, read);

        async IAsyncEnumerable<CheckStreamChunk> Counted()
        {
            await foreach (var chunk in Chunks(40))
            {
                Interlocked.Increment(ref pulled);
                yield return chunk;
            }
        }
    }

    [Fact]
    public async Task CheckStream_ServiceThatAnswersNothing_GetsNoMoreThanTheWindow()
    {
        var received = 0;
        var windowFull = new TaskCompletionSource();
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = async (requests, _, context) =>
            {
                while (await requests.MoveNext(context.CancellationToken))
                {
                    // The first message opens.
                    if (Interlocked.Increment(ref received) == 1 + 3)
                    {
                        windowFull.SetResult();
                    }
                }
            },
        });
        using var client = ClientOf(service);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Test);
        var reading = CollectAsync(client.CheckStreamAsync(Open, Chunks(100), 3, stop.Token));

        await windowFull.Task.WaitAsync(Test);
        await Task.Delay(200, Test);
        Assert.Equal(1 + 3, Volatile.Read(ref received));

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [Fact]
    public async Task CheckStream_LeftEarly_ClosesTheSourceAndTheCall()
    {
        var ended = new TaskCompletionSource();
        await using var service = await ScriptedService.StartAsync(new()
        {
            CheckStream = Answering((_, _, context) =>
            {
                context.CancellationToken.Register(() => ended.TrySetResult());
                return Task.CompletedTask;
            }),
        });
        using var client = ClientOf(service);
        var closed = false;

        await foreach (var answer in client.CheckStreamAsync(Open, Source(), 4, Test))
        {
            break;
        }

        Assert.True(closed);
        await ended.Task.WaitAsync(Test);

        async IAsyncEnumerable<CheckStreamChunk> Source()
        {
            try
            {
                await foreach (var chunk in Chunks(1_000))
                {
                    yield return chunk;
                }
            }
            finally
            {
                closed = true;
            }
        }
    }

    [Fact]
    public async Task CheckStream_SourceThatFails_FailsTheReader()
    {
        await using var service = await ScriptedService.StartAsync(new() { CheckStream = Answering() });
        using var client = ClientOf(service);

        await Assert.ThrowsAsync<FileNotFoundException>(() => CollectAsync(client.CheckStreamAsync(Open, Source(), 4, Test)));

        static async IAsyncEnumerable<CheckStreamChunk> Source()
        {
            await foreach (var chunk in Chunks(5))
            {
                yield return chunk;
            }

            throw new FileNotFoundException();
        }
    }

    [Fact]
    public async Task CheckStream_SequencesThatDoNotAscend_FailTheReader()
    {
        await using var service = await ScriptedService.StartAsync(new() { CheckStream = Answering() });
        using var client = ClientOf(service);

        await Assert.ThrowsAsync<InvalidOperationException>(() => CollectAsync(client.CheckStreamAsync(Open, Source(), 4, Test)));

        static async IAsyncEnumerable<CheckStreamChunk> Source()
        {
            yield return Chunk(2);
            await Task.Yield();
            yield return Chunk(2);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65)]
    public void CheckStream_WindowOutOfRange_Throws(int window)
    {
        using var client = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:1") });

        Assert.Throws<ArgumentOutOfRangeException>(() => client.CheckStreamAsync(Open, Chunks(1), window, Test));
    }
}
