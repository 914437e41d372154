using System.Globalization;

namespace Lookup.Load.Chaos.Workload;

/// <summary>
/// The clocks of a process, as libfaketime lets it see them: they can be set back while it is stopped, so that they seem to have
/// stood still, as those of a virtual machine that is paused do.
/// </summary>
internal sealed class StoppableClock
{
    private const string Library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

    private readonly string _file;

    /// <param name="file">The process reads from it how far its clocks are behind.</param>
    internal StoppableClock(string file)
    {
        _file = file;
        Behind(TimeSpan.Zero);
    }

    internal static bool IsThere => File.Exists(Library);

    internal IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["LD_PRELOAD"] = Library,
        ["FAKETIME_TIMESTAMP_FILE"] = _file,
        ["FAKETIME_NO_CACHE"] = "1",
    };

    internal void Behind(TimeSpan time)
    {
        // In one step: the process may read it at any moment.
        File.WriteAllText(_file + ".new", string.Create(CultureInfo.InvariantCulture, $"-{time.TotalSeconds:F3}\n"));
        File.Move(_file + ".new", _file, overwrite: true);
    }
}
