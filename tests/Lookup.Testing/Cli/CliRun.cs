using System.Text;
using System.Text.RegularExpressions;
using Lookup.Cli.Commands;
using Lookup.Cli.Output;

namespace Lookup.Testing.Cli;

/// <summary>A command run in this process.</summary>
internal sealed partial record CliRun(int ExitCode, string Output, string Error)
{
    /// <summary>What it told on standard error, but for its progress and its waiting, which it tells where it takes longer than some seconds.</summary>
    public string Error { get; } = Progress().Replace(Error, "");

    public static Task<CliRun> Async(params string[] arguments) => WithInputAsync("", arguments);

    public static async Task<CliRun> WithInputAsync(string input, params string[] arguments)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var raw = new MemoryStream();
        var shell = new Shell(output, error, new MemoryStream(Encoding.UTF8.GetBytes(input)), TimeProvider.System, raw);
        var exitCode = await CliApp.RunAsync(arguments, shell, TestContext.Current.CancellationToken);
        return new CliRun(exitCode, Encoding.UTF8.GetString(raw.ToArray()) + output, error.ToString());
    }

    [GeneratedRegex(@"^(\S+: [\d.,]+ lines, [\d.,]+/s|lookup: no answer from|\{""note"":""no answer from).*\n", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Progress();
}

/// <summary>A folder that goes with the test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lookup-cli-").FullName;

    public string Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    public string Write(string name, byte[] content)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>Sets up a store in a new folder.</summary>
    /// <returns>Its path.</returns>
    public async Task<string> StoreAsync(string name = "data")
    {
        var path = PathOf(name);
        var init = await CliRun.Async("init", "--data", path);
        Assert.True(init.ExitCode == 0, init.Error);
        return path;
    }

    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
