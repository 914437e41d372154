using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Following;

/// <summary>Raises fences on one server, in rounds, over a separate connection, which WAIT blocks.</summary>
internal sealed class ServerFence : IDisposable
{
    // INFO replication is the longest answer: a line per replica.
    private const int ReceiveSize = 256 * 1024;

    // The words and numbers of one command.
    private const int CommandSize = 384;

    private readonly Fences _fences;
    private readonly ServerLink _server;
    private readonly RedisTopology _link;
    private readonly Rounds<int, string> _rounds;
    private readonly ReusableConnection _stream;
    private readonly HashSet<int> _swept = [];
    private readonly byte[] _receive = new byte[ReceiveSize];
    private byte[] _script = [];
    private int _start;
    private int _end;

    internal ServerFence(Fences fences, ServerLink server, RedisTopology link)
    {
        (_fences, _server, _link) = (fences, server, link);
        _rounds = new Rounds<int, string>(RoundAsync);
        _stream = new ReusableConnection(stop => RedisConnector.ConnectAsync(link.Options, server.Server, link.Clock, stop));
    }

    /// <summary>Raises the fence of partitions that the server has.</summary>
    /// <returns>The server's replication history. The stamps are then confirmed.</returns>
    /// <exception cref="StoreUnavailableException">Too few replicas confirm it, or the server cannot be reached.</exception>
    internal Task<string> RaiseAsync(int[] places, CancellationToken cancellation) => _rounds.JoinAsync(places, cancellation);

    public void Dispose() => _stream.Dispose();

    private async Task<string> RoundAsync(IReadOnlyCollection<int> places)
    {
        try
        {
            return await RaiseAsync([.. places]);
        }
        catch (Exception e)
        {
            _stream.Drop();
            throw RedisFaults.Map(e is OperationCanceledException ? RedisFaults.Timeout(e) : e);
        }
    }

