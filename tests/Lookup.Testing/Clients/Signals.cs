using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lookup.Testing.Clients;

/// <summary>Signals to processes that a test has started, without the program kill.</summary>
internal static partial class Signals
{
    private const int Int = 2;
    private const int Kill = 9;
    private const int Term = 15;

    // Of Linux; others number these two differently.
    private static readonly int Continue = OperatingSystem.IsLinux() ? 18 : 19;
    private static readonly int Stop = OperatingSystem.IsLinux() ? 19 : 17;

    /// <summary>Ctrl-C.</summary>
    internal static void Interrupt(Process process) => Send(process, Int);

    /// <summary>What a service manager sends.</summary>
    internal static void Terminate(Process process) => Send(process, Term);

    /// <summary>Nothing of it runs any more.</summary>
    internal static void End(Process process) => Send(process, Kill);

    /// <summary>Freezes it, and returns when it stands still.</summary>
    internal static void Freeze(Process process)
    {
        Send(process, Stop);
        while (OperatingSystem.IsLinux() && StateOf(process) is not 'T')
        {
            Thread.Sleep(1);
        }
    }

    internal static void Thaw(Process process) => Send(process, Continue);

    // The state follows on the name, which is in parentheses.
    private static char StateOf(Process process)
    {
        var stat = File.ReadAllText($"/proc/{process.Id}/stat");
        return stat[stat.LastIndexOf(')') + 2];
    }

    private static void Send(Process process, int signal) =>
        Assert.True(SendSignal(process.Id, signal) == 0, $"Signal {signal} cannot be sent: error {Marshal.GetLastPInvokeError()}.");

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
