using System.Diagnostics;
using System.Text;

namespace Lookup.Testing.Cli;

/// <summary>The tool as a process of its own.</summary>
internal sealed class ToolProcess : IDisposable
{
    // No test lasts longer.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private readonly Task _reading;

    private ToolProcess(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput, _output), ReadAsync(process.StandardError, _error));
    }

    public string Output => Text(_output);

    public string Error => Text(_error);

    public bool HasExited => _process.HasExited;

    /// <summary>Starts it. A service gets a limit for reads that a loaded machine keeps to, and a store where there is none.</summary>
    public static ToolProcess Start(params string[] arguments)
    {
        if (arguments[0] == "serve" && !arguments.Contains("--fake"))
        {
            arguments = [.. arguments, "--set", "StoreReadLimitMs=5000", .. arguments.Contains("--data") ? (string[])["--create"] : []];
        }

        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "lookup"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // Profiles for later optimisation cost more than they gain in a process of seconds.
        start.Environment["DOTNET_TieredPGO"] = "0";
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return new ToolProcess(process);
    }

    /// <summary>SIGKILL: nothing of the process runs any more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>SIGSTOP: the process keeps its connections and answers nothing.</summary>
    public void Freeze() => Signals.Freeze(_process);

    public void Thaw() => Signals.Thaw(_process);

    /// <summary>Ctrl-C; or what a service manager sends, where the tests run in the background of a shell, which ignores Ctrl-C.</summary>
    public void Interrupt()
    {
        if (IgnoresInterrupt())
        {
            Signals.Terminate(_process);
        }
        else
        {
            Signals.Interrupt(_process);
        }
    }

    /// <summary>What a service manager sends.</summary>
    public void Terminate() => Signals.Terminate(_process);

    private bool IgnoresInterrupt()
    {
        const ulong Interrupt = 1 << 1;
        var status = $"/proc/{_process.Id}/status";
        var ignored = File.Exists(status) ? File.ReadLines(status).FirstOrDefault(l => l.StartsWith("SigIgn:", StringComparison.Ordinal)) : null;
        return ignored is not null
            && (ulong.Parse(ignored.AsSpan("SigIgn:".Length).Trim(), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture) & Interrupt) != 0;
    }

    public async Task<CliRun> EndAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        await _process.WaitForExitAsync(limit.Token);
        await _reading;
        return new CliRun(_process.ExitCode, Output, Error);
    }

    /// <summary>Waits until something is true, and fails where it does not become so.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        var waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.False(_process.HasExited, $"The tool ended too early: {Output}{Error}");
            Assert.True(waited.Elapsed < Limit, $"The tool did not get there: {Output}{Error}");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }

    private static Task ReadAsync(StreamReader reader, StringBuilder text) => Task.Run(async () =>
    {
        var buffer = new char[4096];
        int length;
        while ((length = await reader.ReadAsync(buffer)) > 0)
        {
            lock (text)
            {
                text.Append(buffer, 0, length);
            }
        }
    });
}
