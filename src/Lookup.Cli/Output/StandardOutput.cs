using Microsoft.Win32.SafeHandles;

namespace Lookup.Cli.Output;

/// <summary>Standard output as a stream that fails when its reader is gone. The console's own drops what is written then, and goes on for ever.</summary>
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

        // A file has a place of writing that others may share; the console's stream keeps to it.
        var stream = new FileStream(new SafeFileHandle(Handle, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }
}
