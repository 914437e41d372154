using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lookup.Core.Facts;
using Lookup.Core.Regimes;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Load.Audit;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Commands;

/// <summary>`lookup audit` and `lookup report` of a year of calls on the embedded store: every planted violation must be found, and no other.</summary>
internal sealed class AuditCommand : LoadCommand
{
    private const string Organisation = TestBed.Organisation;
    private const int WriteBatch = 4_096;

    private static readonly TimeSpan Sample = TimeSpan.FromMilliseconds(100);
    private static readonly string[] Names = ["permitted", "not permitted", "permitted only by what was recorded after the call", "forbidden by what was recorded after the call"];

    private readonly Option<int> _calls;
    private readonly Option<int> _rounds;
    private readonly Option<string?> _baseline = new("--baseline") { Description = "The tool of another build, which audits the same calls in turns.", HelpName = "PATH" };

    public AuditCommand()
        : base("audit", "`lookup audit` and `lookup report` of a year of calls by three contact centres, on the embedded store.")
    {
        _calls = Number("--calls", "Calls of the year", 10_000_000, 10_000, 90_000_000);
        _rounds = Number("--rounds", "Audits", 1, 1, 20);
        Options.Add(_baseline);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        using var folder = new TempFolder();
        var (data, file) = (Path.Combine(folder.Path, "data"), Path.Combine(folder.Path, "calls.csv"));
        var calls = new List<YearCall>(parsed.GetValue(_calls));
        Report.Say($"Recording the facts of a year of {parsed.GetValue(_calls):N0} calls ...");
        var facts = await RecordAsync(data, parsed.GetValue(_calls), calls, ct);
        calls.Sort((a, b) => a.At.CompareTo(b.At));
        Write(file, calls);
        var (service, address) = await LookupTool.ServeEmbeddedAsync(data, ct);
        await using var started = service;
        (await LookupTool.RunAsync(["org", "put", Organisation, "--cap", $"{CallYear.Cap}/24h", "--address", address.ToString()], ct)).MustSucceed("lookup org put");

        var (rates, baseline, memory, seconds) = (new Series(), new Series(), new Series(), new Series());
        var (reports, reportMemory) = (new Series(), new Series());
        for (var round = 0; round < parsed.GetValue(_rounds); round++)
        {
            if (parsed.GetValue(_baseline) is { } other)
            {
                var (time, _) = await AuditAsync(other, "audit", file, address, ct);
                baseline.Add(calls.Count / time.TotalSeconds);
            }

            var (elapsed, peak) = await AuditAsync(LookupTool.Path, "audit", file, address, ct);
            Check(file + ".findings.csv", calls, report);
            File.Delete(file + ".findings.csv");
            var (withPage, pagePeak) = await AuditAsync(LookupTool.Path, "report", file, address, ct);
            Check(file + ".findings.csv", calls, report);
            reports.Add(withPage.TotalSeconds);
            reportMemory.Add(pagePeak / 1e6);
            rates.Add(calls.Count / elapsed.TotalSeconds);
            seconds.Add(elapsed.TotalSeconds);
            memory.Add(peak / 1e6);
            Report.Say($"Round {round + 1}: audit {elapsed.TotalSeconds:N1} s, report {withPage.TotalSeconds:N1} s.");
        }

        var numbers = calls.Select(call => call.Number).Distinct().Count();
        var planted = calls.Count(call => call.Finding != YearFinding.Permitted);
        report.Add(new Metric("audit", "s", seconds) { Note = $"lookup audit of {calls.Count:N0} calls to numbers with {facts:N0} facts, {planted:N0} of them planted; start of the tool included." });
        report.Add(new Metric("audit_rate", "calls/s", rates) { BaselineName = baseline.Count > 0 ? "--baseline" : null, Baseline = baseline.Count > 0 ? baseline : null, Note = "Two decisions for each call." });
        report.Add(new Metric("audit_memory", "MB", memory) { Note = "Largest resident memory of the tool." });
        report.Add(new Metric("report", "s", reports) { Note = $"lookup report of the same calls: also reads the facts of {numbers:N0} numbers." });
        report.Add(new Metric("report_memory", "MB", reportMemory) { Note = "Largest resident memory of the tool." });
        report.Add(new Metric("audit_service_memory", "MB", new Series(Peak(service.Id) / 1e6)) { Note = "Largest resident memory of the service, with the embedded store." });
    }

