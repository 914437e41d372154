using System.CommandLine;
using System.Globalization;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Commands;

/// <summary>`lookup import` through a running service, each batch durable before it is acknowledged, beside redis-benchmark.</summary>
internal sealed class ImportCommand : LoadCommand
{
    private readonly Option<int> _rounds;
    private readonly Option<long> _lines;

    public ImportCommand()
        : base("import", "`lookup import` of a file of objections through a running service, beside redis-benchmark with single HSETs.", "redis-server")
    {
        _rounds = Number("--rounds", "Imports, each of other numbers", 3, 1, 10);
        _lines = Number("--lines", "Lines of each file", 300_000L, 1_000, 10_000_000);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var lines = parsed.GetValue(_lines);
        await using var bed = await TestBed.StartAsync();
        (await LookupTool.RunAsync(
            ["init", "--redis", bed.Redis.ConnectionString, "--key-file", bed.KeyFile, "--expected-facts", (lines * 10).ToString(CultureInfo.InvariantCulture)], ct))
            .MustSucceed("lookup init");
        await bed.ServeAsync(ct);
        var (rates, hset) = (new Series(), new Series());
        for (var round = 0; round < parsed.GetValue(_rounds); round++)
        {
            var file = bed.PathOf(string.Create(CultureInfo.InvariantCulture, $"objections-{round}.csv"));
            NumberFile.Write(file, "number", NumberBlock.Dutch, NumberFile.Range(round * lines, lines));
            var run = (await LookupTool.RunAsync(
                ["import", file, "--set", "kind=objection", "--set", $"organisation={TestBed.Organisation}", "--set", "source=measurement", "--address", bed.Address.ToString(), "--timeout", "600", "--json"], ct))
                .MustSucceed("lookup import");
            rates.Add(lines / run.Elapsed.TotalSeconds);
            await using var yardstick = await LocalRedis.StartAsync();
            hset.Add(await yardstick.BenchmarkAsync(Math.Clamp(lines, 100_000, 2_000_000), 1_000_000, ct, "HSET", "{00}b:__rand_int__", "f__rand_int__12345678", "value-of-15-byte"));
        }

        report.Add(new Metric("import_service", "facts/s", rates)
        {
            BaselineName = "redis-benchmark -P 64 HSET",
            Baseline = hset,
            Note = $"{lines:N0} lines through the service, the start of the tool included; each batch is durable and in the filters before it is acknowledged.",
        });
    }
}
