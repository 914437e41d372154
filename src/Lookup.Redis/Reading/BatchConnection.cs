// For: reading thousands of timelines in a fraction of a microsecond each.
//
// A general client allocates an object per command to deliver its answer. Here commands are framed one after another into a
// buffer that is sent whenever it is full, while the answers are read in the same order into the batch; neither side waits for
// the other.
//
//   [INFO replication]  then for each piece of a partition:  HMGET meta e v, HMGET of each item, HMGET meta e v
//
// Where fences are needed, the first HMGET of the meta also reads the stamp (see Fences). The version before the items is a lower
// bound of their freshness; the epoch after them proves that the store was still the same. So the items of a piece count as
// answered only after its last answer. Whatever is cut off, late or out of step leaves them unanswered, and the connection is not
// used again.
using System.Buffers.Text;
using System.Text;
using Lookup.Core.Clocks;
using Lookup.Redis.Following;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Reading;

/// <summary>A connection that reads one batch at a time.</summary>
internal sealed class BatchConnection : IDisposable
{
    private const int SendSize = 64 * 1024;

    // Longest command: the ids of an item, each 21 bytes plus its frame.
    private const int MaxCommand = 64 + (ReadBatch.MaxIds * 32);

    // Longest answer; the answer to an item with the maximum number of ids has 77 kB.
    private const int ReceiveSize = 128 * 1024;

    private static readonly TimeSpan RoleEvery = TimeSpan.FromSeconds(1);

    private readonly Stream _stream;
    private readonly PartitionStates _partitions;
    private readonly KeyRotationState _keys;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _limit;
    private readonly CancellationTokenSource _stop;
    private readonly Fences? _fences;
    private readonly byte[] _fields;
    private readonly ulong[] _floors;
    private readonly RespBuffer _send = new(SendSize);
    private readonly byte[] _receive = new byte[ReceiveSize];
    private int _start;
    private int _end;
    private long? _roleAsked;
    private string _history = "";

    // The position of the reader.
    private ChunkCursor _chunk;
    private bool _awaitsRole;
    private int _next;
    private ulong _version;
    private long _begun;
    private Proof _proof;
    private StoreUnavailableException? _fault;

    internal BatchConnection(Stream stream, PartitionStates partitions, KeyRotationState keys, TimeProvider clock, TimeSpan limit, Fences? fences = null)
    {
        _stream = stream;
        _partitions = partitions;
        _keys = keys;
        _clock = clock;
        _limit = limit;
        _fences = fences;
        _fields = fences is null
            ? "$1\r\ne\r\n$1\r\nv\r\n"u8.ToArray()
            : Encoding.ASCII.GetBytes($"$1\r\ne\r\n$1\r\nv\r\n${fences.Field.Length}\r\n{fences.Field}\r\n");
        _stop = new CancellationTokenSource(Timeout.InfiniteTimeSpan, BootTimeClock.TimersOf(clock));
        _floors = new ulong[partitions.Count];
    }

    /// <summary>True if the connection can read another batch.</summary>
    internal bool IsUsable { get; private set; } = true;

    /// <summary>True if the server sent anything during the last read.</summary>
    internal bool HasHeard { get; private set; }

