using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Lookup.Server;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Lookup.EndToEndTests.Operations;

/// <summary>deploy/compose.yaml: what it starts is run here as processes, with its own secrets, settings and commands.</summary>
public sealed class ComposeTests : IDisposable
{
    private static readonly string Deploy = Path.Combine(Programs.Root(), "deploy");

    private readonly TempFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Secrets => _folder.PathOf("deploy/secrets");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Compose_File_IsTakenByDockerComposeAndWithAMistakeIsNot()
    {
        Programs.Require("docker-compose");
        await SetUpAsync();
        var file = _folder.PathOf("deploy/compose.yaml");

        var (code, output, error) = await ConfigAsync();
        Assert.True(code == 0, output + error);

        var text = await File.ReadAllTextAsync(file, Ct);
        await File.WriteAllTextAsync(file, text.Replace("stop_grace_period", "stop_grace_periode", StringComparison.Ordinal), Ct);
        Assert.Contains("stop_grace_periode", (await ConfigAsync()).Error, StringComparison.Ordinal);
        // Without its secrets it says what to do.
        await File.WriteAllTextAsync(file, text, Ct);
        File.Delete(_folder.PathOf("deploy/.env"));
        Assert.Contains("setup.sh", (await ConfigAsync()).Error, StringComparison.Ordinal);

        Task<(int Code, string Output, string Error)> ConfigAsync() => Programs.RunAsync("docker-compose", "-f", file, "config", "-q");
    }

