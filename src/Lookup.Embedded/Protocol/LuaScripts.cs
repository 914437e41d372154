// For: running the store's scripts as Redis runs them: one at a time, each as one step.
//
// Lua comes from KeraLua (5.4). Scripts come from this process alone, so they are not sandboxed; they get the parts of Redis that
// they use: KEYS, ARGV, redis.call, redis.pcall, redis.sha1hex and struct. An error must not jump over .NET's frames, so the
// function that Lua calls returns it, and a line of Lua raises it.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KeraLua;
using Lookup.Embedded.Engine;
using LuaState = KeraLua.Lua;

namespace Lookup.Embedded.Protocol;

/// <summary>The scripts of one store. One caller at a time.</summary>
internal sealed class LuaScripts : IDisposable
{
    private const string Prelude = """
        local raw, sha1hex = ...
        local function call(...)
          local value, fault = raw(...)
          if fault then error(fault, 0) end
          return value
        end
        redis = {
          call = call,
          pcall = function(...)
            local value, fault = raw(...)
            if fault then return {err = fault} end
            return value
          end,
          sha1hex = sha1hex,
        }
        struct = {pack = string.pack, unpack = string.unpack}
        """;

    private readonly LuaState _lua = new();
    private readonly LuaFunction _call;
    private readonly LuaFunction _sha1;
    private readonly LuaReply _reply;
    private readonly Command _command = new();
    private readonly Dictionary<string, int> _loaded = new(StringComparer.Ordinal);
    private byte[] _arguments = new byte[4096];
    private WriteView? _view;
    private Exception? _failed;

    internal LuaScripts()
    {
        _reply = new LuaReply(_lua);
        _call = _ => Call();
        _sha1 = _ => Sha1();
        Check(_lua.LoadBuffer(Encoding.UTF8.GetBytes(Prelude), "prelude"));
        _lua.PushCFunction(_call);
        _lua.PushCFunction(_sha1);
        Check(_lua.PCall(2, 0, 0));
    }

    /// <summary>Returns the name of a script: the SHA-1 of its text.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "It is a name, which the protocol defines.")]
    private static string NameOf(ReadOnlySpan<byte> script) => Convert.ToHexStringLower(SHA1.HashData(script));

    /// <summary>Loads a script under its name.</summary>
    /// <exception cref="CommandFault">It is not valid Lua.</exception>
    internal string Load(ReadOnlySpan<byte> script)
    {
        var name = NameOf(script);
        if (_loaded.ContainsKey(name))
        {
            return name;
        }
        // The first line may declare the script's engine.
        var text = script.StartsWith("#!"u8) ? script[Math.Max(0, script.IndexOf((byte)'\n'))..] : script;
        Check(_lua.LoadBuffer(text.ToArray(), "script"));
        _loaded.Add(name, _lua.Ref(LuaRegistry.Index));
        return name;
    }

    /// <summary>Runs a script.</summary>
    /// <param name="view">The view that it reads and writes.</param>
    /// <param name="name">Its name.</param>
    /// <param name="command">EVAL or EVALSHA: after the script the number of keys, the keys, and the arguments.</param>
    /// <param name="reply">Receives its result.</param>
    /// <exception cref="CommandFault">The script is not loaded, or it failed.</exception>
    internal void Run(WriteView view, string name, Command command, IReply reply)
    {
        if (!_loaded.TryGetValue(name, out var reference))
        {
            throw new CommandFault("NOSCRIPT No matching script. Please use EVAL.");
        }

        var keys = command.Number(2);
        if (keys < 0 || keys > command.Count - 3)
        {
            throw new CommandFault("ERR Number of keys can't be greater than number of args");
        }

        _view = view;
        _failed = null;
        try
        {
            Global("KEYS", command, 3, (int)keys);
            Global("ARGV", command, 3 + (int)keys, command.Count - 3 - (int)keys);
            _lua.RawGetInteger(LuaRegistry.Index, reference);
            Check(_lua.PCall(0, 1, 0));
            Answer(reply);
        }
        finally
        {
            _view = null;
            _lua.SetTop(0);
        }
    }

    public void Dispose() => _lua.Dispose();

    private void Global(string name, Command command, int first, int count)
    {
        _lua.CreateTable(count, 0);
        for (var i = 0; i < count; i++)
        {
            LuaNative.Push(_lua.Handle, command[first + i]);
            _lua.RawSetInteger(-2, i + 1);
        }

        _lua.SetGlobal(name);
    }

    // Lua calls this with the command's arguments on the stack.
    private int Call()
    {
        try
        {
            ReadArguments();
            _lua.SetTop(0);
            _reply.Reset();
            if (!Commands.TryRead(_view!, _command, _reply) && !Commands.TryWrite(_view!, _command, _reply))
            {
                throw new CommandFault($"ERR Unknown command called from script: {_command.Name}");
            }

            return 1;
        }
        catch (Exception e)
        {
            // A fault that is not the script's own ends the script, whether or not it catches the error.
            if (e is not CommandFault)
            {
                _failed ??= e;
            }

            _lua.SetTop(0);
            _lua.PushNil();
            _lua.PushString(e is CommandFault ? e.Message : "ERR the store failed");
            return 2;
        }
    }

