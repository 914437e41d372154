using System.Text;
using Lookup.Redis;
using Lookup.Redis.Following;
using Lookup.Redis.Reading;
using Lookup.Redis.Topology;

namespace Lookup.StoreTests;

/// <summary>What a server may answer to a batch, and what it must not.</summary>
public sealed class BatchConnectionTests
{
    private const string Epoch = "00000000000000aa";
    private const string Role = "$28\r\n# Replication\r\nrole:master\r\n\r\n";

    private static string Meta(int version = 7, string epoch = Epoch) => $"*2\r\n$16\r\n{epoch}\r\n$1\r\n{version}\r\n";

    // Three numbers with two timelines each: "a" and none, none and "bc", an empty one and "d".
    private static readonly string[] Items =
        ["*2\r\n$1\r\na\r\n$-1\r\n", "*2\r\n$-1\r\n$2\r\nbc\r\n", "*2\r\n$0\r\n\r\n$1\r\nd\r\n"];

    private static readonly string Whole = Role + Meta(7) + string.Concat(Items) + Meta(8);

    [Fact]
    public async Task Answer_InPiecesOfAnySize_IsReadWhole()
    {
        for (var piece = 1; piece <= Whole.Length; piece++)
        {
            var batch = Batch();
            using var connection = Connection(Whole, piece);
            await connection.ReadAsync(batch, [0], CancellationToken.None);
            Assert.True(connection.IsUsable);
            Assert.Equal((string?[])["a", null, null, "bc", "", "d"], Values(batch));
            Assert.Equal((0, 7UL), batch.Position(1));
        }
    }

