using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Commands;

/// <summary>
/// Scrubs a list undisturbed, then killed twice and resumed, and compares the outputs byte by byte; the time beside
/// wc -l and beside a SELECT for each number.
/// </summary>
internal sealed class ScrubCommand : LoadCommand
{
    private const string Register = "uk-tps";

    // Every tenth number of the list is on the register.
    private const int Every = 10;

    private readonly Option<long> _lines;
    private readonly Option<int> _selects;
    private readonly Option<int> _rounds;

    public ScrubCommand()
        : base("scrub", "Scrubs a list, also killed twice and resumed, beside wc -l and one SELECT a number in MariaDB.", "redis-server", "mariadb")
    {
        _lines = Number("--lines", "Lines of the list; every tenth number is on a register", 10_000_000L, 10_000, 90_000_000);
        _selects = Number("--selects", "Numbers asked for in MariaDB", 10_000, 100, 1_000_000);
        _rounds = Number("--rounds", "Undisturbed runs", 3, 1, 20);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var lines = parsed.GetValue(_lines);
        var selects = (int)Math.Min(parsed.GetValue(_selects), lines);
        var block = NumberBlock.British;
        var registered = (lines + Every - 1) / Every;
        await using var bed = await TestBed.StartAsync();
        Report.Say($"Filling a store with {registered:N0} registrations, and MariaDB with the same ...");
        await StoreFiller.FillAsync(
            bed.StoreOptions, bed.Cipher, registered, StoreFiller.Registrations(block, NumberFile.Range(0, registered, Every), Register), withDetail: false, ct);
        await bed.ServeAsync(ct);
        var date = DateTime.UtcNow.AddDays(-2).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        foreach (var register in TestBed.BritishRegisters)
        {
            (await LookupTool.RunAsync(["register", "snapshot", register, "--date", date, "--timezone", "Europe/London", "--address", bed.Address.ToString()], ct)).MustSucceed("lookup register");
        }

        await Task.Delay(1_000, ct);

        await using var maria = await MariaDb.StartAsync(ct);
        var (list, blocked) = (bed.PathOf("list.csv"), bed.PathOf("blocked.txt"));
        NumberFile.Write(list, "phone", block, NumberFile.Range(0, lines));
        NumberFile.Write(blocked, null, block, NumberFile.Range(0, registered, Every));
        await maria.LoadAsync(blocked, ct);

        var (scrubs, counts, perSelect) = (new Series(), new Series(), new Series());
        for (var round = 0; round < parsed.GetValue(_rounds); round++)
        {
            Report.Say($"Round {round + 1} ...");
            counts.Add((await Tool.RunAsync("wc", ["-l", list], ct)).MustSucceed("wc").Elapsed.TotalSeconds);
            scrubs.Add(await ScrubAsync(bed, list, bed.PathOf($"round{round}"), lines, registered, report, ct));
            var places = Enumerable.Range(0, selects).Select(i => i * (lines / selects));
            var (found, time) = await maria.CountEachAsync(places.Select(block.Text), ct);
            var expected = places.Count(place => place % Every == 0);
            if (found != expected)
            {
                report.Wrong($"MariaDB found {found} of the numbers instead of {expected}.");
            }

            perSelect.Add(time.TotalMicroseconds / selects);
        }

        Report.Say("Killed twice ...");
        var killed = bed.PathOf("killed");
        var (resumed, kills) = await KilledAsync(bed, list, bed.PathOf("round0"), killed, ct);
        var equal = Compare(bed.PathOf("round0"), killed, report);
        report.Add(new Metric("scrub", "s", scrubs)
        {
            BaselineName = "wc -l",
            Baseline = counts,
            Note = $"lookup scrub of {lines:N0} lines, one in {Every} denied, start of the tool and outputs with verdict and reason included.",
        });
        report.Add(new Metric("scrub_number", "us/number", new Series(new[] { scrubs.Min, scrubs.Median, scrubs.Max }.Select(s => s * 1e6 / lines)))
        {
            BaselineName = "MariaDB SELECT each",
            Baseline = perSelect,
            Note = $"MariaDB: SELECT count(*) FROM vicidial_dnc where phone_number='...', one after the other from the mariadb client over a socket, start of the client taken off, on {selects:N0} of the numbers; the table of {registered:N0} rows in memory.",
        });
        report.Add(new Metric("scrub_killed", "s", new Series(resumed))
        {
            BaselineName = "undisturbed",
            Baseline = scrubs,
            Note = $"Killed {kills} times with -9 and resumed; {equal} output files byte-equal to those of an undisturbed run.",
        });
    }

