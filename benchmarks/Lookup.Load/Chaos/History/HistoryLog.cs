using System.Diagnostics;
using System.Threading.Channels;

namespace Lookup.Load.Chaos.History;

/// <summary>Keeps a history in memory and on disk, as JSON lines, with one clock for all that is in it.</summary>
internal sealed class HistoryLog : IAsyncDisposable
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _lock = new();
    private readonly List<HistoryEvent> _events = [];
    private readonly Channel<HistoryEvent> _lines = Channel.CreateUnbounded<HistoryEvent>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _writing;

    internal HistoryLog(string path)
    {
        Path = path;
        _writing = WriteAsync();
    }

    internal string Path { get; }

    /// <summary>Microseconds since the run began.</summary>
    internal long Now => _clock.ElapsedTicks * 1_000_000 / Stopwatch.Frequency;

    /// <summary>What has happened so far, in order.</summary>
    internal IReadOnlyList<HistoryEvent> Events
    {
        get
        {
            lock (_lock)
            {
                return [.. _events];
            }
        }
    }

    internal void Add(HistoryEvent told)
    {
        lock (_lock)
        {
            _events.Add(told);
            _lines.Writer.TryWrite(told);
        }
    }

    internal static IReadOnlyList<HistoryEvent> Read(string path) => [.. File.ReadLines(path).Select(HistoryEvent.Parse)];

    public async ValueTask DisposeAsync()
    {
        _lines.Writer.TryComplete();
        await _writing;
    }

    private async Task WriteAsync()
    {
        await using var file = new StreamWriter(Path);
        await foreach (var told in _lines.Reader.ReadAllAsync())
        {
            await file.WriteLineAsync(told.ToJson());
        }
    }
}
