using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Embedded.Protocol;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Lookup.StoreTests;

/// <summary>The embedded engine answers each command of the store as redis does.</summary>
public sealed partial class EngineCommandTests
{
    private const int Rounds = 3_000;

    [Fact]
    public void Commands_OfScriptsAndOfRedis_AreKnown()
    {
        var assembly = typeof(StoreAdmin).Assembly;
        var used = assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".lua", StringComparison.Ordinal))
            .SelectMany(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                return CommandInScript().Matches(reader.ReadToEnd()).Select(match => match.Groups[1].Value);
            })
            .ToHashSet(StringComparer.Ordinal);
        Assert.Contains("BITFIELD", used);
        // PUBLISH only saves followers a wait; they poll without it.
        Assert.Empty(used.Except([.. RedisFaults.Needed, "PUBLISH"]));

        // The embedded store has no replicas to wait for.
        var known = Enum.GetNames<CommandKind>();
        Assert.All(RedisFaults.Needed.Except(["WAIT"]), command => Assert.Contains(command, known, StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Commands_AtRandom_AreAnsweredAsByRedis()
    {
        Programs.Require("redis-server");
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var folder = Directory.CreateTempSubdirectory("lookup-engine-").FullName;
        await using var server = await RedisServer.StartAsync();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(server.Options.ConnectionString);
        using (var data = DataFolder.Open(folder))
        await using (var embedded = EmbeddedServer.Start(new EmbeddedOptions { Folder = folder }, data, TimeProvider.System, NullLoggerFactory.Instance))
        await using (var engine = await ConnectionMultiplexer.ConnectAsync(embedded.ConnectionString))
        {
            for (var i = 0; i < Rounds; i++)
            {
                object[] command = Next(random);
                var (expected, actual) = (await AnswerAsync(redis, command), await AnswerAsync(engine, command));
                Assert.True(expected == actual, $"Seed {seed}, command {i}, {string.Join(' ', command)}: redis answered {expected}, the engine {actual}");
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    [GeneratedRegex(@"call\('([A-Z]+)'")]
    private static partial Regex CommandInScript();

    private static object[] Next(Random random)
    {
        var hash = "h" + random.Next(3);
        var text = "s" + random.Next(3);
        var list = "l" + random.Next(2);
        var set = "m" + random.Next(2);
        var sorted = "z" + random.Next(2);
        var field = "f" + random.Next(8);
        var number = random.Next(-3, 12);
        var bits = random.Next(200);
        return random.Next(30) switch
        {
            0 => ["HSET", hash, field, number],
            1 => ["HSETNX", hash, field, "new"],
            2 => ["HDEL", hash, field, "f0"],
            3 => ["HMGET", hash, field, "f1", "none"],
            4 => ["HGET", hash, field],
            5 => ["HLEN", hash],
            6 => ["HEXISTS", hash, field],
            7 => ["HINCRBY", "counters", field, number],
            8 => ["HGETALL", hash],
            9 => ["SET", text, new string('x', random.Next(150))],
            10 => ["SETRANGE", text, random.Next(300), "abc"],
            11 => ["GETRANGE", text, number, random.Next(-20, 300)],
            12 => ["STRLEN", text],
            13 => ["BITFIELD", text, "SET", "u1", bits, 1, "SET", "u1", bits + 70, 0],
            14 => ["BITFIELD", text, "OVERFLOW", "SAT", "INCRBY", "u16", 16 * bits, random.Next(-70_000, 70_000), "INCRBY", "u16", 16 * bits, 1],
            15 => ["BITFIELD", text, "SET", "u16", 16 * bits, random.Next(65_536)],
            16 => ["RPUSH", list, field, number],
            17 => ["LPOP", list],
            18 => ["LRANGE", list, number, random.Next(-5, 20)],
            19 => ["LTRIM", list, random.Next(3), random.Next(-3, 30)],
            20 => ["SADD", set, field, number],
            21 => ["SMEMBERS", set],
            22 => ["ZADD", sorted, random.Next(-5, 5) * 1.5, field],
            23 => ["ZREM", sorted, field],
            24 => ["ZCARD", sorted],
            25 => ["ZRANGEBYSCORE", sorted, random.Next(2) == 0 ? "-inf" : "(-1.5", "3", "LIMIT", random.Next(3), random.Next(-1, 4)],
            26 => ["ZREVRANGEBYSCORE", sorted, random.Next(2) == 0 ? "+inf" : "(3", "-4.5"],
            27 => ["EXPIRE", random.Next(2) == 0 ? set : sorted, 1000],
            28 => ["PERSIST", random.Next(2) == 0 ? set : sorted],
            _ => ["DEL", random.Next(5) switch { 0 => hash, 1 => text, 2 => list, 3 => set, _ => sorted }],
        };
    }

    private static async Task<string> AnswerAsync(ConnectionMultiplexer server, object[] command)
    {
        try
        {
            var answer = await server.GetDatabase().ExecuteAsync((string)command[0], [.. command.Skip(1).Select(part => (object)Convert.ToString(part, CultureInfo.InvariantCulture)!)]);
            return Text(answer, isSorted: command[0] is "HGETALL" or "SMEMBERS");
        }
        catch (RedisServerException)
        {
            return "error";
        }
    }

    // Redis answers hashes and sets in an order of its own.
    private static string Text(RedisResult answer, bool isSorted)
    {
        if (answer.Resp2Type != ResultType.Array)
        {
            return answer.IsNull ? "nothing" : Convert.ToHexString(Encoding.UTF8.GetBytes((string)answer!));
        }

        var parts = ((RedisResult[])answer!).Select(part => Text(part, isSorted: false));
        return string.Join(' ', isSorted ? parts.Order(StringComparer.Ordinal) : parts);
    }
}
