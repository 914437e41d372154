// For: ages that include the time during which the machine was suspended.
//
// The timestamps of TimeProvider.System come from CLOCK_MONOTONIC, which stands still while Linux is suspended. What was known
// before would look as fresh afterwards as if nothing had happened. CLOCK_BOOTTIME counts that time too, and costs the same.
// Windows counts it anyway. A virtual machine that is paused from outside may not notice at all: see ClockGap.cs.
using System.Runtime.InteropServices;

namespace Lookup.Core.Clocks;

/// <summary>The system's clock, with timestamps that go on while the machine is suspended.</summary>
public sealed partial class BootTimeClock : TimeProvider
{
    private const int BootTime = 7;
    private const long PerSecond = 1_000_000_000;

    private BootTimeClock()
    {
    }

    /// <summary>This clock on Linux; elsewhere the system's.</summary>
    public static TimeProvider Instance { get; } = OperatingSystem.IsLinux() && GetTime(BootTime, out _) == 0 ? new BootTimeClock() : System;

    /// <summary>Nanoseconds.</summary>
    public override long TimestampFrequency => PerSecond;

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        _ = GetTime(BootTime, out var time);
        return (time.Seconds * PerSecond) + time.Nanoseconds;
    }

    /// <summary>The provider for timers that go with a clock. Only those of the system's can be reset and used again.</summary>
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
