using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Lookup.EndToEndTests.Docs;

/// <summary>
/// Runs the commands of a page in order, in a new folder with a copy of the samples, through bash and the built tool. Only these things
/// differ from the text, by rule:
///   - `lookup serve` and `lookup watch` run in the background until the comment "Stop the service", or the end of the page. A service
///     listens on free ports, which replace 7500 and 7501; the redis port 6379 is that of a redis-server started for the page.
///   - Ids and keys are those that the commands printed: the newest import id, receipt id or API key of that credential.
///   - Folders of a machine (/etc/lookup, /var/lib/lookup, /mnt/keys, /backup) are in the new folder.
///   - `lookup rekey` waits for a freshness bound of 500 ms instead of a minute.
///   - A store has one partition, so that commands that read all of it are short: `lookup init` creates it so, also before the first
///     `lookup serve --create`.
/// </summary>
internal sealed partial class DocRun : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private const string OnePartition = " --partitions 1";
    private static readonly string[] MachineFolders = ["/etc/lookup", "/var/lib/lookup", "/mnt/keys", "/backup"];

    /// <summary>What exists before the commands of a page, because the page is about a deployment that runs already.</summary>
    private static readonly Dictionary<string, string[]> Given = new(StringComparer.Ordinal)
    {
        ["docs/operate/keys.md"] =
        [
            "lookup init --data /var/lib/lookup",
            "lookup init --redis 127.0.0.1:6379 --key-file number.key --new-key",
        ],
    };

    private readonly TempFolder _temp = new();
    private readonly string _folder;
    private readonly List<Background> _running = [];
    private readonly List<RedisServer> _redis = [];
    private readonly Dictionary<string, string> _keys = new(StringComparer.Ordinal);
    private string? _grpc;
    private string? _json;
    private string? _import;
    private string? _receipt;

    private DocRun() => _folder = Directory.CreateDirectory(_temp.PathOf("page")).FullName;

    // JsonGuideTests and SampleFormTests run the commands of these pages.
    private static readonly string[] OfOtherTests = ["docs/guide/json.md", "samples/data/forms/README.md"];

    /// <summary>The pages with a command that runs.</summary>
    public static IEnumerable<string> Pages() =>
        DocPage.All().Where(name => !OfOtherTests.Contains(name) && DocPage.Read(name).Commands.Any(command => NotRun.ReasonFor(command.Text) is null));

    /// <summary>Runs every command of a page.</summary>
    public static async Task RunAsync(string name)
    {
        var page = DocPage.Read(name);
        Programs.Require(["bash", .. page.Commands
            .Where(command => NotRun.ReasonFor(command.Text) is null)
            .SelectMany(command => Program().Matches(command.Text).Select(match => match.Value))
            .Distinct()]);
        await using var run = await StartAsync(page);
        foreach (var command in Given.GetValueOrDefault(name, []))
        {
            await run.RunAsync(page, new DocCommand(0, command, "", []));
        }

        foreach (var step in page.Steps)
        {
            switch (step)
            {
                case DocFile file:
                    await run.WriteAsync(file);
                    break;
                case DocCommand command when NotRun.ReasonFor(command.Text) is null:
                    await run.RunAsync(page, command);
                    break;
            }
        }

        await run.StopAsync(name);
    }

    private static async Task<DocRun> StartAsync(DocPage page)
    {
        var run = new DocRun();
        var root = Programs.Root();
        foreach (var name in new[] { "deploy", "docs", "protos", "src", "tests" })
        {
            Directory.CreateSymbolicLink(Path.Combine(run._folder, name), Path.Combine(root, name));
        }

        CopySamples(Path.Combine(root, "samples"), Path.Combine(run._folder, "samples"));
        File.CreateSymbolicLink(Path.Combine(run._folder, "lookup"), Path.Combine(AppContext.BaseDirectory, "lookup"));
        foreach (var folder in MachineFolders)
        {
            Directory.CreateDirectory(run._temp.PathOf("machine" + folder));
        }

        await File.WriteAllTextAsync(run._temp.PathOf("environment"), "");
        await File.WriteAllTextAsync(run._temp.PathOf("directory"), run._folder);
        if (page.Commands.Any(command => command.Text.Contains("127.0.0.1:6379", StringComparison.Ordinal)))
        {
            run._redis.Add(await RedisServer.StartAsync("--appendonly", "yes"));
            if (page.Commands.Any(command => command.Text.Contains("--wait-replicas", StringComparison.Ordinal)))
            {
                run._redis.Add(await RedisServer.StartAsync("--appendonly", "yes", "--replicaof", "127.0.0.1", $"{run._redis[0].Port}"));
            }
        }

        if (page.NeedsService)
        {
            await run.BackgroundAsync("lookup serve --data ./lookup-data --create");
        }

        return run;
    }

    /// <summary>Writes a file that the page shows.</summary>
    private Task WriteAsync(DocFile file) => File.WriteAllTextAsync(Path.Combine(_folder, file.Name), file.Content);

    /// <summary>Runs a command; fails if its exit code or output is not what the page says.</summary>
    private async Task RunAsync(DocPage page, DocCommand command)
    {
        var where = $"{page.Name}:{command.Line}: {command.Text}";
        if (command.Comment.Contains("Stop the service", StringComparison.Ordinal))
        {
            await StopAsync(where);
        }

        if (command.Text.Length == 0)
        {
            return;
        }

        if (ServeOrWatch().IsMatch(command.Text))
        {
            Assert.True(
                !command.Text.StartsWith("lookup serve", StringComparison.Ordinal) || !_running.Exists(one => one.IsService),
                $"{where}\nThe page does not say to stop the service that it started before.");
            await BackgroundAsync(command.Text);
            return;
        }

        var (code, output, error) = await BashAsync(Substituted(command.Text), where);
        Remember(output);
        Assert.True(command.ExitCodes.Contains(code), $"{where}\nexit code {code} instead of {string.Join(" or ", command.ExitCodes)}\n{output}{error}");
        AssertShown(where, command.Shown, output + error);
    }

    /// <summary>Ends the service and every other command in the background.</summary>
    private async Task StopAsync(string where)
    {
        foreach (var one in _running)
        {
            Assert.False(one.Process.HasExited, $"{where}\n'{one.Text}' ended by itself:\n{one.Output}");
            Signals.Terminate(one.Process);
            using var limit = new CancellationTokenSource(Limit);
            await one.Process.WaitForExitAsync(limit.Token);
            Assert.True(!one.IsService || one.Process.ExitCode == 0, $"{where}\n'{one.Text}' ended with {one.Process.ExitCode}:\n{one.Output}");
            one.Process.Dispose();
        }

        _running.Clear();
        (_grpc, _json) = (null, null);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _running.Where(one => !one.Process.HasExited))
        {
            one.Process.Kill(entireProcessTree: true);
            await one.Process.WaitForExitAsync();
        }

        foreach (var server in Enumerable.Reverse(_redis))
        {
            await server.DisposeAsync();
        }

        _temp.Dispose();
    }

    /// <summary>
    /// Compares the output that a page shows. Each shown line is a line of the output, in order, without its indentation; "…" stands for
    /// any text, on a line of its own for any lines. Ids and keys may differ.
    /// </summary>
    internal static void AssertShown(string where, IReadOnlyList<string> shown, string output)
    {
        var lines = output.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).ToList();
        var (at, skip) = (0, false);
        foreach (var expected in shown.Select(line => line.Trim()).Where(line => line.Length > 0))
        {
            if (expected == "…")
            {
                skip = true;
                continue;
            }

            var pattern = new Regex("^" + Varying().Replace(Regex.Escape(expected), match => match.Value == "…" ? ".*" : "[0-9A-Za-z_-]+") + "$");
            var found = lines.FindIndex(at, pattern.IsMatch);
            Assert.True(found == at || (skip && found > at), $"{where}\nThe page shows:\n{expected}\nThe output has:\n{string.Join('\n', lines.Skip(at))}");
            (at, skip) = (found + 1, false);
        }

        Assert.True(shown.Count == 0 || skip || at == lines.Count, $"{where}\nThe page does not show:\n{string.Join('\n', lines.Skip(at))}");
    }

    private async Task BackgroundAsync(string text)
    {
        var isService = text.StartsWith("lookup serve", StringComparison.Ordinal);
        if (NewStore().Match(text) is { Success: true } created && !Directory.Exists(Path.Combine(_folder, created.Groups["folder"].Value)))
        {
            Assert.Equal(0, (await BashAsync($"lookup init --data {created.Groups["folder"].Value}{OnePartition}", text)).Code);
        }

        var ports = isService ? " --listen 127.0.0.1:0 --json-port 0" : "";
        // A loaded machine keeps to these limits.
        var patience = isService && !text.Contains("--fake", StringComparison.Ordinal) ? " --set StoreReadLimitMs=10000 --set FreshnessBoundMs=5000" : "";
        var process = Bash("exec " + Substituted(text) + ports + patience);
        var one = new Background(text, isService, process);
        _running.Add(one);
        var waited = Stopwatch.StartNew();
        while (isService && !one.Output.Contains("Ready", StringComparison.Ordinal))
        {
            Assert.False(process.HasExited, $"'{text}' ended:\n{one.Output}");
            Assert.True(waited.Elapsed < Limit, $"'{text}' is not ready:\n{one.Output}");
            await Task.Delay(5);
        }

        if (isService)
        {
            var addresses = Ready().Match(one.Output).Groups;
            (_grpc, _json) = (addresses["grpc"].Value.TrimEnd('/'), addresses["json"].Value.TrimEnd('/'));
        }
    }

    private string Substituted(string text)
    {
        foreach (var folder in MachineFolders)
        {
            text = text.Replace(folder, _temp.PathOf("machine" + folder), StringComparison.Ordinal);
        }

        text = ImportId().Replace(text, match => _import ?? match.Value);
        text = ReceiptId().Replace(text, match => _receipt ?? match.Value);
        text = Key().Replace(text, match => _keys.GetValueOrDefault(match.Groups["name"].Value, match.Value));
        if (_redis.Count > 0)
        {
            text = text.Replace("127.0.0.1:6379", $"127.0.0.1:{_redis[0].Port}", StringComparison.Ordinal);
        }

        if (_grpc is not null && _json is not null)
        {
            text = text.Replace("127.0.0.1:7500", new Uri(_grpc).Authority, StringComparison.Ordinal)
                .Replace("127.0.0.1:7501", new Uri(_json).Authority, StringComparison.Ordinal);
        }

        return text.StartsWith("lookup init ", StringComparison.Ordinal) ? text + OnePartition
            : text.StartsWith("lookup rekey ", StringComparison.Ordinal) && !text.Contains("--new-key", StringComparison.Ordinal) ? text + " --bound 500"
            : text;
    }

    private void Remember(string output)
    {
        _import = ImportId().Matches(output).LastOrDefault()?.Value ?? _import;
        _receipt = ReceiptId().Matches(output).LastOrDefault()?.Value ?? _receipt;
        foreach (Match key in PrintedKey().Matches(output))
        {
            _keys[key.Groups["name"].Value] = key.Value;
        }
    }

    private async Task<(int Code, string Output, string Error)> BashAsync(string text, string where)
    {
        using var process = Bash(text);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{where}\ndoes not end:\n{await output}{await error}");
        }

        return (process.ExitCode, await output, await error);
    }

    // Exported variables and the folder carry over from one command to the next, as in a terminal.
    private Process Bash(string text)
    {
        const string Script = """
            . "$1"; cd "$(cat "$2")"; [ -n "$4" ] && export LOOKUP_ADDRESS="$4" || unset LOOKUP_ADDRESS
            eval "$3"; code=$?; export -p > "$1"; pwd > "$2"; exit $code
            """;
        var start = new ProcessStartInfo("bash", ["-c", Script, "bash", _temp.PathOf("environment"), _temp.PathOf("directory"), text, _grpc ?? ""])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = AppContext.BaseDirectory + Path.PathSeparator + Environment.GetEnvironmentVariable("PATH");
        start.Environment.Remove("LOOKUP_API_KEY");
        // A command that lives for half a second starts faster without them.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    private static void CopySamples(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories).Where(file => !file[from.Length..].Split('/').Any(part => part is "bin" or "obj")))
        {
            var target = to + file[from.Length..];
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private sealed class Background
    {
        private readonly StringBuilder _output = new();

        public Background(string text, bool isService, Process process)
        {
            (Text, IsService, Process) = (text, isService, process);
            process.OutputDataReceived += (_, line) => Append(line.Data);
            process.ErrorDataReceived += (_, line) => Append(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public string Text { get; }

        public bool IsService { get; }

        public Process Process { get; }

        public string Output
        {
            get
            {
                lock (_output)
                {
                    return _output.ToString();
                }
            }
        }

        private void Append(string? line)
        {
            lock (_output)
            {
                _output.Append(CultureInfo.InvariantCulture, $"{line}\n");
            }
        }
    }

    [GeneratedRegex(@"(?<=^|[|;&] *)(curl|openssl|python3|node|tar|install|gzip)(?= )")]
    private static partial Regex Program();

    [GeneratedRegex("^lookup (serve|watch)( |$)")]
    private static partial Regex ServeOrWatch();

    [GeneratedRegex("--data (?<folder>[^ ]+).* --create")]
    private static partial Regex NewStore();

    [GeneratedRegex("gRPC at (?<grpc>[^ ,]+), JSON at (?<json>[^ ]+)[.] ")]
    private static partial Regex Ready();

    [GeneratedRegex(@"\b[0-9]{8}-[0-9]{6}-[0-9a-f]{4}\b")]
    private static partial Regex ImportId();

    [GeneratedRegex(@"\b[0-9a-f]{32}-[0-9]+\b")]
    private static partial Regex ReceiptId();

    [GeneratedRegex(@"lk_(?<name>[0-9a-z-]+)_\.\.\.")]
    private static partial Regex Key();

    [GeneratedRegex(@"lk_(?<name>[0-9a-z-]+)_[0-9A-Za-z_-]{10,}")]
    private static partial Regex PrintedKey();

    [GeneratedRegex(@"…|[0-9]{8}-[0-9]{6}-[0-9a-f]{4}|[0-9a-f]{32}-[0-9]+|lk_[0-9a-z-]+_[0-9A-Za-z_-]{10,}")]
    private static partial Regex Varying();
}