    // A value that is not a string has the digest of an empty string, as in redis.
    private unsafe int Sha1()
    {
        var text = LuaNative.lua_type(_lua.Handle, 1) is (int)LuaType.String
            ? NameOf(new ReadOnlySpan<byte>(LuaNative.lua_tolstring(_lua.Handle, 1, out var size), (int)size))
            : NameOf([]);
        _lua.SetTop(0);
        _lua.PushString(text);
        return 1;
    }

    private unsafe void ReadArguments()
    {
        _command.Reset(_arguments);
        var state = _lua.Handle;
        var length = 0;
        for (var i = 1; i <= _lua.GetTop(); i++)
        {
            ReadOnlySpan<byte> argument = LuaNative.lua_type(state, i) switch
            {
                (int)LuaType.String => new ReadOnlySpan<byte>(LuaNative.lua_tolstring(state, i, out var size), (int)size),
                (int)LuaType.Number => Encoding.ASCII.GetBytes(Text(i)),
                _ => throw new CommandFault("ERR Lua redis lib command arguments must be strings or integers"),
            };
            if (length + argument.Length > _arguments.Length)
            {
                Grow(length + argument.Length);
            }

            argument.CopyTo(_arguments.AsSpan(length));
            _command.Add(length, argument.Length);
            length += argument.Length;
        }

        if (_command.Count == 0)
        {
            throw new CommandFault("ERR Please specify at least one argument for this redis lib call");
        }
    }

    private void Grow(int least)
    {
        Array.Resize(ref _arguments, Math.Max(_arguments.Length * 2, least));
        var parts = Enumerable.Range(0, _command.Count).Select(_command.Part).ToArray();
        _command.Reset(_arguments);
        Array.ForEach(parts, part => _command.Add(part.Start, part.Length));
    }

    // Redis' numbers are floating-point; an integral one is written without a decimal point.
    private string Text(int index)
    {
        if (_lua.IsInteger(index))
        {
            return _lua.ToInteger(index).ToString(CultureInfo.InvariantCulture);
        }

        var number = _lua.ToNumber(index);
        return number == Math.Floor(number) && Math.Abs(number) < 1L << 53
            ? ((long)number).ToString(CultureInfo.InvariantCulture)
            : number.ToString("R", CultureInfo.InvariantCulture);
    }

    // Writes the value on top of the stack.
    private void Answer(IReply reply)
    {
        switch (_lua.Type(-1))
        {
            case LuaType.String:
                reply.Bytes(_lua.ToBuffer(-1, false));
                break;
            case LuaType.Number:
                reply.Number(_lua.IsInteger(-1) ? _lua.ToInteger(-1) : (long)_lua.ToNumber(-1));
                break;
            case LuaType.Boolean when _lua.ToBoolean(-1):
                reply.Number(1);
                break;
            case LuaType.Table:
                var count = 0;
                while (_lua.RawGetInteger(-1, count + 1) != LuaType.Nil)
                {
                    _lua.Pop(1);
                    count++;
                }

                _lua.Pop(1);
                reply.Array(count);
                for (var i = 1; i <= count; i++)
                {
                    _lua.RawGetInteger(-1, i);
                    Answer(reply);
                    _lua.Pop(1);
                }

                break;
            default:
                reply.Null();
                break;
        }
    }

    private void Check(LuaStatus status)
    {
        if (_failed is { } failed)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failed);
        }

        if (status == LuaStatus.OK)
        {
            return;
        }

        var text = _lua.ToString(-1, false);
        _lua.SetTop(0);
        throw new CommandFault("ERR " + text);
    }

    /// <summary>Pushes an answer for Lua.</summary>
    private sealed class LuaReply(LuaState lua) : IReply
    {
        private int _left;
        private int _next;

        internal void Reset() => _left = 0;

        public void Status(string text)
        {
            lua.CreateTable(0, 1);
            lua.PushString(text);
            lua.SetField(-2, "ok");
            Placed();
        }

        public void Number(long value)
        {
            lua.PushInteger(value);
            Placed();
        }

        public void Bytes(ReadOnlySpan<byte> value)
        {
            LuaNative.Push(lua.Handle, value);
            Placed();
        }

        public void Null()
        {
            lua.PushBoolean(false);
            Placed();
        }

        // No command returns nested arrays.
        public void Array(int count)
        {
            lua.CreateTable(count, 0);
            (_left, _next) = (count, 1);
        }

        private void Placed()
        {
            if (_left == 0)
            {
                return;
            }

            lua.RawSetInteger(-2, _next++);
            _left--;
        }
    }
}
