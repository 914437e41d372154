using Lookup.Core.Regimes;

namespace Lookup.Cli.Hosting;

/// <summary>Regime files in a folder: all that hold, one *.json for each country.</summary>
internal static class RegimeFolder
{
    /// <summary>Reads and compiles them.</summary>
    /// <param name="folder">The folder; null for the regimes that come with the program.</param>
    /// <exception cref="CliException">It is not there, or the files are faulty: with every fault.</exception>
    public static RegimeSet Load(string? folder)
    {
        if (folder is null)
        {
            return RegimeSet.BuiltIn;
        }

        var files = Files(folder);
        return Named(folder, () => Compile(files));
    }

    /// <summary>The files of a folder, or those of the program, as they are.</summary>
    /// <exception cref="CliException">The folder is not there.</exception>
    public static IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> Files(string? folder)
    {
        if (folder is null)
        {
            return RegimeSet.BuiltInFiles();
        }

        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, "*.json").Select(path => KeyValuePair.Create(Path.GetFileName(path), (ReadOnlyMemory<byte>)File.ReadAllBytes(path)))]
            : throw new CliException($"There is no folder '{folder}'. 'lookup regimes export {folder}' makes one with the regimes of the program.");
    }

    /// <summary>Compiles files that take the place of the program's.</summary>
    /// <exception cref="RegimeException">With every fault.</exception>
    public static RegimeSet Compile(IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> files)
    {
        var regimes = RegimeSet.Load(files);
        // What is imported without a service is stored under the program's own regimes.
        regimes.CheckCategories(RegimeSet.BuiltIn);
        return regimes;
    }

    /// <summary>Reads those that are to follow others, and makes sure that what is stored means the same to both.</summary>
    /// <exception cref="CliException">As above, or a register's categories have other places.</exception>
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

    // Faults of files are those of this folder.
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
