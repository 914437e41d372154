namespace Lookup.Cli.Files;

/// <summary>Reads a file of settings into memory.</summary>
internal static class WholeFile
{
    /// <summary>Returns the text of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">How the error names it, for example "--trunks 'map.json'".</param>
    /// <exception cref="CliException">The file cannot be read.</exception>
    public static string Read(string path, string what)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            var why = Directory.Exists(path) ? "it is a folder; name a JSON file."
                : exception is FileNotFoundException or DirectoryNotFoundException ? "it does not exist."
                : exception.Message;
            throw new CliException($"{what} cannot be read: {why}", inner: exception);
        }
    }
}
