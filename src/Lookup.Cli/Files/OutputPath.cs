using System.Text;

namespace Lookup.Cli.Files;

/// <summary>Keeps outputs from replacing files that a command reads, such as its input, a key or a folder's log.</summary>
internal static class OutputPath
{
    /// <summary>Returns the full path of an output.</summary>
    /// <param name="output">The path.</param>
    /// <param name="option">The option that names it, for the message.</param>
    /// <param name="input">The file that the command reads; null for standard input.</param>
    /// <param name="start">How such an output begins: an existing file that begins otherwise is not replaced. Null: any file is.</param>
    /// <exception cref="CliException">
    /// It is a folder, or the file that is read, also by another spelling or through a link, or a file that is no such output.
    /// </exception>
    public static string Of(string output, string option, string? input, string? start = null)
    {
        var path = Path.GetFullPath(output);
        if (Directory.Exists(path))
        {
            throw CliException.Usage($"{option} {output} is a folder; name a file.");
        }

        if (input is not null && IsSame(path, input))
        {
            throw CliException.Usage($"{option} {output} is the file that is read: it would be replaced. Choose another file.");
        }

        return start is null || BeginsWith(path, start)
            ? path
            : throw CliException.Usage($"{option} {output} exists and was not written by this command: it would be replaced. Choose another file, or remove it.");
    }

    /// <summary>Keeps other runs from writing an output until it is disposed.</summary>
    /// <param name="path">The output; the lock is a file beside it.</param>
    /// <param name="command">The command, for the message.</param>
    /// <exception cref="CliException">Another run writes it, or the folder is not writable.</exception>
    public static IDisposable Lock(string path, string command) =>
        FileLock.Take(path + ".lock", $"Another {command} is writing '{path}': wait for it, or name another file.", $"'{path}' cannot be written");

    /// <summary>Returns whether two paths are the same file, also by another spelling or through a link.</summary>
    public static bool IsSame(string one, string other) => Resolve(Path.GetFullPath(one)).Equals(Resolve(Path.GetFullPath(other)), Comparison);

    /// <summary>Writes a file as a whole: an existing one stays as it is until the new one is complete.</summary>
    public static async Task WriteAsync(string path, string text, CancellationToken ct)
    {
        var unfinished = path + ".unfinished";
        try
        {
            await File.WriteAllTextAsync(unfinished, text, ct);
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    // Also true for a file that does not exist or is empty.
    private static bool BeginsWith(string path, string start)
    {
        try
        {
            using var file = File.OpenRead(path);
            var found = new byte[start.Length];
            var length = file.ReadAtLeast(found, found.Length, throwOnEndOfStream: false);
            return length == 0 || Encoding.ASCII.GetString(found, 0, length) == start;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static StringComparison Comparison =>
        OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;

    // Follows the links of each folder and of the file itself.
    private static string Resolve(string path)
    {
        var folder = Path.GetDirectoryName(path);
        if (folder is null)
        {
            return path;
        }

        var here = Path.Combine(Resolve(folder), Path.GetFileName(path));
        try
        {
            FileSystemInfo entry = Directory.Exists(here) ? new DirectoryInfo(here) : new FileInfo(here);
            return entry.ResolveLinkTarget(returnFinalTarget: true)?.FullName is { } target ? Path.GetFullPath(target) : here;
        }
        catch (IOException)
        {
            // A circle of links, or no access: opening it will tell.
            return here;
        }
    }
}
