using System.Net;
using System.Net.Sockets;

namespace Lookup.Testing.Store;

/// <summary>
/// Stands in front of a server as a name does: connections that are made go to whichever server it leads to then, and stay there.
/// What servers say can be changed on the way.
/// </summary>
internal sealed class TestProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private readonly (byte[] Said, byte[] Instead)[] _changes;
    private volatile int _target;
    private volatile TaskCompletionSource? _frozen;

    /// <param name="target">Port of the server.</param>
    /// <param name="changes">Words of the server, and what arrives instead; as long.</param>
    internal TestProxy(int target, params (string Said, string Instead)[] changes)
    {
        _changes = [.. changes.Select(change => (System.Text.Encoding.ASCII.GetBytes(change.Said), System.Text.Encoding.ASCII.GetBytes(change.Instead)))];
        Assert.All(_changes, change => Assert.Equal(change.Said.Length, change.Instead.Length));
        _target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>From now on connections that are made go to another server.</summary>
    internal void LeadTo(int target) => _target = target;

    /// <summary>Holds up what either side says, without ending a connection.</summary>
    internal void Freeze() => _frozen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Passes on what was held up, and what follows.</summary>
    internal void Thaw()
    {
        _frozen?.TrySetResult();
        _frozen = null;
    }

    public async ValueTask DisposeAsync()
    {
        Thaw();
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptSocketAsync(_stop.Token));
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
                await server.ConnectAsync(IPAddress.Loopback, _target, _stop.Token);
                await Task.WhenAny(PumpAsync(client, server, []), PumpAsync(server, client, _changes));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Either side went away.
        }
    }

    private async Task PumpAsync(Socket from, Socket to, (byte[] Said, byte[] Instead)[] changes)
    {
        try
        {
            var buffer = new byte[256 * 1024];
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var count)
            {
                foreach (var (said, instead) in changes)
                {
                    // What servers say of themselves comes in one piece on a loopback.
                    while (buffer.AsSpan(0, count).IndexOf(said) is >= 0 and var at)
                    {
                        instead.CopyTo(buffer, at);
                    }
                }

                if (_frozen is { } frozen)
                {
                    await frozen.Task;
                }

                await to.SendAsync(buffer.AsMemory(0, count), _stop.Token);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Either side went away.
        }
    }
}
