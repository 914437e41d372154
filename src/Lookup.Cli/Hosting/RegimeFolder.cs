using Lookup.Core.Regimes;

namespace Lookup.Cli.Hosting;

/// <summary>Reads regime files from a folder: the complete set, one *.json per country.</summary>
internal static class RegimeFolder
{
    /// <summary>Reads and compiles the regime files.</summary>
    /// <param name="folder">The folder; null: the built-in rules.</param>
    /// <exception cref="CliException">The folder does not exist, or files are invalid; lists every fault.</exception>
    public static RegimeSet Load(string? folder)
    {
        if (folder is null)
        {
            return RegimeSet.BuiltIn;
        }

        var files = Files(folder);
        return Named(folder, () => Compile(files));
    }

    /// <summary>Reads the files of a folder, or the built-in ones, without compiling them.</summary>
    /// <exception cref="CliException">The folder does not exist.</exception>
    public static IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> Files(string? folder)
    {
        if (folder is null)
        {
            return RegimeSet.BuiltInFiles();
        }

        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, "*.json").Select(path => KeyValuePair.Create(Path.GetFileName(path), (ReadOnlyMemory<byte>)File.ReadAllBytes(path)))]
            : throw new CliException($"Folder '{folder}' does not exist; 'lookup regimes export {folder}' creates it with the built-in rules.");
    }

    /// <summary>Compiles files that replace the built-in rules.</summary>
    /// <exception cref="RegimeException">Files are invalid; lists every fault.</exception>
    public static RegimeSet Compile(IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> files)
    {
        var regimes = RegimeSet.Load(files);
        // Imports without a service encode categories by the built-in rules.
        regimes.CheckCategories(RegimeSet.BuiltIn);
        return regimes;
    }

    /// <summary>Reads regime files and checks that stored categories mean the same as under <paramref name="before"/>.</summary>
    /// <exception cref="CliException">As above, or a register's categories have another order.</exception>
    public static RegimeSet Load(string folder, RegimeSet before)
    {
        var regimes = Load(folder);
        return Named(
            folder,
            () =>
            {
                regimes.CheckCategories(before);
                return regimes;
            });
    }

    // Prefix faults with the folder's name.
    private static RegimeSet Named(string folder, Func<RegimeSet> compile)
    {
        try
        {
            return compile();
        }
        catch (RegimeException exception)
        {
            throw new CliException($"{folder}: {exception.Message}", inner: exception);
        }
    }
}
