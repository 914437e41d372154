// For: one connection. Commands are executed and answered in the order in which they arrive.
//
// Commands that arrive together are executed together: their reads see one moment, taken when the commands were read or after the
// last of their writes, and their writes are synced once, before any answer is sent. So an answer never reveals a write of this
// connection that could still be lost.
using Lookup.Embedded.Engine;
using RocksDbSharp;

namespace Lookup.Embedded.Protocol;

/// <summary>Reads commands from a connection and answers them.</summary>
internal sealed class RespSession(Stream stream, StoreEngine engine, ServerState state)
{
    // Answers that do not wait for a sync are sent when they reach this size in bytes.
    private const int SendSize = 128 * 1024;

    private readonly RespReader _reader = new(stream);
    private readonly RespReply _reply = new();
    private readonly Command _command = new();
    private readonly SnapshotView _view = engine.NewReader();
    private bool _isKnown;
    private bool _hasWritten;
    private bool _isEnding;

    /// <summary>Runs until the connection ends.</summary>
    internal async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (!_isEnding && await _reader.FillAsync(cancellation))
            {
                while (!_isEnding && TryExecute())
                {
                    if (_reply.Mark >= SendSize && !_hasWritten)
                    {
                        await SendAsync(cancellation);
                    }
                }

                _view.End();
                await SendAsync(cancellation);
            }
        }
        finally
        {
            _view.End();
        }
    }

    private async Task SendAsync(CancellationToken cancellation)
    {
        if (_hasWritten)
        {
            _hasWritten = false;
            try
            {
                await engine.SyncAsync();
            }
            catch (EngineFault)
            {
                // Each of the writes may be lost. Without an answer the client knows that the result is unknown.
                _isEnding = true;
                return;
            }
        }

        if (_reply.Mark > 0)
        {
            await stream.WriteAsync(_reply.Written, cancellation);
        }

        _reply.Clear();
    }

    private bool TryExecute()
    {
        var mark = _reply.Mark;
        try
        {
            if (!_reader.TryRead(_command))
            {
                return false;
            }
        }
        catch (CommandFault e)
        {
            _reply.Replace(mark, e.Message);
            _isEnding = true;
            return false;
        }

        try
        {
            Execute();
        }
        catch (CommandFault e)
        {
            _reply.Replace(mark, e.Message);
        }
        catch (EngineFault e)
        {
            _reply.Replace(mark, $"{e.Code} {e.Message}");
        }
        catch (RocksDbException e)
        {
            _reply.Replace(mark, $"{EngineFault.Damaged} {EngineFaults.FromReadError(e).Message}");
        }
        catch (OverflowException)
        {
            _reply.Replace(mark, "ERR increment or decrement would overflow");
        }

        return true;
    }

    private void Execute()
    {
        if (_command.Kind == CommandKind.Auth)
        {
            if (!state.IsPassword(_command[_command.Count - 1]))
            {
                throw new CommandFault("WRONGPASS invalid username-password pair or user is disabled.");
            }

            _isKnown = true;
            _reply.Status("OK");
            return;
        }

        if (!_isKnown)
        {
            throw new CommandFault("NOAUTH Authentication required.");
        }

        if (ServerCommands.TryAnswer(_command, state, _reply))
        {
            return;
        }

        engine.ThrowIfStopped();
        _view.Begin();
        if (Commands.TryRead(_view, _command, _reply))
        {
            return;
        }
        // Later reads of the same group see the write.
        _view.End();
        engine.Write(Change);
        _hasWritten = true;
    }

    private void Change(WriteView view)
    {
        switch (_command.Kind)
        {
            case CommandKind.Eval:
                state.Scripts.Run(view, state.Scripts.Load(_command[1]), _command, _reply);
                break;
            case CommandKind.EvalSha:
                state.Scripts.Run(view, System.Text.Encoding.ASCII.GetString(_command[1]).ToLowerInvariant(), _command, _reply);
                break;
            case CommandKind.Script when _command.Is(1, "LOAD"u8):
                _reply.Bytes(System.Text.Encoding.ASCII.GetBytes(state.Scripts.Load(_command[2])));
                break;
            default:
                if (!Commands.TryWrite(view, _command, _reply))
                {
                    throw new CommandFault($"ERR unknown command '{_command.Name}'");
                }

                break;
        }
    }
}