    [Fact]
    public async Task Answer_CutAnywhere_LeavesEveryItemUnanswered()
    {
        for (var length = 0; length < Whole.Length; length++)
        {
            var batch = Batch();
            using var connection = Connection(Whole[..length], 1_000);
            var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => connection.ReadAsync(batch, [0], CancellationToken.None));
            Assert.Equal(StoreFault.Unreachable, e.Fault);
            AssertUnanswered(connection, batch);
        }
    }

    [Fact]
    public async Task Answer_OneReplyMissingOrTooMany_LeavesEveryItemUnanswered()
    {
        string[] replies = [Meta(7), .. Items, Meta(8)];
        for (var i = 0; i < replies.Length; i++)
        {
            foreach (var times in new[] { 0, 2 })
            {
                var answer = Role + string.Concat(replies.Select((r, at) => at == i ? string.Concat(Enumerable.Repeat(r, times)) : r));
                var batch = Batch();
                using var connection = Connection(answer, 1_000);
                await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
                {
                    await connection.ReadAsync(batch, [0], CancellationToken.None);
                    for (var item = 0; item < batch.Count; item++)
                    {
                        if (batch.Fault(item) is { } fault)
                        {
                            throw fault;
                        }
                    }
                });
                Assert.All(Enumerable.Range(0, batch.Count), item => Assert.Throws<InvalidOperationException>(() => batch.Value(item, 0)));
            }
        }
    }

    [Theory]
    [InlineData("+OK\r\n")]
    [InlineData(":1\r\n")]
    [InlineData("*-1\r\n")]
    [InlineData("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n")]
    [InlineData("*2\r\n$1\r\nab\r\n$-1\r\n")]
    [InlineData("*2\r\n$-2\r\n$-1\r\n")]
    [InlineData("*2\r\n$\r\n$-1\r\n")]
    [InlineData("*2\r\n$12345678901\r\n")]
    [InlineData("*2\n$1\r\na\r\n$-1\r\n")]
    [InlineData("*2\r\n$999999999\r\na")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    public async Task Answer_ThatIsNoneToTheQuestion_LeavesEveryItemUnanswered(string item)
    {
        var batch = Batch();
        using var connection = Connection(Role + Meta() + item + string.Concat(Items[1..]) + Meta() + new string('x', 200_000), 10_000);
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => connection.ReadAsync(batch, [0], CancellationToken.None));
        Assert.Equal(StoreFault.Damaged, e.Fault);
        AssertUnanswered(connection, batch);
    }

    [Fact]
    public async Task Answer_ErrorForOneItem_IsAFaultOfThatItem()
    {
        var batch = Batch();
        using var connection = Connection(Whole.Replace(Items[1], "-WRONGTYPE of 10.0.0.1\r\n", StringComparison.Ordinal), 3);
        await connection.ReadAsync(batch, [0], CancellationToken.None);
        Assert.True(connection.IsUsable);
        Assert.Equal([null, StoreFault.Damaged, null], Enumerable.Range(0, 3).Select(item => batch.Fault(item)?.Fault));
        Assert.DoesNotContain("10.0", batch.Fault(1)!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-LOADING Redis is loading\r\n", StoreFault.Unreachable)]
    [InlineData("*2\r\n$-1\r\n$-1\r\n", StoreFault.NotInitialised)]
    [InlineData("*2\r\n$16\r\n00000000000000bb\r\n$1\r\n9\r\n", StoreFault.ForeignEpoch)]
    [InlineData("*2\r\n$7\r\nloading\r\n$1\r\n9\r\n", StoreFault.Loading)]
    [InlineData("*2\r\n$16\r\n00000000000000aa\r\n$-1\r\n", StoreFault.Damaged)]
    [InlineData("*2\r\n$16\r\n00000000000000aa\r\n$2\r\n9x\r\n", StoreFault.Damaged)]
    [InlineData("*2\r\n$16\r\n00000000000000aa\r\n$1\r\n6\r\n", StoreFault.RolledBack)]
    public async Task Meta_BeforeOrBehind_ThatIsWrong_IsAFaultOfEveryItem(string meta, StoreFault fault)
    {
        foreach (var answer in new[] { Role + meta + string.Concat(Items) + Meta(9), Role + Meta(9) + string.Concat(Items) + meta })
        {
            var batch = Batch();
            var partitions = new PartitionStates(1);
            partitions.RecordVersion(0, 7, 0);
            using var connection = Connection(answer, 1_000, partitions);
            await connection.ReadAsync(batch, [0], CancellationToken.None);
            Assert.All(Enumerable.Range(0, 3), item => Assert.Equal(fault, batch.Fault(item)?.Fault));
            Assert.All(Enumerable.Range(0, 3), item => Assert.Throws<InvalidOperationException>(() => batch.Value(item, 0)));
        }
    }

    [Fact]
    public async Task Role_NotPrimary_IsRefused()
    {
        var batch = Batch();
        using var connection = Connection(Whole.Replace("$28\r\n# Replication\r\nrole:master", "$27\r\n# Replication\r\nrole:slave", StringComparison.Ordinal), 1_000);
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => connection.ReadAsync(batch, [0], CancellationToken.None));
        Assert.Equal(StoreFault.ReadOnlyReplica, e.Fault);
        AssertUnanswered(connection, batch);
    }

    [Fact]
    public async Task Server_FallsSilent_IsATimeout()
    {
        var batch = Batch();
        using var connection = Connection(Whole[..^5], 1_000, closes: false);
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => connection.ReadAsync(batch, [0], CancellationToken.None));
        Assert.Equal(StoreFault.Timeout, e.Fault);
        AssertUnanswered(connection, batch);
    }

    [Fact]
    public async Task Caller_GivesUp_EndsTheReadAndTheConnection()
    {
        var batch = Batch();
        using var connection = Connection(Whole[..^5], 1_000, closes: false, limitMs: 60_000);
        using var caller = new CancellationTokenSource();
        var reading = connection.ReadAsync(batch, [0], caller.Token);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        AssertUnanswered(connection, batch);
    }

    private static void AssertUnanswered(BatchConnection connection, ReadBatch batch)
    {
        Assert.False(connection.IsUsable);
        for (var item = 0; item < batch.Count; item++)
        {
            Assert.Throws<InvalidOperationException>(() => batch.Value(item, 0));
            Assert.Throws<InvalidOperationException>(() => batch.Fault(item));
        }
    }

    private static ReadBatch Batch()
    {
        var batch = new ReadBatch();
        for (var i = 0; i < 3; i++)
        {
            batch.Add(Sample.Key(i), [Sample.ObjectionId("one"), Sample.ObjectionId("two")]);
        }

        batch.StartRead(1);
        return batch;
    }

    private static string?[] Values(ReadBatch batch) =>
        [
            .. from item in Enumerable.Range(0, batch.Count)
               from index in Enumerable.Range(0, 2)
               let value = batch.Value(item, index)
               select value.IsNull ? null : Encoding.ASCII.GetString(value.Span),
        ];

    private static BatchConnection Connection(
        string answer, int piece, PartitionStates? partitions = null, bool closes = true, int limitMs = 50) =>
        new(
            new ScriptedStream(Encoding.ASCII.GetBytes(answer), piece, closes),
            partitions ?? new PartitionStates(1),
            KeyRotationState.Fixed(Epoch),
            TimeProvider.System,
            TimeSpan.FromMilliseconds(closes ? 60_000 : limitMs));

    /// <summary>Takes whatever is written and answers what it was given, a piece at a time.</summary>
    private sealed class ScriptedStream(byte[] answer, int piece, bool closes) : MemoryStream
    {
        private int _at;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.CompletedTask;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var length = Math.Min(Math.Min(piece, buffer.Length), answer.Length - _at);
            if (length == 0 && !closes)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            answer.AsMemory(_at, length).CopyTo(buffer);
            _at += length;
            return length;
        }
    }
}
