using System.Text;

namespace Lookup.Embedded.Protocol;

/// <summary>Commands about the connection and the server.</summary>
internal static class ServerCommands
{
    /// <summary>Answers the command if it is one of these.</summary>
    internal static bool TryAnswer(Command command, ServerState state, IReply reply)
    {
        switch (command.Kind)
        {
            case CommandKind.Ping:
                // A server that cannot read must not answer.
                state.Engine.ThrowIfStopped();
                reply.Status("PONG");
                return true;
            case CommandKind.Echo:
                reply.Bytes(command[1]);
                return true;
            case CommandKind.Client:
            case CommandKind.Select:
                reply.Status("OK");
                return true;
            case CommandKind.Info:
                state.Engine.ThrowIfStopped();
                reply.Bytes(Encoding.ASCII.GetBytes(Info(state)));
                return true;
            case CommandKind.Config when command.Is(1, "GET"u8):
                Config(command, reply);
                return true;
            default:
                return false;
        }
    }

    private static string Info(ServerState state) =>
        $"# Server\r\nredis_version:7.2.0\r\nrun_id:{state.RunId}\r\n"
        + "# Memory\r\nused_memory:0\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
        + "# Persistence\r\nloading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\n"
        + "# Stats\r\nevicted_keys:0\r\n"
        + $"# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:{state.RunId}\r\n";

    // Settings that an examination of the server reads; others have no meaning here.
    private static void Config(Command command, IReply reply)
    {
        var value = command.Is(2, "appendfsync"u8) ? "always" : command.Is(2, "databases"u8) ? "1" : null;
        reply.Array(value is null ? 0 : 2);
        if (value is null)
        {
            return;
        }

        reply.Bytes(command[2]);
        reply.Bytes(Encoding.ASCII.GetBytes(value));
    }
}
