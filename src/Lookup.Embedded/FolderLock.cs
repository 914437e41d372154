using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lookup.Embedded;

/// <summary>
/// A lock on a folder itself. It holds until it is disposed or the process ends, whatever is removed from the folder.
/// </summary>
internal sealed partial class FolderLock : IDisposable
{
    private const int ReadOnly = 0;
    private const int CloseOnExec = 0x80000;
    private const int Exclusive = 2;
    private const int NotBlocking = 4;
    private const int Unlock = 8;
    private readonly SafeFileHandle? _handle;

    private FolderLock(SafeFileHandle? handle) => _handle = handle;

    /// <summary>
    /// Locks a folder; returns null if another process holds the lock. On systems that cannot lock folders, the locks on its
    /// files must suffice.
    /// </summary>
    internal static FolderLock? TryAcquire(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return new FolderLock(null);
        }

        var handle = Open(folder, ReadOnly | CloseOnExec);
        if (handle < 0)
        {
            return new FolderLock(null);
        }

        var owned = new SafeFileHandle(handle, ownsHandle: true);
        if (Lock((int)handle, Exclusive | NotBlocking) == 0 || Marshal.GetLastPInvokeError() != WouldBlock)
        {
            return new FolderLock(owned);
        }

        owned.Dispose();
        return null;
    }

    public void Dispose()
    {
        if (_handle is null || _handle.IsClosed)
        {
            return;
        }

        // A child process that is being started has a copy of the handle until it runs its own program; closing ours alone would
        // leave the lock with it.
        Lock((int)_handle.DangerousGetHandle(), Unlock);
        _handle.Dispose();
    }

    private const int WouldBlock = 11;

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Lock(int handle, int operation);
}