    [Fact]
    public async Task Compose_Commands_RunAsProcesses()
    {
        await SetUpAsync();
        var services = Services();
        var (store0, grpc, json) = (0, 0, 0);
        var password = (await File.ReadAllTextAsync(_folder.PathOf("deploy/.env"), Ct)).Split('=')[1].Trim();
        await using var primary = await StartRedisAsync("redis-0");
        store0 = primary.Port;
        await using var first = await StartRedisAsync("redis-1");
        await using var second = await StartRedisAsync("redis-2");

        var init = await CliRun.Async(Command("init"));
        Assert.True(init.ExitCode == 0, init.Error);
        var again = await CliRun.Async(Command("init"));
        Assert.NotEqual(0, again.ExitCode);
        string[] store = [.. Command("init").Where(argument => argument.StartsWith("--redis", StringComparison.Ordinal) || argument.StartsWith("--key-file", StringComparison.Ordinal))];
        var made = await CliRun.Async(["key", "create", "prometheus", "--role", "observe", "--json", "--wait-replicas=1", .. store]);
        Assert.True(made.ExitCode == 0, made.Error);
        var key = JsonNode.Parse(made.Output)!;
        // Settings of redis that the documentation asks for would be missed here. How old the rules are is another matter.
        var doctor = JsonNode.Parse((await CliRun.Async(["doctor", "--json", "--wait-replicas=1", .. store])).Output)!;
        Assert.Empty(doctor["findings"]!.AsArray().Where(finding => finding!["level"]!.GetValue<string>() != "ok" && finding["name"]!.GetValue<string>() != "rules").Select(finding => finding!.ToJsonString()));
        await File.WriteAllTextAsync(Path.Combine(Secrets, "prometheus.key"), key["apiKey"]!.GetValue<string>() + "\n", Ct);

        using var service = ToolProcess.Start([.. Command("lookup-a"), "--json"]);
        await service.UntilAsync(() => service.Output.Contains('\n', StringComparison.Ordinal));
        var addresses = JsonNode.Parse(service.Output)!;
        (grpc, json) = (new Uri(addresses["grpc"]!.GetValue<string>()).Port, new Uri(addresses["json"]!.GetValue<string>()).Port);

        var probe = ((List<object>)services["lookup-a"].Of("healthcheck")["test"]).Cast<string>().ToArray();
        Assert.Equal(["CMD", "dotnet", "/app/lookup.dll"], probe[..3]);
        var health = await CliRun.Async([.. probe[3..].Select(Mapped).Select(argument => argument == "--timeout=3" ? "--timeout=60" : argument)]);
        Assert.True(health.ExitCode == 0, health.Error);
        Assert.Equal("SERVING", health.Output.Trim());

        var scrape = Scrape();
        using var http = Trusting(Path.Combine(Secrets, "ca.crt"));
        var metrics = new Uri($"{scrape["scheme"]}://localhost:{json}{scrape["metrics_path"]}");
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(metrics, Ct)).StatusCode);
        var access = scrape.Of("authorization");
        Assert.Equal("/run/secrets/prometheus.key", access["credentials_file"]);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            (string)access["type"], (await File.ReadAllTextAsync(Mapped((string)access["credentials_file"]), Ct)).Trim());
        Assert.Contains("lookup_serving 1", await http.GetStringAsync(metrics, Ct), StringComparison.Ordinal);
        var check = await CliRun.Async("check", "+31612345678", "--org", "acme", "--purpose", "commercial", "--address", $"https://localhost:{grpc}", "--ca", Path.Combine(Secrets, "ca.crt"));
        Assert.Contains("credential", check.Error, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFiles(_folder.PathOf("data/receipts")));

        service.Interrupt();
        Assert.Equal(0, (await service.EndAsync()).ExitCode);

        async Task<RedisServer> StartRedisAsync(string name)
        {
            var command = ((List<object>)services[name]["command"]).Cast<string>().ToArray();
            Assert.Equal(["redis-server", "/etc/redis/redis.conf"], command[..2]);
            var settings = await File.ReadAllTextAsync(_folder.PathOf("deploy/compose/redis.conf"), Ct);
            return await RedisServer.StartWithPasswordAsync(
                settings.Replace("/run/secrets", Secrets, StringComparison.Ordinal).Replace("dir /data", "", StringComparison.Ordinal),
                password,
                [.. command[2..].Select(argument => argument switch { "redis-0" => "127.0.0.1", "6379" => $"{store0}", _ => argument })]);
        }

        string[] Command(string name) => [.. ((List<object>)services[name]["command"]).Cast<string>().Select(argument => argument switch
        {
            "--redis=env" => "--redis=" + Store((string)services[name].Of("environment")["LOOKUP_REDIS"]),
            "--listen=0.0.0.0:7500" => "--listen=0.0.0.0:0",
            "--json-port=7501" => "--json-port=0",
            "--expected-facts=${EXPECTED_FACTS:-10000000}" => "--expected-facts=10000",
            _ => Mapped(argument),
        })];

        string Store(string connection)
        {
            Assert.StartsWith("redis-0:6379,password=${REDIS_PASSWORD", connection, StringComparison.Ordinal);
            return $"127.0.0.1:{store0},password={password}";
        }

        string Mapped(string argument) => argument.Replace("/run/secrets", Secrets, StringComparison.Ordinal)
            .Replace("/data/", _folder.PathOf("data/"), StringComparison.Ordinal)
            .Replace(":7500", $":{grpc}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compose_Prometheus_ConfigurationIsTakenByPromtool()
    {
        Programs.Require("promtool");
        await SetUpAsync();
        var text = await File.ReadAllTextAsync(Path.Combine(Deploy, "compose/prometheus.yml"), Ct);
        var file = _folder.Write("prometheus.yml", text.Replace("/run/secrets", Secrets, StringComparison.Ordinal)
            .Replace("/etc/prometheus/alerts.yml", Path.Combine(Deploy, "prometheus/alerts.yml"), StringComparison.Ordinal));

        var (code, output, error) = await Programs.RunAsync("promtool", "check", "config", file);

        Assert.True(code == 0, output + error);
        // The alerts and the dashboard look for this job; its targets are the JSON ports of the instances.
        var scrape = Scrape();
        Assert.Equal("lookup", scrape["job_name"]);
        var targets = (List<object>)((Dictionary<object, object>)((List<object>)scrape["static_configs"])[0])["targets"];
        Assert.Equal(Services().Keys.Where(name => name.StartsWith("lookup-", StringComparison.Ordinal)).Select(name => name + ":7501"), targets);
    }

    [Fact]
    public void Compose_Services_AreHardenedAndStopInTime()
    {
        foreach (var (name, service) in Services())
        {
            Assert.True((string)service["read_only"] == "true", name);
            Assert.Equal(["ALL"], (List<object>)service["cap_drop"]);
            Assert.Contains("no-new-privileges:true", (List<object>)service["security_opt"]);
            Assert.DoesNotMatch("^(0|root)(:|$)", (string)service["user"]);
            // Whatever it writes to is a volume, and every mounted file is there.
            foreach (var volume in service.TryGetValue("volumes", out var volumes) ? ((List<object>)volumes).Cast<string>() : [])
            {
                var from = volume.Split(':')[0];
                Assert.True(from.StartsWith('.') ? File.Exists(Path.Combine(Deploy, from)) : Read(File.ReadAllText(Path.Combine(Deploy, "compose.yaml"))).Of("volumes").ContainsKey(from), volume);
            }
        }

        var drain = new LookupServerOptions().DrainLimitSeconds;
        Assert.All(["lookup-a", "lookup-b"], name =>
            Assert.InRange(int.Parse(((string)Services()[name]["stop_grace_period"]).TrimEnd('s'), System.Globalization.CultureInfo.InvariantCulture), drain + 5, 60));
        // Nobody but this machine reaches what asks for no credential.
        Assert.All(["prometheus", "grafana"], name => Assert.All((List<object>)Services()[name]["ports"], port => Assert.StartsWith("127.0.0.1:", (string)port)));
        Assert.DoesNotContain("ports", Services()["redis-0"].Keys.Cast<string>());
    }

    private async Task SetUpAsync()
    {
        Programs.Require("cp", "rm", "sh", "openssl");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "deploy/compose/setup.sh gives files to another user, which needs root.");
        var (copied, _, fault) = await Programs.RunAsync("cp", "-r", Deploy, _folder.PathOf("deploy"));
        Assert.True(copied == 0, fault);
        foreach (var made in (string[])["deploy/secrets", "deploy/.env"])
        {
            await Programs.RunAsync("rm", "-rf", _folder.PathOf(made));
        }

        var (code, output, error) = await Programs.RunAsync(_folder.PathOf("deploy/compose/setup.sh"), "calls.example.org", "192.0.2.7");
        Assert.True(code == 0, output + error);
        // What is there stays.
        var keys = Directory.GetFiles(Secrets).Append(_folder.PathOf("deploy/.env")).ToDictionary(file => file, File.ReadAllText);
        Assert.Equal(0, (await Programs.RunAsync(_folder.PathOf("deploy/compose/setup.sh"))).Code);
        Assert.All(keys, pair => Assert.Equal(pair.Value, File.ReadAllText(pair.Key)));
    }

    private static Dictionary<string, Dictionary<object, object>> Services() =>
        Read(File.ReadAllText(Path.Combine(Deploy, "compose.yaml"))).Of("services").ToDictionary(pair => (string)pair.Key, pair => (Dictionary<object, object>)pair.Value);

    private static Dictionary<object, object> Scrape() =>
        (Dictionary<object, object>)((List<object>)Read(File.ReadAllText(Path.Combine(Deploy, "compose/prometheus.yml")))["scrape_configs"]).Single();

    private static Dictionary<object, object> Read(string text) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(new MergingParser(new Parser(new StringReader(text))));

    private static HttpClient Trusting(string authority) => new(new SocketsHttpHandler
    {
        SslOptions =
        {
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(authority) },
                RevocationMode = X509RevocationMode.NoCheck,
            },
        },
    });
}

file static class Yaml
{
    internal static Dictionary<object, object> Of(this Dictionary<object, object> map, string key) => (Dictionary<object, object>)map[key];
}
