using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Grpc.Core;
using Grpc.Health.V1;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Filters;
using Lookup.Core.Numbers;
using Lookup.Load.Latency;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.Load.Streams;
using ReasonCode = Lookup.V1.ReasonCode;
using Verdict = Lookup.V1.Verdict;

namespace Lookup.Load.Commands;

/// <summary>How the service goes with the number of facts: start, memory, checks, and what its filters take for known.</summary>
internal sealed class GrowthCommand : LoadCommand
{
    private const string Register = "uk-tps";
    private const int Connections = 4;
    private const int InFlight = 16;
    private const int Partitions = 16;

    private readonly Option<long[]> _facts = new("--facts")
    {
        Description = "Numbers of facts, from small to large, 1,000 to 90,000,000 each.",
        HelpName = "N",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [10_000, 1_000_000, 10_000_000, 50_000_000],
    };

    private readonly Option<int> _rounds;
    private readonly Option<double> _seconds;
    private readonly Option<int> _starts;
    private readonly Option<long> _unknown;
    private readonly Option<long> _filter;

    public GrowthCommand()
        : base("growth", "Start-up, memory, checks and false positives of the service by the number of facts, and the filter alone at the size of the largest register.", "redis-server")
    {
        Options.Add(_facts);
        _facts.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<long[]>() is { } given && given.Any(n => n is < 1_000 or > 90_000_000))
            {
                result.AddError("--facts: 1,000 to 90,000,000 each.");
            }
        });
        _rounds = Number("--rounds", "Rounds of checks beside the echo, after one ten times as long to warm up", 20, 1, 100);
        _seconds = Number("--seconds", "Seconds of a round of each side", 0.6, 0.2, 600);
        _starts = Number("--starts", "Starts of the service", 3, 1, 50);
        _unknown = Number("--unknown", "Unknown numbers asked to count what the filters take for known", 4_000_000L, 10_000, 10_000_000);
        _filter = Number("--filter-facts", "Facts of the filter alone; 0 leaves it out", 250_000_000L, 0, 2_000_000_000);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var sizes = parsed.GetRequiredValue(_facts);
        var points = new List<Point>();
        foreach (var size in sizes)
        {
            Report.Say($"{size:N0} facts ...");
            points.Add(await MeasureAsync(size, parsed, report, ct));
        }

        var largest = points[^1];
        Add("growth_start", "ms", p => p.Start, "From the start of the process to its health answering SERVING, processes and redis on one machine.");
        Add("growth_checks", "checks/s", p => p.Checks, "Numbers without facts, decided by the filter; 4 connections with 16 checks under way on each.");
        Add("growth_service_memory", "MB", p => p.Service, "Resident memory of the service after the checks.");
        Add("growth_redis_memory", "MB", p => p.Redis, "used_memory of redis, filters included.");
        Add("growth_false_positives", "‰", p => p.FalsePositives, string.Create(CultureInfo.InvariantCulture, $"Unknown numbers that a filter took for known, each asked for its facts once: {parsed.GetValue(_unknown):N0} numbers."));
        if (parsed.GetValue(_filter) is > 0 and var facts)
        {
            Report.Say($"The filter alone at {facts:N0} facts ...");
            FilterAlone(facts, report, ct);
        }

        void Add(string name, string unit, Func<Point, Series> value, string note)
        {
            var curve = new ResultCurve("facts", "log");
            foreach (var point in points)
            {
                curve.Add(point.Facts, value(point).Median, name == "growth_checks" ? point.Echo.Median : null);
            }

            report.Add(new Metric(name, unit, value(largest))
            {
                BaselineName = name == "growth_checks" ? "gRPC echo" : null,
                Baseline = name == "growth_checks" ? largest.Echo : null,
                Curve = points.Count > 1 ? curve : null,
                Note = string.Create(CultureInfo.InvariantCulture, $"At {largest.Facts:N0} facts; the curve has {string.Join(", ", points.Select(p => $"{p.Facts:N0}: {Report.Number(value(p).Median)}"))}. {note}"),
            });
        }
    }

    private async Task<Point> MeasureAsync(long facts, ParseResult parsed, Report report, CancellationToken ct)
    {
        var point = new Point(facts);
        await using var bed = await TestBed.StartAsync();
        await StoreFiller.FillAsync(
            bed.StoreOptions, bed.Cipher, facts, StoreFiller.Registrations(NumberBlock.British, NumberFile.Range(0, facts), Register), withDetail: false, ct);
        point.Redis.Add(long.Parse((await bed.Redis.InfoAsync())["used_memory"], CultureInfo.InvariantCulture) / 1e6);
        for (var start = 0; start < parsed.GetValue(_starts); start++)
        {
            var clock = Stopwatch.StartNew();
            var (process, address) = await LookupTool.ServeAsync(bed.Redis.ConnectionString, bed.KeyFile, ct);
            await using var started = process;
            await ServingAsync(address, ct);
            point.Start.Add(clock.Elapsed.TotalMilliseconds);
        }

        await bed.ServeAsync(ct);
        using (var channel = bed.Channel())
        {
            await TestBed.StateAsync(channel, emptyRegisters: true, ct);
        }

        var unknown = Math.Min(parsed.GetValue(_unknown), NumberBlock.British.Size - facts);
        var (echo, echoAddress) = await LookupTool.EchoAsync(ct);
        await using var echoProcess = echo;
        using (var side = new CheckSide(bed.Address, bed.Service, Connections, report, Unknown, Verdict.Allow))
        using (var bare = new CheckSide(echoAddress, echo, Connections, report, Unknown, EchoService.Answer))
        {
            await CheckSide.TurnsAsync(side, bare, InFlight, parsed.GetValue(_rounds), TimeSpan.FromSeconds(parsed.GetValue(_seconds)), ct);
            (point.Checks, point.Echo) = (side.Rates, bare.Rates);
        }

        point.Service.Add(bed.Service.ResidentBytes / 1e6);
        await FalsePositivesAsync(bed, facts, unknown, point, report, ct);
        return point;

        string Unknown(long i) => NumberBlock.British.Text(facts + (i * NumberBlock.Stride % unknown));
    }

    private static async Task ServingAsync(Uri address, CancellationToken ct)
    {
        using var channel = TestBed.Connect(address);
        var health = new Health.HealthClient(channel);
        while (true)
        {
            try
            {
                if ((await health.CheckAsync(new HealthCheckRequest(), cancellationToken: ct)).Status == HealthCheckResponse.Types.ServingStatus.Serving)
                {
                    return;
                }
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                // It does not listen yet.
            }

            await Task.Delay(2, ct);
        }
    }

    // Each unknown number once: what a filter lets through is read in redis, which the service counts.
    private static async Task FalsePositivesAsync(TestBed bed, long facts, long unknown, Point point, Report report, CancellationToken ct)
    {
        const int Chunk = 8_000;
        var before = await CountAsync();
        using var channel = bed.Channel();
        var driver = new StreamDriver(channel, 8, Chunk, new ExpectedAnswer(Verdict.Allow, ReasonCode.NothingForbids));
        var run = await driver.RunAsync(
            StreamDriver.Open(TestBed.Organisation), ChunkSource.Deal(NumberBlock.British, facts, unknown / Chunk * Chunk, Chunk, 2, repeat: false), static _ => false, ct);
        report.Wrong(run.FirstWrong, run.Wrong);
        point.FalsePositives.Add(1_000.0 * (await CountAsync() - before) / run.Numbers);

        Task<double> CountAsync() => bed.CounterAsync("lookup_filter_false_positives_total", ct);
    }

    private static void FilterAlone(long facts, Report report, CancellationToken ct)
    {
        const int Batch = 8_192;
        const int Probes = 4_000_000;
        using var cipher = new NumberCipher(Enumerable.Range(0, 32).Select(i => (byte)(7 * i)).ToArray());
        var id = new FactId(FactKind.Registration, 0, Scope.FromName("us-dnc"));
        var filters = Enumerable.Range(0, Partitions).Select(_ => new BlockFilter(BlockFilter.BlocksFor(facts / Partitions))).ToArray();
        var (numbers, keys) = (new ulong[Batch], new NumberPseudonym[Batch]);
        var clock = Stopwatch.StartNew();
        for (var at = 0L; at < facts; at += Batch)
        {
            ct.ThrowIfCancellationRequested();
            Encrypt(at);
            for (var i = 0; i < Math.Min(Batch, facts - at); i++)
            {
                filters[keys[i].Partition(Partitions)].Add(keys[i], id);
            }
        }

        report.Add(new Metric("filter_fill", "facts/s", new Series(facts / clock.Elapsed.TotalSeconds))
        {
            Note = string.Create(CultureInfo.InvariantCulture, $"{facts:N0} facts into filters in memory, encryption included, one thread."),
        });
        report.Add(new Metric("filter_memory", "MB", new Series(filters.Sum(f => (long)f.Bytes.Length) / 1e6)) { Note = string.Create(CultureInfo.InvariantCulture, $"{facts:N0} facts in {Partitions} partitions.") });
        var (hits, spent) = (0L, TimeSpan.Zero);
        for (var at = facts; at < facts + Probes; at += Batch)
        {
            Encrypt(at);
            var begin = Stopwatch.GetTimestamp();
            foreach (var key in keys)
            {
                hits += filters[key.Partition(Partitions)].MayContain(key, id) ? 1 : 0;
            }

            spent += Stopwatch.GetElapsedTime(begin);
        }

        var probed = (double)((Probes + Batch - 1) / Batch * Batch);
        report.Add(new Metric("filter_false_positives", "‰", new Series(1_000 * hits / probed)) { Note = string.Create(CultureInfo.InvariantCulture, $"{probed:N0} unknown facts beside {facts:N0}.") });
        report.Add(new Metric("filter_probe", "ns", new Series(spent.TotalNanoseconds / probed)) { Note = "One after the other without a look ahead, each of another block." });

        void Encrypt(long from)
        {
            for (var i = 0; i < Batch; i++)
            {
                numbers[i] = 12_010_000_000 + (ulong)(from + i);
            }

            cipher.Encrypt(numbers, keys);
        }
    }

    /// <summary>What was found at one number of facts.</summary>
    private sealed class Point(long facts)
    {
        internal long Facts { get; } = facts;

        internal Series Start { get; } = new();

        internal Series Checks { get; set; } = new();

        internal Series Echo { get; set; } = new();

        internal Series Service { get; } = new();

        internal Series Redis { get; } = new();

        internal Series FalsePositives { get; } = new();
    }
}
