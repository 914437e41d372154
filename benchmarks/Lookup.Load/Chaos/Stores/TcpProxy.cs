using System.Net;
using System.Net.Sockets;

namespace Lookup.Load.Chaos.Stores;

/// <summary>Stands between an instance and a redis-server, and delays, holds or breaks what goes through.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private const int BufferSize = 16 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private IPEndPoint _target;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Socket> _open = [];
    private readonly Task _accepting;
    private TaskCompletionSource? _held;
    private bool _refuses;
    private Slowness _slowness = new(0);

    internal TcpProxy(int targetPort)
    {
        _target = new IPEndPoint(IPAddress.Loopback, targetPort);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>
    /// Answers arrive later, 0 to 10,000 ms, on one connection in two, drawn anew each time, so that one overtakes another;
    /// requests do by a small share of it.
    /// </summary>
    internal void Delay(int milliseconds) => Volatile.Write(ref _slowness, new Slowness(milliseconds));

    /// <summary>Nothing arrives any more; the connections stay.</summary>
    internal void Hold()
    {
        lock (_lock)
        {
            _held ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Breaks all connections, and those that are made from now on.</summary>
    internal void Refuse()
    {
        lock (_lock)
        {
            _refuses = true;
            foreach (var socket in _open)
            {
                socket.Close();
            }
        }
    }

    /// <summary>Breaks all connections; new ones go to another server.</summary>
    internal void Redirect(int port)
    {
        lock (_lock)
        {
            _target = new IPEndPoint(IPAddress.Loopback, port);
            foreach (var socket in _open)
            {
                socket.Close();
            }
        }
    }

    /// <summary>Lets everything through, also what was held.</summary>
    internal void Heal()
    {
        lock (_lock)
        {
            _held?.SetResult();
            _held = null;
            _refuses = false;
            _slowness = new Slowness(0);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Heal();
        Refuse();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stop.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It ends.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        try
        {
            using (client)
            {
                lock (_lock)
                {
                    if (_refuses)
                    {
                        return;
                    }

                    _open.Add(client);
                    _open.Add(server);
                }

                await GateAsync(Volatile.Read(ref _slowness).Milliseconds);
                await server.ConnectAsync(_target, _stop.Token);
                // Where one way ends, both do.
                await await Task.WhenAny(PumpAsync(client, server, () => Random.Shared.NextDouble() / 8), PumpAsync(server, client, () => Random.Shared.Next(2)));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Either side went away.
        }
        finally
        {
            lock (_lock)
            {
                _open.Remove(client);
                _open.Remove(server);
            }
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Func<double> draw)
    {
        try
        {
            Slowness? drawnFor = null;
            var delay = 0;
            var buffer = new byte[BufferSize];
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var count)
            {
                if (Volatile.Read(ref _slowness) is var now && now != drawnFor)
                {
                    (drawnFor, delay) = (now, (int)(now.Milliseconds * draw()));
                }

                await GateAsync(delay);
                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), _stop.Token);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Either side went away.
        }
    }

    private async Task GateAsync(int delayMs)
    {
        Task? held;
        lock (_lock)
        {
            held = _held?.Task;
        }

        if (held is not null)
        {
            await held.WaitAsync(_stop.Token);
        }

        if (delayMs > 0)
        {
            await Task.Delay(delayMs, _stop.Token);
        }
    }

    private sealed class Slowness(int milliseconds)
    {
        internal int Milliseconds => milliseconds;
    }
}
