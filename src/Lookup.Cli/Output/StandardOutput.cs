using Microsoft.Win32.SafeHandles;

namespace Lookup.Cli.Output;

/// <summary>Standard output as a stream that fails when its reader has ended. The console's own stream silently discards writes then.</summary>
internal static class StandardOutput
{
    private const int Handle = 1;

    /// <summary>Opens it.</summary>
    public static Stream Open()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
        {
            return Console.OpenStandardOutput();
        }

        // A file's write position may be shared with other processes; the console's stream respects it.
        var stream = new FileStream(new SafeFileHandle(Handle, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }
}
