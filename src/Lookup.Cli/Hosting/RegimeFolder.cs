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

        if (!Directory.Exists(folder))
        {
            throw new CliException($"There is no folder '{folder}'. 'lookup regimes export {folder}' makes one with the regimes of the program.");
        }

        var regimes = Compile(
            folder,
            () => RegimeSet.Load(Directory.EnumerateFiles(folder, "*.json")
                .Select(path => KeyValuePair.Create(Path.GetFileName(path), (ReadOnlyMemory<byte>)File.ReadAllBytes(path)))));
        // What is imported without a service is stored under the program's own regimes.
        CheckCategories(folder, regimes, RegimeSet.BuiltIn);
        return regimes;
    }

    /// <summary>Reads those that are to follow others, and makes sure that what is stored means the same to both.</summary>
    /// <exception cref="CliException">As above, or a register's categories have other places.</exception>
    public static RegimeSet Load(string folder, RegimeSet before)
    {
        var regimes = Load(folder);
        CheckCategories(folder, regimes, before);
        return regimes;
    }

    private static void CheckCategories(string folder, RegimeSet regimes, RegimeSet before) => Compile(
        folder,
        () =>
        {
            regimes.CheckCategories(before);
            return regimes;
        });

    private static RegimeSet Compile(string folder, Func<RegimeSet> compile)
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
