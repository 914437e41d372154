// For: writing hash fields as fast as one connection accepts them.
//
// A general client allocates an object per command to deliver its answer. Here all answers must be the same (one new field),
// so it is enough to count them; commands are framed into large buffers that one task sends while another reads. The socket
// and a few buffers bound the data in flight.
using System.Net;
using System.Text;
using System.Threading.Channels;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Imports;

/// <summary>A connection for pipelined HSETs of fields that must be new. One caller at a time.</summary>
internal sealed class LoadConnection : IAsyncDisposable
{
    private const int BufferSize = 256 * 1024;
    private const int MaxCommand = 16 * 1024;
    private const int BuffersOnTheWay = 4;

    private readonly Stream _stream;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<ReadOnlyMemory<byte>> _full = Channel.CreateBounded<ReadOnlyMemory<byte>>(BuffersOnTheWay);

    private readonly RespBuffer _buffer = new(BufferSize);
    private int _commands;
    private long _sent;
    private long _answered;
    private Task _sending = Task.CompletedTask;
    private Task _reading = Task.CompletedTask;
    private TaskCompletionSource? _idle;

    private LoadConnection(Stream stream) => _stream = stream;

    internal static async Task<LoadConnection> ConnectAsync(
        StoreOptions options, EndPoint server, TimeProvider clock, CancellationToken cancellation)
    {
        var connection = new LoadConnection(await RedisConnector.ConnectAsync(options, server, clock, cancellation));
        connection._sending = Task.Run(connection.SendAsync, CancellationToken.None);
        connection._reading = Task.Run(connection.ReadAsync, CancellationToken.None);
        return connection;
    }

    /// <summary>Sets a field that must be new. Completes synchronously unless the server is behind.</summary>
    internal ValueTask SetAsync(ReadOnlySpan<byte> key, ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length + field.Length + value.Length + 64, MaxCommand, nameof(value));
        _buffer.Append("*4\r\n$4\r\nHSET\r\n"u8);
        _buffer.AppendBulk(key);
        _buffer.AppendBulk(field);
        _buffer.AppendBulk(value);
        _commands++;
        return _buffer.Free < MaxCommand ? FlushAsync() : ValueTask.CompletedTask;
    }

    /// <summary>Waits until everything set is stored.</summary>
    internal async Task DrainAsync(CancellationToken cancellation)
    {
        if (_commands > 0)
        {
            await FlushAsync();
        }

        var idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _idle, idle);
        if (Interlocked.Read(ref _answered) == Interlocked.Read(ref _sent))
        {
            idle.TrySetResult();
        }

        await Task.WhenAny(idle.Task, _reading, _sending).WaitAsync(cancellation);
        if (!idle.Task.IsCompleted)
        {
            await BothEndedAsync();
            throw RedisFaults.Map(new IOException());
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _full.Writer.TryComplete();
        await _stream.DisposeAsync();
        try
        {
            await Task.WhenAll(_sending, _reading);
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
        {
            // The caller that waited for the answers has the exception.
        }

        _stop.Dispose();
    }

    private async ValueTask FlushAsync()
    {
        if (_reading.IsCompleted || _sending.IsCompleted)
        {
            await BothEndedAsync();
        }

        Interlocked.Add(ref _sent, _commands);
        try
        {
            await _full.Writer.WriteAsync(_buffer.Detach(), _stop.Token);
        }
        catch (OperationCanceledException)
        {
            await BothEndedAsync();
            throw;
        }

        _commands = 0;
    }

    // The task that fails cancels the other; the failure is thrown, not the cancellation.
    private Task BothEndedAsync() => Task.WhenAll(_reading, _sending);

    private async Task SendAsync()
    {
        try
        {
            await foreach (var buffer in _full.Reader.ReadAllAsync(_stop.Token))
            {
                await _stream.WriteAsync(buffer, _stop.Token);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            await _stop.CancelAsync();
            throw RedisFaults.Map(e);
        }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        var kept = 0;
        try
        {
            while (true)
            {
                var read = await _stream.ReadAsync(buffer.AsMemory(kept), _stop.Token);
                if (read == 0)
                {
                    throw new IOException("Closed.");
                }

                kept = Count(buffer, kept + read);
                if (Volatile.Read(ref _idle) is { } idle && Interlocked.Read(ref _answered) == Interlocked.Read(ref _sent))
                {
                    idle.TrySetResult();
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or RedisServerException or StoreUnavailableException)
        {
            await _stop.CancelAsync();
            throw RedisFaults.Map(e);
        }
    }

    private int Count(byte[] buffer, int length)
    {
        var rest = buffer.AsSpan(0, length);
        long answers = 0;
        while (rest.IndexOf((byte)'\n') is var end and >= 0)
        {
            var line = rest[..end];
            if (!line.SequenceEqual(":1\r"u8))
            {
                Refuse(line);
            }

            answers++;
            rest = rest[(end + 1)..];
        }

        Interlocked.Add(ref _answered, answers);
        rest.CopyTo(buffer);
        return rest.Length;
    }

    private static void Refuse(ReadOnlySpan<byte> line) => throw (line[0] == (byte)'-'
        ? RedisFaults.Map(Encoding.ASCII.GetString(line[1..]).TrimEnd())
        : RedisFaults.Damaged());
}
