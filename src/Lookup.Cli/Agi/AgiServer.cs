using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Lookup.Cli.Gates;

namespace Lookup.Cli.Agi;

/// <summary>A FastAGI server. A connection that breaks the protocol, a limit or its time is closed; none stops the server.</summary>
internal sealed class AgiServer : IAsyncDisposable
{
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(50);

    private readonly Socket _listener;
    private readonly CallGate _gate;
    private readonly AgiLimits _limits;
    private readonly ConcurrentDictionary<Task, bool> _sessions = new();
    private readonly CancellationTokenSource _accepting = new();
    private readonly CancellationTokenSource _serving = new();
    private readonly Task _loop;
    private readonly PeerShares _open;

    private AgiServer(Socket listener, CallGate gate, AgiLimits limits)
    {
        _listener = listener;
        _gate = gate;
        _limits = limits;
        _open = new PeerShares(limits.Connections);
        EndPoint = (IPEndPoint)listener.LocalEndPoint!;
        _loop = AcceptAsync();
    }

    /// <summary>The address and port that the server listens on.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="SocketException">The address is in use or not of this machine.</exception>
    public static AgiServer Start(IPEndPoint listen, CallGate gate, AgiLimits limits)
    {
        var socket = new Socket(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // ReuseAddress would let a second gate share the port and take some of the calls.
            socket.Bind(listen);
            socket.Listen(512);
            return new AgiServer(socket, gate, limits);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Stops to accept, lets open sessions finish for a moment, then closes them.</summary>
    public async ValueTask DisposeAsync()
    {
        await _accepting.CancelAsync();
        _listener.Dispose();
        await _loop;
        var open = Task.WhenAll(_sessions.Keys);
        await Task.WhenAny(open, Task.Delay(DrainLimit));
        await _serving.CancelAsync();
        await open;
        _accepting.Dispose();
        _serving.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_accepting.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync(_accepting.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // No file descriptor is left, or the connection is already gone.
                await Task.Delay(AcceptPause);
                continue;
            }

            if (Admitted(client) is not { } address)
            {
                _gate.Tally.AddRefused();
                client.Dispose();
                continue;
            }

            var session = Task.Run(() => ServeAsync(client, address));
            _sessions[session] = true;
            _ = session.ContinueWith(done => _sessions.TryRemove(done, out _), TaskScheduler.Default);
        }
    }

    // Null: not a peer, or its share is used up. An admitted connection counts until ServeAsync ends.
    private IPAddress? Admitted(Socket client)
    {
        try
        {
            var address = GateRun.Plain(((IPEndPoint)client.RemoteEndPoint!).Address);
            return _limits.Admits(address) && _open.TryEnter(address) ? address : null;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private async Task ServeAsync(Socket client, IPAddress address)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_serving.Token);
        limit.CancelAfter(_limits.SessionTime);
        try
        {
            client.NoDelay = true;
            await using var stream = new NetworkStream(client, ownsSocket: true);
            await new AgiSession(stream, _gate).RunAsync(limit.Token);
        }
        catch (AgiFault)
        {
            _gate.Tally.AddMalformed();
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The call hung up, or the other side was too slow. LOOKUP_VERDICT is not ALLOW then.
            _gate.Tally.AddRefused();
        }
        finally
        {
            await limit.CancelAsync();
            client.Dispose();
            _open.Leave(address);
        }
    }
}
