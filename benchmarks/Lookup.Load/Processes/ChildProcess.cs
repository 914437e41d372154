using System.Diagnostics;
using System.Threading.Channels;

namespace Lookup.Load.Processes;

/// <summary>A program that runs beside the measurement and is killed at its end, however that comes.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int MaxLines = 200;

    private readonly string _program;
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(
        new BoundedChannelOptions(MaxLines) { FullMode = BoundedChannelFullMode.DropOldest });

    private readonly Queue<string> _errors = new();
    private readonly Task _pumps;

    internal ChildProcess(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        _program = program;
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _pumps = Task.WhenAll(PumpOutputAsync(), PumpErrorAsync());
    }

    internal int Id => _process.Id;

    internal bool HasExited => _process.HasExited;

    /// <summary>Memory that it holds, in bytes.</summary>
    internal long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Processor time that it has used.</summary>
    internal TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>What it wrote to standard error last.</summary>
    internal string Errors
    {
        get
        {
            lock (_errors)
            {
                return string.Join('\n', _errors);
            }
        }
    }

    /// <summary>The next line of its standard output.</summary>
    /// <exception cref="InvalidOperationException">It ended, or wrote none within the limit.</exception>
    internal async Task<string> ReadLineAsync(TimeSpan limit, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        stop.CancelAfter(limit);
        try
        {
            return await _lines.Reader.ReadAsync(stop.Token);
        }
        catch (ChannelClosedException)
        {
            throw new InvalidOperationException($"{Path.GetFileName(_program)} ended: {Errors}");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new InvalidOperationException($"{Path.GetFileName(_program)} said nothing within {limit.TotalSeconds} s: {Errors}");
        }
    }

    /// <summary>Ends its standard input, which some take as the sign to end.</summary>
    internal void CloseInput() => _process.StandardInput.Close();

    /// <summary>Kills it with -9.</summary>
    internal async Task KillAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await _pumps;
    }

    /// <summary>Waits for its own end; the exit code.</summary>
    internal async Task<int> WaitAsync(CancellationToken ct)
    {
        await _process.WaitForExitAsync(ct);
        await _pumps;
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private async Task PumpOutputAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            _lines.Writer.TryWrite(line);
        }

        _lines.Writer.Complete();
    }

    private async Task PumpErrorAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_errors)
            {
                _errors.Enqueue(line);
                if (_errors.Count > MaxLines)
                {
                    _errors.Dequeue();
                }
            }
        }
    }
}
