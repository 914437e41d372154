// For: ages that include the time during which the machine was suspended.
//
// The timestamps of TimeProvider.System come from CLOCK_MONOTONIC, which stops while Linux is suspended: old data would look fresh
// afterwards. CLOCK_BOOTTIME includes that time, at the same cost. Windows always includes it. A virtual machine that its host pauses may
// not notice at all: see ClockGap.cs.
using System.Runtime.InteropServices;

namespace Lookup.Core.Clocks;

/// <summary>The system's clock with timestamps that advance while the machine is suspended.</summary>
public sealed partial class BootTimeClock : TimeProvider
{
    private const int BootTime = 7;
    private const long PerSecond = 1_000_000_000;

    private BootTimeClock()
    {
    }

    /// <summary>This clock on Linux; the system's clock elsewhere.</summary>
    public static TimeProvider Instance { get; } = OperatingSystem.IsLinux() && GetTime(BootTime, out _) == 0 ? new BootTimeClock() : System;

    /// <summary>Nanoseconds per second.</summary>
    public override long TimestampFrequency => PerSecond;

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        _ = GetTime(BootTime, out var time);
        return (time.Seconds * PerSecond) + time.Nanoseconds;
    }

    /// <summary>Returns the provider for timers that belong to a clock. Only timers of the system's clock can be reset and reused.</summary>
    public static TimeProvider TimersOf(TimeProvider clock) => clock is BootTimeClock ? System : clock;

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int GetTime(int clock, out Time time);

    private readonly struct Time
    {
        internal readonly nint Seconds;
        internal readonly nint Nanoseconds;
    }
}
