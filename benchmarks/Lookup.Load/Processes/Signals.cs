using System.Runtime.InteropServices;

namespace Lookup.Load.Processes;

/// <summary>Stops processes and lets them go on.</summary>
internal static class Signals
{
    // Numbers of Linux on x86-64 and Arm64.
    private const int Continue = 18;
    private const int Stop = 19;

    /// <summary>The process stands still until <see cref="Thaw"/>.</summary>
    internal static void Freeze(int process) => _ = Kill(process, Stop);

    /// <summary>A process that stands still goes on.</summary>
    internal static void Thaw(int process) => _ = Kill(process, Continue);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int process, int signal);
}
