using System.Globalization;

namespace Lookup.Load.Processes;

/// <summary>
/// A redis-server with hashes of the same number and size as a store's buckets, for redis-benchmark to read as a check
/// does: one field that is there, in the middle, and others that are not.
/// </summary>
internal sealed class Yardstick : IAsyncDisposable
{
    private const int KeysPerCall = 20_000;

    // Names as long as a stored field. The key is ten bytes longer than a bucket's: redis-benchmark writes its random
    // number in twelve digits.
    private const int FieldLength = 21;
    private const string KeyPattern = "{00}b:__rand_int__";

    private const string FillScript =
        """
        for key = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
          local fields = {}
          for field = 0, tonumber(ARGV[3]) - 1 do
            fields[#fields + 1] = string.format('f%020d', field)
            fields[#fields + 1] = ARGV[4]
          end
          redis.call('HSET', string.format('{00}b:%012d', key), unpack(fields))
        end
        return 0
        """;

    private readonly LocalRedis _redis;
    private readonly long _keys;
    private readonly string[] _command;

    private Yardstick(LocalRedis redis, long keys, int fields, int asked)
    {
        _redis = redis;
        _keys = keys;
        _command = ["HMGET", KeyPattern, Name('f', fields / 2), .. Enumerable.Range(0, asked - 1).Select(i => Name('g', i))];
    }

    /// <summary>The command that redis-benchmark sends.</summary>
    internal string Command => string.Join(' ', _command);

    /// <param name="keys">Hashes.</param>
    /// <param name="fields">Fields in each.</param>
    /// <param name="valueLength">Length of each value in bytes.</param>
    /// <param name="asked">Fields that a command asks for.</param>
    /// <param name="ct">Breaks the filling off.</param>
    internal static async Task<Yardstick> StartAsync(long keys, int fields, int valueLength, int asked, CancellationToken ct)
    {
        var redis = await LocalRedis.StartAsync("--maxmemory-policy", "noeviction");
        try
        {
            await using var connection = await redis.ConnectAsync();
            var database = connection.GetDatabase();
            for (long first = 0; first < keys; first += KeysPerCall)
            {
                ct.ThrowIfCancellationRequested();
                await database.ScriptEvaluateAsync(
                    FillScript, [], [first, Math.Min(keys, first + KeysPerCall), fields, new string('v', valueLength)]);
            }

            return new Yardstick(redis, keys, fields, asked);
        }
        catch
        {
            await redis.DisposeAsync();
            throw;
        }
    }

    /// <summary>Requests a second of one run of redis-benchmark with pipelines of 64.</summary>
    internal Task<double> MeasureAsync(long requests, CancellationToken ct) => _redis.BenchmarkAsync(requests, _keys, ct, _command);

    public ValueTask DisposeAsync() => _redis.DisposeAsync();

    private static string Name(char kind, int number) => kind + number.ToString($"D{FieldLength - 1}", CultureInfo.InvariantCulture);
}