    /// <summary>Fills an embedded store with facts of their own times of recording, and collects the calls.</summary>
    private static async Task<long> RecordAsync(string data, int count, List<YearCall> calls, CancellationToken ct)
    {
        var clock = new RecordingClock();
        await using var store = await EmbeddedStore.StartAsync(
            new EmbeddedOptions { Folder = data, ExpectedFacts = Math.Max(100_000, count / 4) }, null, TimeProvider.System, ct);
        var source = await store.Names.SourceIdAsync("measurement", "", ct);
        var expander = new FactExpander(RegimeSet.BuiltIn, store.Cipher, clock);
        var (facts, batch, faults) = (new List<(Fact Fact, DateTimeOffset Recorded)>(), new List<StoredFact>(), new List<FieldFault>());
        var written = 0L;
        for (long i = 0; calls.Count < count; i++)
        {
            facts.Clear();
            CallYear.Add(i, Organisation, facts, calls);
            foreach (var (fact, recorded) in facts)
            {
                clock.Now = recorded;
                if (!expander.TryExpand(fact, source, batch, faults))
                {
                    throw new InvalidDataException(faults[0].Description);
                }
            }

            if (batch.Count >= WriteBatch)
            {
                await WriteAsync();
            }
        }

        await WriteAsync();
        return written;

        async Task WriteAsync()
        {
            written += batch.Count;
            await store.Writer.WriteAsync(batch, ct);
            batch.Clear();
        }
    }

    private static void Write(string file, List<YearCall> calls)
    {
        using var writer = new StreamWriter(file, append: false, new UTF8Encoding(false), 1 << 20);
        writer.Write("centre,dst,start\n");
        foreach (var call in calls)
        {
            var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(call.At), CallYear.Zone);
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"centre{call.Centre},+{call.Number},{local:yyyy-MM-dd HH:mm:ss}\n"));
        }
    }

    private static async Task<(TimeSpan Elapsed, long PeakBytes)> AuditAsync(string tool, string command, string file, Uri address, CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        await using var audit = new ChildProcess(tool,
        [
            command, file, "--column", "dst", "--time", "start", "--timezone", "Europe/Amsterdam", "--by", "centre", "--org", Organisation,
            "--purpose", "commercial", "--address", address.ToString(), "--restart", "--json",
        ]);
        var end = audit.WaitAsync(ct);
        var peak = 0L;
        while (await Task.WhenAny(end, Task.Delay(Sample, ct)) != end)
        {
            peak = Math.Max(peak, Peak(audit.Id));
        }

        // Exit code 6: there are calls to answer for.
        return await end == 6 ? (clock.Elapsed, peak) : throw new InvalidOperationException($"lookup {command} ended with {await end}: {audit.Errors}");
    }

    private static void Check(string findings, List<YearCall> calls, Report report)
    {
        var next = 0;
        var found = 0;
        foreach (var line in File.ReadLines(findings).Skip(1))
        {
            var cells = line.Split(',');
            // Line 1 is the header.
            var index = int.Parse(cells[0], CultureInfo.InvariantCulture) - 2;
            next = NextPlanted(next);
            if (index != next || cells[3] != Names[(int)calls[index].Finding])
            {
                report.Wrong($"audit: line {index + 2} is '{cells[3]}'; expected '{Names[(int)calls[index].Finding]}', and the next planted line is {next + 2}.");
                return;
            }

            (next, found) = (next + 1, found + 1);
        }

        if (NextPlanted(next) < calls.Count)
        {
            report.Wrong($"audit: {found:N0} findings, and line {NextPlanted(next) + 2} is missing.");
        }

        int NextPlanted(int from)
        {
            while (from < calls.Count && calls[from].Finding == YearFinding.Permitted)
            {
                from++;
            }

            return from;
        }
    }

    private static long Peak(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(text => text.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : 1_024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private sealed class RecordingClock : TimeProvider
    {
        internal DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
