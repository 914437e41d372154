using System.Globalization;
using System.Runtime.InteropServices;

namespace Lookup.Embedded;

/// <summary>The number of files that this process may have open.</summary>
public static partial class OpenFileLimit
{
    /// <summary>Number needed by a store and a service on it, with connections of a few hundred callers.</summary>
    public const int NeededByStore = 512;

    /// <summary>Number that a .NET program needs to load its own files, and a few for its work.</summary>
    public const int NeededByProgram = 100;

    private const int OpenFiles = 7;

    /// <summary>Returns a message if the limit is too low; null otherwise.</summary>
    /// <param name="needed">The number of files needed.</param>
    public static string? Fault(int needed) => Current() is var current && current < needed
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"This process may have only {current} files open, but at least {needed} are needed: raise the limit (ulimit -n 4096, LimitNOFILE=4096 in a systemd unit, or nofile of the container), then start again.")
        : null;

    // The runtime raises the soft limit to the hard one when it starts.
    private static long Current() =>
        OperatingSystem.IsLinux() && GetLimit(OpenFiles, out var limit) == 0 ? (long)Math.Min(limit.Soft, long.MaxValue) : long.MaxValue;

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        internal nuint Soft;
        internal nuint Hard;
    }
}