    /// <summary>
    /// Reads the items of some partitions of a batch; other connections may read other partitions concurrently. After an
    /// exception the connection is unusable.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store did not answer, or must not be used.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    internal async Task ReadAsync(ReadBatch batch, int[] own, CancellationToken cancellation)
    {
        HasHeard = false;
        _begun = _clock.GetTimestamp();
        foreach (var p in own)
        {
            _floors[p] = _partitions.Floor(p);
        }

        IsUsable = false;
        _awaitsRole = _roleAsked is not { } asked || _clock.GetElapsedTime(asked) >= RoleEvery;
        _chunk = new ChunkCursor(own);
        var more = NextChunk(batch);
        Progress();
        using var callerStops = cancellation.UnsafeRegister(static stop => ((CancellationTokenSource)stop!).Cancel(), _stop);
        var sending = SendAsync(batch, own, _awaitsRole);
        try
        {
            if (_awaitsRole)
            {
                var now = _clock.GetTimestamp();
                while (!ParseRole())
                {
                    await FillAsync();
                }

                _roleAsked = now;
            }

            while (more)
            {
                if (ParseChunk(batch))
                {
                    more = NextChunk(batch);
                    Progress();
                }
                else
                {
                    await FillAsync();
                }
            }

            await sending;
            if (_start != _end)
            {
                // Out of step: any of the answers may belong to another command.
                batch.RestartRead(own);
                throw RedisFaults.Damaged();
            }

            IsUsable = _stop.TryReset();
        }
        catch (Exception e)
        {
            // The sender reads the batch, which belongs to the caller again after this.
            await _stop.CancelAsync();
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();
            throw e is OperationCanceledException ? RedisFaults.Timeout(e) : RedisFaults.Map(e);
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _stop.Dispose();
    }

    private void Progress() => _stop.CancelAfter(_limit);

    private bool NextChunk(ReadBatch batch)
    {
        _next = -1;
        _fault = null;
        return _chunk.MoveNext(batch);
    }

    private async Task SendAsync(ReadBatch batch, int[] own, bool asksRole)
    {
        _send.Clear();
        if (asksRole)
        {
            _send.Append("*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"u8);
        }

        var chunk = new ChunkCursor(own);
        while (chunk.MoveNext(batch))
        {
            for (var next = -1; next <= chunk.Count; next++)
            {
                if (next < 0 || next == chunk.Count)
                {
                    AppendMeta(chunk.Partition);
                }
                else
                {
                    AppendItem(batch, chunk.Partition, batch.Items(chunk.Partition)[chunk.First + next]);
                }

                if (_send.Free < MaxCommand)
                {
                    await _stream.WriteAsync(_send.Written, _stop.Token);
                    _send.Clear();
                }
            }
        }

        if (_send.Length > 0)
        {
            await _stream.WriteAsync(_send.Written, _stop.Token);
        }
    }

    private void AppendMeta(int partition)
    {
        _send.AppendCommand(_fences is null ? 4 : 5);
        _send.Append("$5\r\nHMGET\r\n"u8);
        Keys.WriteMeta(partition, _send.AppendBulk(Keys.MetaSize));
        _send.Append(_fields);
    }

    private void AppendItem(ReadBatch batch, int partition, int item)
    {
        var ids = batch.Ids(item);
        if (ids.IsEmpty)
        {
            return;
        }

        var key = batch.Key(item);
        _send.AppendCommand(2 + ids.Length);
        _send.Append("$5\r\nHMGET\r\n"u8);
        Keys.WriteBucket(partition, key.Bucket, _send.AppendBulk(Keys.BucketSize));
        foreach (var id in ids)
        {
            Keys.WriteField(key, id, _send.AppendBulk(Keys.FieldSize));
        }
    }

    private async ValueTask FillAsync()
    {
        if (_start > 0)
        {
            _receive.AsSpan(_start.._end).CopyTo(_receive);
            _end -= _start;
            _start = 0;
        }

        if (_end == _receive.Length)
        {
            throw RedisFaults.Damaged();
        }

        var read = await _stream.ReadAsync(_receive.AsMemory(_end), _stop.Token);
        if (read == 0)
        {
            throw new IOException("Closed.");
        }

        HasHeard = true;
        _end += read;
    }

    private bool ParseRole()
    {
        var cursor = new RespCursor(_receive.AsSpan(_start.._end));
        if (!cursor.TryError(out var error))
        {
            return false;
        }

        if (error is not null)
        {
            throw error;
        }

        if (!cursor.TryBulk(out var info, out _))
        {
            return false;
        }

        if (info.IndexOf("role:master\r"u8) < 0)
        {
            throw RedisFaults.Replica();
        }

        _history = HistoryIn(info);
        _start += cursor.Position;
        return true;
    }

    private static string HistoryIn(ReadOnlySpan<byte> info)
    {
        var name = "master_replid:"u8;
        var at = info.IndexOf(name);
        if (at < 0)
        {
            return "";
        }

        var rest = info[(at + name.Length)..];
        var end = rest.IndexOf((byte)'\r');
        return end < 0 ? "" : Encoding.ASCII.GetString(rest[..end]);
    }

    // Returns false if the rest of the piece has not arrived yet.
    private bool ParseChunk(ReadBatch batch)
    {
        // The values of all connections go to one buffer.
        lock (batch.Gate)
        {
            return ParseChunkAlone(batch);
        }
    }

    private bool ParseChunkAlone(ReadBatch batch)
    {
        var items = batch.Items(_chunk.Partition).Slice(_chunk.First, _chunk.Count);
        for (; _next <= items.Length; _next++)
        {
            var cursor = new RespCursor(_receive.AsSpan(_start.._end));
            var isWhole = _next < 0 || _next == items.Length
                ? TryMeta(ref cursor)
                : TryItem(batch, items[_next], ref cursor);
            if (!isWhole)
            {
                return false;
            }

            _start += cursor.Position;
        }

        foreach (var item in items)
        {
            if (_fault is not null)
            {
                batch.SetFault(item, _fault);
            }
            else if (!batch.HasFault(item))
            {
                batch.SetAnswered(item, _proof.Version, _proof.AsOf);
            }
        }

        return true;
    }

    private static bool TryItem(ReadBatch batch, int item, ref RespCursor cursor)
    {
        var count = batch.Ids(item).Length;
        if (count == 0)
        {
            return true;
        }

        if (!cursor.TryArray(count, out var error))
        {
            return false;
        }

        if (error is not null)
        {
            batch.SetFault(item, error);
            return true;
        }

        var used = batch.Used;
        for (var i = 0; i < count; i++)
        {
            if (!cursor.TryBulk(out var value, out var isNull))
            {
                // The whole answer is parsed again when more of it has arrived.
                batch.Used = used;
                return false;
            }

            if (isNull)
            {
                batch.SetAbsent(item, i);
            }
            else
            {
                batch.SetValue(item, i, value);
            }
        }

        return true;
    }

    private bool TryMeta(ref RespCursor cursor)
    {
        if (!cursor.TryArray(_fences is null ? 2 : 3, out var error))
        {
            return false;
        }

        if (error is not null)
        {
            _fault ??= error;
            return true;
        }

        ReadOnlySpan<byte> stamps = default;
        if (!cursor.TryBulk(out var epoch, out var hasNoEpoch) || !cursor.TryBulk(out var version, out _)
            || (_fences is not null && !cursor.TryBulk(out stamps, out _)))
        {
            return false;
        }

        if (_fault is not null)
        {
            return true;
        }

        try
        {
            if (hasNoEpoch || !_keys.Current.Accepts(epoch))
            {
                throw RedisFaults.Epoch(hasNoEpoch ? default : (StackExchange.Redis.RedisValue)epoch.ToArray());
            }

            if (!Utf8Parser.TryParse(version, out ulong number, out var length) || length != version.Length || length == 0)
            {
                throw RedisFaults.Damaged();
            }
            // Another server took over, or this one restarted: the follower must first verify that nothing is lost.
            if (_fences is null && _partitions.History(_chunk.Partition).Name is { Length: > 0 } followed && followed != _history)
            {
                throw RedisFaults.Changed();
            }

            _partitions.RecordVersion(_chunk.Partition, number, _next < 0 ? _floors[_chunk.Partition] : _version);
            if (_next < 0)
            {
                _version = number;
                _proof = _fences is null ? new Proof(_begun, number) : _fences.GetProof(_chunk.Partition, stamps);
            }
        }
        catch (StoreUnavailableException e)
        {
            _fault = e;
        }

        return true;
    }
}
