using System.Runtime.InteropServices;

namespace Lookup.Embedded;

/// <summary>
/// Protects the files of a process from other users of the machine: facts, receipts, dossiers and lists contain personal data.
/// </summary>
public static partial class PrivateFiles
{
    private const uint GroupAndOthers = 0x3f;

    /// <summary>
    /// Makes all files that this process creates from now on accessible to their owner alone (0600), and folders (0700). Does
    /// nothing on Windows.
    /// </summary>
    public static void Use()
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = SetMask(SetMask(GroupAndOthers) | GroupAndOthers);
        }
    }

    /// <summary>
    /// Removes the access of other users to a folder. The group keeps its permissions: a mounted volume may need them.
    /// </summary>
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
            // A mounted volume may belong to another user or be read-only; a later error reports that where it matters.
        }
    }

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint SetMask(uint mask);
}
