using System.Net.Sockets;
using Lookup.Embedded.Engine;
using Microsoft.Extensions.Logging;

namespace Lookup.Embedded.Protocol;

/// <summary>Speaks Redis' protocol on a socket that only this user can open, with a password that only this process knows.</summary>
internal sealed class RespServer : IAsyncDisposable
{
    private const int Backlog = 128;
    private readonly Socket _listener;
    private readonly StoreEngine _engine;
    private readonly ServerState _state;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<Task> _sessions = [];
    private readonly Task _accepting;

    private RespServer(Socket listener, StoreEngine engine, string password, ILogger log)
    {
        (_listener, _engine, _log) = (listener, engine, log);
        _state = new ServerState(engine, password);
        _accepting = AcceptAsync();
    }

    /// <summary>Starts to listen.</summary>
    /// <param name="socket">Path of the socket, in a folder that only this user can enter.</param>
    /// <param name="engine">The values; the caller disposes them after the server.</param>
    /// <param name="password">The password that clients must send.</param>
    /// <param name="log">Receives errors.</param>
    internal static RespServer Start(string socket, StoreEngine engine, string password, ILogger log)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // The remains of a process that was killed.
            File.Delete(socket);
            listener.Bind(new UnixDomainSocketEndPoint(socket));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(socket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            listener.Listen(Backlog);
            return new RespServer(listener, engine, password, log);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        Task[] sessions;
        lock (_sessions)
        {
            sessions = [.. _sessions];
        }

        await Task.WhenAll(sessions);
        _state.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        await Task.Yield();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var socket = await _listener.AcceptAsync(_stop.Token);
                var session = RunAsync(socket);
                lock (_sessions)
                {
                    _sessions.Add(session);
                }

                _ = session.ContinueWith(Ended, TaskScheduler.Default);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                // Too many files may be open: retry, since others may be closed.
                EngineLog.NotAccepted(_log, e.Message);
                await Task.Delay(100, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Ended(Task session)
    {
        lock (_sessions)
        {
            _sessions.Remove(session);
        }
    }

    private async Task RunAsync(Socket socket)
    {
        await Task.Yield();
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            await new RespSession(stream, _engine, _state).RunAsync(_stop.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client closed the connection, or the store is closing.
        }
        catch (Exception e)
        {
            EngineLog.SessionFailed(_log, e);
        }
    }
}
