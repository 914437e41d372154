using System.Text.Json.Nodes;

namespace Lookup.ServiceTests.Cli;

/// <summary>lookup bench against a service.</summary>
public sealed class BenchCommandTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task Bench_RunningService_TellsAnswersAndTimes()
    {
        var run = await RunAsync("--rate", "100", "--seconds", "1", "--json");
        Assert.True(run.ExitCode == 0, run.Error + run.Output);
        var told = JsonNode.Parse(run.Output)!;
        Assert.InRange((long)told["checks"]!, 50, 101);
        Assert.Equal((long)told["checks"]!, (long)told["answers"]!["DENY"]!);
        var latency = told["latency_us"]!;
        Assert.InRange((long)latency["p50"]!, 1, (long)latency["p999"]!);
        Assert.InRange((long)latency["p999"]!, 1, (long)latency["max"]!);
    }

    [Fact]
    public async Task Bench_RunningService_IsReadable()
    {
        var run = await RunAsync("--rate", "50", "--seconds", "0.5");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("DENY", run.Output, StringComparison.Ordinal);
        Assert.Contains("p99.9", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rate", "0", "--rate 0 is out of range: 1 to 20000")]
    [InlineData("--seconds", "0.1", "--seconds 0.1 is out of range: 0.5 to 600")]
    [InlineData("--from-number", "0612345678", "is not an E.164 number")]
    public async Task Bench_ValueThatCannotBe_IsRefused(string option, string value, string said)
    {
        var run = await RunAsync(option, value);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(said, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bench_NobodyThere_SaysSo()
    {
        var run = await CliRun.Async("bench", "--org", "acme", "--purpose", "commercial", "--address", "http://127.0.0.1:9");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("127.0.0.1:9", run.Error, StringComparison.Ordinal);
    }

    private Task<CliRun> RunAsync(params string[] arguments) =>
        CliRun.Async(["bench", "--org", "acme", "--purpose", "commercial", "--address", service.Address, .. arguments]);
}