    private static string[] CommandLine(TestBed bed, string list, string output) =>
    [
        "scrub", list, "--out-dir", output, "--column", "phone", "--org", TestBed.Organisation, "--purpose", "commercial",
        "--subscriber", "consumer", "--address", bed.Address.ToString(),
    ];

    private static async Task<double> ScrubAsync(
        TestBed bed, string list, string output, long lines, long registered, Report report, CancellationToken ct)
    {
        var result = (await LookupTool.RunAsync(CommandLine(bed, list, output), ct)).MustSucceed("lookup scrub");
        foreach (var (name, expected) in (IEnumerable<(string, long)>)[("allowed", lines - registered), ("denied", registered)])
        {
            // Without the header.
            var written = Directory.GetFiles(output, name + ".*").Sum(file => File.ReadLines(file).LongCount() - 1);
            if (written != expected)
            {
                report.Wrong($"scrub: {written:N0} lines are {name} instead of {expected:N0}.");
            }
        }

        return result.Elapsed.TotalSeconds;
    }

    /// <summary>The time of all three runs, and how many of them could be killed before their end.</summary>
    private static async Task<(double Seconds, int Kills)> KilledAsync(
        TestBed bed, string list, string undisturbed, string output, CancellationToken ct)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var whole = SizeOf(undisturbed);
        var kills = 0;
        foreach (var part in (double[])[0.3, 0.6])
        {
            await using var scrub = new ChildProcess(LookupTool.Path, CommandLine(bed, list, output));
            while (!scrub.HasExited && SizeOf(output) < whole * part)
            {
                await Task.Delay(2, ct);
            }

            kills += scrub.HasExited ? 0 : 1;
            await scrub.KillAsync();
        }

        // The manifest comes last: with it the run had ended before it could be killed.
        if (!File.Exists(Path.Combine(output, "manifest.json")))
        {
            (await LookupTool.RunAsync(CommandLine(bed, list, output), ct)).MustSucceed("The resumed lookup scrub");
        }

        return (clock.Elapsed.TotalSeconds, kills);

        static long SizeOf(string folder) =>
            Directory.Exists(folder) ? Directory.GetFiles(folder, "allowed.*").Sum(file => new FileInfo(file).Length) : 0;
    }

    /// <summary>Compares all files but the manifest, which tells times and how often the run was stopped.</summary>
    private static int Compare(string undisturbed, string killed, Report report)
    {
        var names = Names(undisturbed);
        if (!names.SequenceEqual(Names(killed)))
        {
            report.Wrong($"scrub: the killed run left {string.Join(' ', Names(killed))} instead of {string.Join(' ', names)}.");
        }

        foreach (var name in names.Where(name => File.Exists(Path.Combine(killed, name)) && Hash(undisturbed, name) != Hash(killed, name)))
        {
            report.Wrong($"scrub: {name} of the killed run differs.");
        }

        return names.Count;

        static List<string> Names(string folder) =>
            [.. Directory.GetFiles(folder).Select(path => Path.GetFileName(path)).Where(name => name != "manifest.json").Order(StringComparer.Ordinal)];

        static string Hash(string folder, string name)
        {
            using var stream = File.OpenRead(Path.Combine(folder, name));
            return Convert.ToHexString(SHA256.HashData(stream));
        }
    }
}
