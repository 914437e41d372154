using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Redis;

namespace Lookup.Load;

/// <summary>
/// Measures a first load: from opening a file of numbers on a register to the published store, on a redis-server of
/// its own; and in the same run what redis-benchmark reaches with single HSETs, as the measure of the machine.
/// </summary>
internal static class FirstLoadCommand
{
    private const int Batch = 8_192;

    internal static async Task<int> RunAsync(string[] arguments)
    {
        var count = arguments.Length == 0 ? 1_000_000 : int.Parse(arguments[0], NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
        if (count is < 1_000 or > 50_000_000)
        {
            Console.Error.WriteLine("facts: 1,000 to 50,000,000.");
            return 2;
        }

        double hset;
        double hmget;
        await using (var yardstick = await LocalRedis.StartAsync())
        {
            hset = await yardstick.BenchmarkAsync(2_000_000, 1_000_000, "HSET", "{00}b:__rand_int__", "f__rand_int__12345678", "value-of-15-byte");
            hmget = await yardstick.BenchmarkAsync(2_000_000, 1_000_000, "HMGET", "{00}b:__rand_int__", "f__rand_int__12345678", "other");
        }

        var file = Path.GetTempFileName();
        try
        {
            WriteNumbers(file, count);
            await using var redis = await LocalRedis.StartAsync("--maxmemory-policy", "noeviction");
            using var cipher = new NumberCipher(Enumerable.Range(0, 32).Select(i => (byte)(7 * i)).ToArray());
            var options = new StoreOptions { ConnectionString = redis.ConnectionString, WriteTimeoutMs = 30_000 };
            var clock = Stopwatch.StartNew();
            var result = await LoadAsync(file, count, options, cipher);
            var seconds = clock.Elapsed.TotalSeconds;
            var info = await redis.InfoAsync();
            var memory = long.Parse(info["used_memory"], CultureInfo.InvariantCulture) / 1e6;
            var client = Environment.CpuUsage.TotalTime.TotalSeconds;
            var server = Seconds(info, "used_cpu_user") + Seconds(info, "used_cpu_sys");
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $$"""{"first_load":{"facts":{{result.Facts}},"timelines":{{result.Timelines}},"merged":{{result.Merged}},"seconds":{{seconds:F2}},"facts_per_second":{{result.Facts / seconds:F0}},"used_memory_mb":{{memory:F1}},"server_cpu_seconds":{{server:F1}},"client_cpu_seconds":{{client:F1}}},"redis_benchmark_p64":{"hset_per_second":{{hset:F0}},"hmget_per_second":{{hmget:F0}}},"processors":{{Environment.ProcessorCount}}}"""));
            return 0;
        }
        finally
        {
            File.Delete(file);
        }

        static double Seconds(Dictionary<string, string> info, string name) => double.Parse(info[name], CultureInfo.InvariantCulture);
    }

    // Every thousandth number stands there twice, as it does in real lists.
    private static void WriteNumbers(string file, int count)
    {
        using var writer = new StreamWriter(file, append: false, Encoding.ASCII, 1 << 20);
        var step = 387_420_489L;
        for (var i = 0; i < count; i++)
        {
            var n = i % 1_000 == 999 ? i - 1 : i;
            writer.Write("+316");
            writer.Write((n * step % 100_000_000).ToString("D8", CultureInfo.InvariantCulture));
            writer.Write('\n');
        }
    }

    private static async Task<FirstLoadResult> LoadAsync(string file, int count, StoreOptions options, NumberCipher cipher)
    {
        await using var load = await FirstLoad.BeginAsync(
            options, new InitOptions { KeyCheck = cipher.KeyCheck, ExpectedFacts = count }, TimeProvider.System, default);
        var source = await load.Imports.SourceIdAsync("measurement", "", "", default);
        var batches = Channel.CreateBounded<List<StoredFact>>(4);
        var reading = Task.Run(async () =>
        {
            try
            {
                await ReadAsync(file, source, cipher, batches.Writer);
                batches.Writer.Complete();
            }
            catch (Exception e)
            {
                batches.Writer.Complete(e);
            }
        });
        await foreach (var batch in batches.Reader.ReadAllAsync())
        {
            await load.AddAsync(batch, default);
        }

        await reading;
        return await load.PublishAsync(default);
    }

    private static async Task ReadAsync(string file, uint source, NumberCipher cipher, ChannelWriter<List<StoredFact>> output)
    {
        var expander = new FactExpander(RegimeSet.BuiltIn, cipher, TimeProvider.System);
        var faults = new List<FieldFault>();
        var since = DateTimeOffset.UtcNow.AddYears(-1);
        var batch = new List<StoredFact>(Batch);
        using var reader = new StreamReader(file, Encoding.ASCII, false, 1 << 16);
        while (reader.ReadLine() is { } line)
        {
            if (!PhoneNumber.TryParse(line, out var number, out var fault))
                throw new InvalidDataException(fault.Describe());
            var fact = new Fact { Number = number, Kind = FactKind.Registration, Register = "nl-bmnr", Source = "measurement", Since = since };
            if (!expander.TryExpand(fact, source, batch, faults))
                throw new InvalidDataException(faults[0].Description);
            if (batch.Count >= Batch)
            {
                await output.WriteAsync(batch);
                batch = new List<StoredFact>(Batch);
            }
        }

        await output.WriteAsync(batch);
    }
}