    private async Task<string> RaiseAsync(int[] places)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(_link.Options.ReadTimeoutMs), _link.Clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _server.Circuit.EnterWrite());
        var stream = _stream.Current ?? await OpenAsync(stop.Token);
        var stamp = _fences.Next();
        await stream.WriteAsync(Frame(places, stamp), stop.Token);
        var versions = new ulong[places.Length];
        for (var i = 0; i < places.Length; i++)
        {
            versions[i] = await NextAsync<ulong>(Version, stop.Token);
        }

        var (history, replicas) = await NextAsync<(string, int)>(Replication, stop.Token);
        // WAIT would use its whole time limit to report the same.
        if (replicas < _link.Options.WaitReplicas)
        {
            throw StoreUnavailableException.Unconfirmed();
        }

        await stream.WriteAsync(Wait(), stop.Token);
        if (await NextAsync<int>(Count, stop.Token) < _link.Options.WaitReplicas)
        {
            throw StoreUnavailableException.Unconfirmed();
        }

        await _link.ConfirmAsync(_server.Server, stop.Token);
        for (var i = 0; i < places.Length; i++)
        {
            _fences.Confirm(places[i], stamp, versions[i]);
        }

        _swept.UnionWith(places);
        return history;
    }

    private async Task<Stream> OpenAsync(CancellationToken cancellation)
    {
        var stream = await _stream.OpenAsync(cancellation);
        (_start, _end) = (0, 0);
        var load = new RespBuffer(64 + Script.Fence.Length);
        load.AppendCommand(3);
        load.AppendBulk("SCRIPT"u8);
        load.AppendBulk("LOAD"u8);
        load.AppendBulk(Encoding.UTF8.GetBytes(Script.Fence));
        await stream.WriteAsync(load.Written, cancellation);
        _script = await NextAsync<byte[]>(Bytes, cancellation);
        return stream;
    }

    private ReadOnlyMemory<byte> Frame(int[] places, long stamp)
    {
        var frame = new RespBuffer(CommandSize * (places.Length + 2));
        var seconds = _link.Clock.GetUtcNow().ToUnixTimeSeconds();
        foreach (var place in places)
        {
            var isShared = place == Keys.Shared;
            frame.AppendCommand(11);
            frame.AppendBulk("EVALSHA"u8);
            frame.AppendBulk(_script);
            frame.AppendBulk("1"u8);
            frame.AppendBulk((isShared ? (byte[])Keys.Manifest! : Keys.Meta(place))!);
            Text(isShared ? "epoch" : "e");
            Text(isShared ? _fences.Epoch : (string)_fences.KeyRotationState.AcceptedEpochs!);
            Text(isShared ? "registry" : "v");
            Text(_fences.Field);
            Number(stamp);
            Number(seconds);
            Text(_swept.Contains(place) ? "0" : "1");
        }

        frame.AppendCommand(2);
        frame.AppendBulk("INFO"u8);
        frame.AppendBulk("replication"u8);
        return frame.Written;

        void Text(string word) => Encoding.ASCII.GetBytes(word, frame.AppendBulk(word.Length));

        void Number(long number) => Text(number.ToString(CultureInfo.InvariantCulture));
    }

    // WAIT counts the replicas of this server for the writes on this connection.
    private ReadOnlyMemory<byte> Wait()
    {
        var frame = new RespBuffer(CommandSize);
        frame.AppendCommand(3);
        frame.AppendBulk("WAIT"u8);
        foreach (var number in (ReadOnlySpan<int>)[_link.Options.WaitReplicas, Math.Max(1, _link.Options.ReadTimeoutMs / 2)])
        {
            frame.AppendBulk(Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
        }

        return frame.Written;
    }

    private delegate bool Parser<T>(ref RespCursor cursor, out T value);

    private async ValueTask<T> NextAsync<T>(Parser<T> parse, CancellationToken cancellation)
    {
        while (true)
        {
            if (Try(out var value))
            {
                return value;
            }

            if (_start > 0)
            {
                _receive.AsSpan(_start.._end).CopyTo(_receive);
                (_start, _end) = (0, _end - _start);
            }

            if (_end == _receive.Length)
            {
                throw RedisFaults.Damaged();
            }

            var read = await _stream.Current!.ReadAsync(_receive.AsMemory(_end), cancellation);
            if (read == 0)
            {
                throw new IOException("Closed.");
            }

            _end += read;
        }

        bool Try(out T value)
        {
            var cursor = new RespCursor(_receive.AsSpan(_start.._end));
            value = default!;
            if (!cursor.TryError(out var error))
            {
                return false;
            }

            if (error is not null)
            {
                throw error;
            }

            if (!parse(ref cursor, out value))
            {
                return false;
            }

            _start += cursor.Position;
            return true;
        }
    }

    private static bool Version(ref RespCursor cursor, out ulong version)
    {
        version = 0;
        if (!cursor.TryBulk(out var text, out var isNull))
        {
            return false;
        }

        if (isNull)
        {
            throw RedisFaults.NotInitialised();
        }

        return Utf8Parser.TryParse(text, out version, out var length) && length == text.Length ? true : throw RedisFaults.Damaged();
    }

    private static bool Replication(ref RespCursor cursor, out (string History, int Replicas) replication)
    {
        replication = default;
        if (!cursor.TryBulk(out var text, out _))
        {
            return false;
        }

        var info = RedisServerCheck.Parse(Encoding.UTF8.GetString(text));
        replication = (
            RedisFeed.History(info),
            int.TryParse(info.GetValueOrDefault("connected_slaves"), CultureInfo.InvariantCulture, out var replicas) ? replicas : 0);
        return true;
    }

    private static bool Bytes(ref RespCursor cursor, out byte[] bytes)
    {
        var isThere = cursor.TryBulk(out var text, out _);
        bytes = text.ToArray();
        return isThere;
    }

    private static bool Count(ref RespCursor cursor, out int count) => cursor.TryInteger(out count);
}
