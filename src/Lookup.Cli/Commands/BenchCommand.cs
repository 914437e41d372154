using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Bench;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup bench: measures answers and latencies of a running service at a fixed rate, as a dialer sees them.</summary>
internal sealed class BenchCommand : CliCommand
{
    private const int MaxRate = 20_000;
    private const int MaxSeconds = 600;
    private const int MaxNumbers = 1_000_000;
    private static readonly double[] Percentiles = [50, 90, 99, 99.9, 100];

    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;
    private readonly Option<string> _from = new("--from-number")
    {
        Description = "First number to check, in E.164; the others are consecutive.",
        HelpName = "NUMBER",
        DefaultValueFactory = _ => "+31612000000",
    };

    private readonly Option<int> _numbers = new("--numbers") { Description = $"Count of numbers to check in turn, 1 to {MaxNumbers:N0}.", HelpName = "N", DefaultValueFactory = _ => 100_000 };
    private readonly Option<int> _rate = new("--rate") { Description = $"Checks per second, 1 to {MaxRate:N0}.", HelpName = "N", DefaultValueFactory = _ => 200 };
    private readonly Option<double> _seconds = new("--seconds") { Description = $"Duration, 0.5 to {MaxSeconds} seconds.", HelpName = "N", DefaultValueFactory = _ => 10 };

    public BenchCommand(Shell shell)
        : base(
            shell,
            "bench",
            "Measures a running service: sends checks at a fixed rate and reports latencies from their planned time.",
            "lookup bench --org acme --purpose commercial",
            "lookup bench --org acme --purpose commercial --rate 1000 --seconds 30 --address http://lookup:7500",
            "lookup bench --org acme --purpose commercial --exact --timeout 0.05 --json")
    {
        ExitCodeHelp = "0 every check was answered, 1 some were not (or error), 2 usage, 130 stopped with Ctrl-C (the results so far are printed).";
        _question = new QuestionOptions(this, hasNumber: false);
        foreach (var option in (Option[])[_rate, _seconds, _from, _numbers])
        {
            Options.Add(option);
        }

        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var rate = parsed.GetWithin(_rate, 1, MaxRate);
        var time = TimeSpan.FromSeconds(parsed.GetWithin(_seconds, 0.5, MaxSeconds));
        var numbers = parsed.GetWithin(_numbers, 1, MaxNumbers);
        var text = parsed.GetRequiredValue(_from);
        if (!E164.TryParse(text, out var first))
        {
            throw CliException.Usage($"--from-number '{text}' is not an E.164 number; write it like +31612000000.");
        }

        var open = _question.Open(parsed);
        CheckRequest Request(long i) => new()
        {
            Number = E164.ToText(first + (ulong)(i % numbers)),
            Question = open.Question,
            Consistency = open.Consistency,
            WhatIf = open.WhatIf,
        };

        // A reused answer would measure this program instead of the service.
        using var client = _connection.Connect(parsed, options => options with { ReuseLimit = 0 });
        // Reports an invalid question once, and opens connections before the first check is due.
        await client.CheckAsync(Request(0), ct);

        var tally = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var run = await WorkBar.RunAsync(Shell, $"{rate:N0} checks/s", shown => OpenLoop.RunAsync(
            rate,
            async i =>
            {
                var (what, outcome) = await AskAsync(client, Request(i));
                lock (tally)
                {
                    tally[what] = tally.GetValueOrDefault(what) + 1;
                }

                return outcome;
            },
            elapsed =>
            {
                shown(Math.Min(1, elapsed / time));
                return elapsed >= time || ct.IsCancellationRequested;
            },
            CancellationToken.None));
        WriteResults(parsed, client.Address, rate, run, tally);
        return ct.IsCancellationRequested ? ExitCodes.Interrupted : run[Outcome.Undecided] > 0 ? ExitCodes.Error : ExitCodes.Ok;
    }

    private static async Task<(string What, Outcome Outcome)> AskAsync(LookupClient client, CheckRequest request)
    {
        try
        {
            var verdict = (await client.CheckAsync(request, CancellationToken.None)).Decision.Verdict;
            return (verdict.ToString().ToUpperInvariant(), verdict == Verdict.Unknown ? Outcome.Undecided : Outcome.Right);
        }
        catch (LookupException exception)
        {
            return ($"{exception.Status}: {exception.Message}", Outcome.Undecided);
        }
    }

    private void WriteResults(ParseResult parsed, Uri address, int rate, LatencyRun run, IReadOnlyDictionary<string, long> tally)
    {
        if (IsJson(parsed))
        {
            var latencies = new JsonObject();
            foreach (var percentile in Percentiles)
            {
                latencies[Title(percentile).Replace(".", "", StringComparison.Ordinal)] = LatencyRun.Percentile(run.Latencies, percentile);
            }

            Shell.Output.WriteLine(new JsonObject
            {
                ["address"] = address.ToString(),
                ["rate"] = rate,
                ["checks"] = tally.Values.Sum(),
                ["answers"] = new JsonObject(tally.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
                ["latency_us"] = latencies,
                ["sent_late_p99_us"] = LatencyRun.Percentile(run.Lateness, 99),
            }.ToJsonString(JsonText.Options));
            return;
        }

        Shell.Console.MarkupLine(SafeText.Escape($"{tally.Values.Sum():N0} checks at {rate:N0}/s, {address}"));
        foreach (var (what, count) in tally.OrderByDescending(pair => pair.Value))
        {
            Shell.Console.MarkupLine(SafeText.Escape($"  {count,12:N0}  {what}"));
        }

        Shell.Console.MarkupLine("Latency from each check's planned time:");
        foreach (var percentile in Percentiles)
        {
            Shell.Console.MarkupLine(SafeText.Escape(string.Create(
                CultureInfo.InvariantCulture, $"  {Title(percentile),-6} {LatencyRun.Percentile(run.Latencies, percentile) / 1e3,10:N2} ms")));
        }

        Shell.Console.MarkupLine(SafeText.Escape(string.Create(
            CultureInfo.InvariantCulture, $"  of which this program's own delay, p99: {LatencyRun.Percentile(run.Lateness, 99) / 1e3:N2} ms")));
    }

    private static string Title(double percentile) => percentile == 100 ? "max" : string.Create(CultureInfo.InvariantCulture, $"p{percentile}");
}
