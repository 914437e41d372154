namespace Lookup.Redis.Topology;

/// <summary>Loads the Lua scripts from the assembly.</summary>
internal static class Script
{
    internal static readonly string Write = Load("write", "tallies");
    internal static readonly string Erase = Load("erase", "tallies");
    internal static readonly string Names = Load("names");
    internal static readonly string Source = Load("source");
    internal static readonly string Registry = Load("registry", "registry-moved");
    internal static readonly string Blocks = Load("blocks", "registry-moved");
    internal static readonly string BlocksRead = Load("blocks-read");
    internal static readonly string Import = Load("import");
    internal static readonly string Credential = Load("credential", "registry-moved");
    internal static readonly string Approval = Load("approval");
    internal static readonly string Instances = Load("instances");
    internal static readonly string Trail = Load("trail");
    internal static readonly string Revert = Load("revert", "tallies");
    internal static readonly string Builder = Load("builder");
    internal static readonly string FilterBegin = Load("filter-begin");
    internal static readonly string FilterPiece = Load("filter-piece");
    internal static readonly string FilterEnd = Load("filter-end");
    internal static readonly string FilterRead = Load("filter-read");
    internal static readonly string CountsBegin = Load("counts-begin");
    internal static readonly string CountsSet = Load("counts-set");
    internal static readonly string CountsEnd = Load("counts-end");
    internal static readonly string CountsCompare = Load("counts-compare");
    internal static readonly string Fence = Load("fence");
    internal static readonly string Stage = Load("stage");
    internal static readonly string Copy = Load("copy", "tallies");
    internal static readonly string Clean = Load("clean", "tallies");

    /// <summary>First element of an answer: the epoch differs.</summary>
    internal const int OtherEpoch = 0;

    /// <summary>First element of an answer: the filter generations differ.</summary>
    internal const int OtherGenerations = 1;

    /// <summary>First element of an answer: all or nothing was requested, and a value was not the expected one.</summary>
    internal const int NotAsExpected = 3;

    /// <summary>First element of an answer: the limit of new sources is reached.</summary>
    internal const int NoneLeft = 4;

    private static string Load(string name, string functions) => Load(functions) + Load(name);

    private static string Load(string name)
    {
        using var stream = typeof(Script).Assembly.GetManifestResourceStream($"scripts/{name}.lua")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
