
namespace Lookup.ServiceTests.Cli;

/// <summary>A command whose reader has ended ends too, and says so by its exit code.</summary>
public sealed class BrokenPipeTests(RunningService service) : IClassFixture<RunningService>, IDisposable
{
    private readonly TempFolder _folder = new();

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "lookup");

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Watch_ReaderGone_EndsAtTheNextLine()
    {
        Programs.Require("bash", "head");
        var error = _folder.PathOf("error.txt");
        // The first heartbeat is all that head reads.
        var running = Programs.RunAsync(
            "bash", "-c", "\"$0\" watch --json --heartbeats --address \"$1\" 2> \"$2\" | head -n 1 > /dev/null; echo ${PIPESTATUS[0]}", Tool, service.Address, error);

        var (_, output, _) = await running;

        Assert.Equal("1", output.Trim());
        Assert.Contains("The program that read the output has ended.", await File.ReadAllTextAsync(error, Test), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scrub_ReaderGone_ReadsNoFurther()
    {
        Programs.Require("bash", "head");
        Assert.Equal(0, (await CliRun.Async("record", "subscriber", "+31612345678", "--subscriber", "legal_person", "--effective", "2023-01-01T00:00:00Z", "--address", service.Address)).ExitCode);
        // Beyond what a pipe and its reader hold.
        var list = _folder.Write("long.txt", string.Concat(Enumerable.Repeat("+31612345678\n", 200_000)));
        var error = _folder.PathOf("error.txt");

        var (_, output, _) = await Programs.RunAsync(
            "bash", "-c", "\"$0\" scrub \"$3\" --out-dir - --org acme --purpose service --address \"$1\" 2> \"$2\" | head -n 1 > /dev/null; echo ${PIPESTATUS[0]}",
            Tool, service.Address, error, list);

        Assert.True(output.Trim() == "1", output + await File.ReadAllTextAsync(error, Test));
        Assert.Contains("The program that read the output has ended.", await File.ReadAllTextAsync(error, Test), StringComparison.Ordinal);
    }
}
