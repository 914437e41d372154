using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Commands;

/// <summary>
/// Measures a first load: from opening a file of numbers on a register to the published store, on a redis-server of
/// its own; and in the same run what redis-benchmark reaches with single HSETs, as the measure of the machine.
/// </summary>
internal sealed class FirstLoadCommand : LoadCommand
{
    private readonly Argument<int> _facts = new("FACTS") { Description = "Facts to load, 1,000 to 50,000,000.", DefaultValueFactory = _ => 1_000_000 };
    private readonly Option<int> _rounds;

    public FirstLoadCommand()
        : base("first-load", "Fills an empty redis-server from a file, beside redis-benchmark with single HSETs.", "redis-server")
    {
        _facts.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1_000 or > 50_000_000)
            {
                result.AddError("FACTS is outside 1,000 to 50,000,000.");
            }
        });
        Arguments.Add(_facts);
        _rounds = Number("--rounds", "Loads", 1, 1, 50);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        var count = parsed.GetValue(_facts);
        var file = Path.GetTempFileName();
        try
        {
            WriteNumbers(file, count);
            var (rates, hset, memory, cpu) = (new Series(), new Series(), new Series(), new Series());
            for (var round = 0; round < parsed.GetValue(_rounds); round++)
            {
                await using (var yardstick = await LocalRedis.StartAsync())
                {
                    hset.Add(await yardstick.BenchmarkAsync(
                        Math.Clamp(count, 100_000, 2_000_000), 1_000_000, ct, "HSET", "{00}b:__rand_int__", "f__rand_int__12345678", "value-of-15-byte"));
                }

                await using var redis = await LocalRedis.StartAsync("--maxmemory-policy", "noeviction");
                await LoadAsync(redis, file, count, report, rates, cpu, ct);
                memory.Add(long.Parse((await redis.InfoAsync())["used_memory"], CultureInfo.InvariantCulture) / 1e6);
            }

            report.Add(new Metric("first_load", "facts/s", rates)
            {
                BaselineName = "redis-benchmark -P 64 HSET",
                Baseline = hset,
                Note = $"{count:N0} lines of a register's file, reading and encryption included, until the store is published.",
            });
            report.Add(new Metric("first_load_memory", "MB", memory) { Note = "used_memory of redis, filter included." });
            report.Add(new Metric("first_load_cpu", "ns/fact", cpu) { Note = "Processor time of the loading process, without redis." });
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task LoadAsync(LocalRedis redis, string file, int count, Report report, Series rates, Series cpu, CancellationToken ct)
    {
        using var cipher = new NumberCipher(Enumerable.Range(0, 32).Select(i => (byte)(7 * i)).ToArray());
        var options = new Lookup.Redis.StoreOptions { ConnectionString = redis.ConnectionString, WriteTimeoutMs = 30_000 };
        var before = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        var result = await StoreFiller.FillAsync(options, cipher, count, ReadNumbers(file), withDetail: true, ct);
        rates.Add(count / clock.Elapsed.TotalSeconds);
        cpu.Add((Environment.CpuUsage.TotalTime - before).TotalNanoseconds / count);
        var expected = count - (count / 1_000);
        if (result.Facts != count || result.Timelines != expected)
        {
            report.Wrong($"{result.Facts:N0} facts and {result.Timelines:N0} timelines were stored instead of {count:N0} and {expected:N0}.");
        }
    }

    // Every thousandth number stands there twice, as it does in real lists.
    private static void WriteNumbers(string file, int count)
    {
        using var writer = new StreamWriter(file, append: false, Encoding.ASCII, 1 << 20);
        for (var i = 0; i < count; i++)
        {
            writer.Write(NumberBlock.British.Text(i % 1_000 == 999 ? i - 1 : i));
            writer.Write('\n');
        }
    }

    private static IEnumerable<Fact> ReadNumbers(string file)
    {
        var since = DateTimeOffset.UtcNow.AddYears(-1);
        using var reader = new StreamReader(file, Encoding.ASCII, false, 1 << 16);
        while (reader.ReadLine() is { } line)
        {
            if (!PhoneNumber.TryParse(line, out var number, out var fault))
            {
                throw new InvalidDataException(fault.Describe());
            }

            yield return new Fact { Number = number, Kind = FactKind.Registration, Register = "uk-tps", Source = StoreFiller.Source, Since = since };
        }
    }
}
