namespace Lookup.Cli.Files;

/// <summary>Keeps other runs of the tool from using the same output.</summary>
internal static class FileLock
{
    /// <summary>Takes a lock that lasts until it is disposed of, or until the process ends.</summary>
    /// <param name="path">The file of the lock, created if it does not exist.</param>
    /// <param name="inUse">The error if another run has the lock.</param>
    /// <param name="notWritable">The error if the file cannot be created; the cause follows.</param>
    /// <exception cref="CliException">The lock was not taken.</exception>
    public static IDisposable Take(string path, string inUse, string notWritable)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException(
                exception.Message.Contains("being used", StringComparison.Ordinal) ? inUse : $"{notWritable}: {exception.Message}", inner: exception);
        }
    }
}
