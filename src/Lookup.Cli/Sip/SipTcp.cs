using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Lookup.Cli.Sip;

/// <summary>Receives SIP over TCP: messages one after another, each with its Content-Length.</summary>
internal sealed class SipTcp : IAsyncDisposable
{
    /// <summary>Maximum open connections of one address.</summary>
    public const int MaxPerPeer = 64;

    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(50);

    private readonly Socket _listener;
    private readonly SipGate _gate;
    private readonly TimeSpan _messageTime;
    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private readonly ConcurrentDictionary<IPAddress, int> _open = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    private SipTcp(Socket listener, SipGate gate, TimeSpan messageTime)
    {
        _listener = listener;
        _gate = gate;
        _messageTime = messageTime;
        _loop = AcceptAsync();
    }

    /// <summary>Starts to listen.</summary>
    /// <param name="listen">Address and port.</param>
    /// <param name="gate">Answers the requests.</param>
    /// <param name="messageTime">Time limit from the first byte of a message to its last.</param>
    /// <exception cref="SocketException">The address is in use or not of this machine.</exception>
    public static SipTcp Start(IPEndPoint listen, SipGate gate, TimeSpan messageTime)
    {
        var socket = new Socket(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // ReuseAddress would let a second gate share the port and take some of the calls.
            socket.Bind(listen);
            socket.Listen(512);
            return new SipTcp(socket, gate, messageTime);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _listener.Dispose();
        await Task.WhenAll(_connections.Keys);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                var socket = await _listener.AcceptAsync(_stop.Token);
                var source = (IPEndPoint)socket.RemoteEndPoint!;
                if (!_gate.IsPeer(source.Address) || _open.AddOrUpdate(source.Address, 1, (_, count) => count + 1) > MaxPerPeer)
                {
                    Leave(source);
                    _gate.Tally.AddRefused();
                    socket.Dispose();
                    continue;
                }

                var connection = Task.Run(() => ServeAsync(socket, source));
                _connections[connection] = true;
                _ = connection.ContinueWith(done => _connections.TryRemove(done, out _), TaskScheduler.Default);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // No file descriptor is left, or the connection is already gone.
                await Task.Delay(AcceptPause);
            }
        }
    }

    private void Leave(IPEndPoint source)
    {
        if (_open.AddOrUpdate(source.Address, 0, (_, count) => count - 1) <= 0)
        {
            _open.TryRemove(KeyValuePair.Create(source.Address, 0));
        }
    }

    private async Task ServeAsync(Socket socket, IPEndPoint source)
    {
        try
        {
            socket.NoDelay = true;
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            using var connection = new SipTcpConnection(stream, _messageTime, _stop.Token);
            while (await connection.ReadAsync() is { } request)
            {
                _ = _gate.HandleAsync(request, source, connection);
            }
        }
        catch (InvalidDataException)
        {
            // Where a message ends is not known any more.
            _gate.Tally.AddMalformed();
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The other side closed the connection, was too slow, or the gate stops.
        }
        finally
        {
            socket.Dispose();
            Leave(source);
        }
    }
}
