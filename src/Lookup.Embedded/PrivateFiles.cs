using System.Runtime.InteropServices;

namespace Lookup.Embedded;

/// <summary>Keeps what a process writes from other users of the machine: facts, receipts, dossiers and lists tell of people.</summary>
public static partial class PrivateFiles
{
    private const uint GroupAndOthers = 0x3f;

    /// <summary>From now on files of this process are made for their owner alone, 0600, and folders 0700. Nothing is done on Windows.</summary>
    public static void Use()
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = SetMask(SetMask(GroupAndOthers) | GroupAndOthers);
        }
    }

    /// <summary>Takes a folder from the other users of the machine. The group keeps what it has: whoever mounts a volume may need it.</summary>
    internal static void Close(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        try
        {
            const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
            var mode = File.GetUnixFileMode(folder);
            if ((mode & Others) != 0)
            {
                File.SetUnixFileMode(folder, mode & ~Others);
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // A mounted volume belongs to somebody else, or cannot be written, which is told where it is.
        }
    }

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint SetMask(uint mask);
}
