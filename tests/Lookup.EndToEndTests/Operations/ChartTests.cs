using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lookup.Server;
using YamlDotNet.Serialization;

namespace Lookup.EndToEndTests.Operations;

/// <summary>
/// deploy/helm/lookup, rendered by tests/clients/chart/render.go, which does what helm does, and compared with the schemas of
/// Kubernetes.
/// </summary>
public sealed partial class ChartTests(ChartTests.Renderer renderer) : IClassFixture<ChartTests.Renderer>, IDisposable
{
    /// <summary>Everything that can be switched on or named.</summary>
    private const string Everything = """
        image: {repository: registry.example.org/lookup, tag: "1", pullSecrets: [pull]}
        tls: {clientCaSecret: clients}
        jwt: {issuer: "https://login.example.org", audience: lookup, subjectClaim: sub}
        receipts: {storageClass: fast, for: asked}
        settings: {FreshnessBoundMs: 300, RecordCacheBytes: 200000000}
        setup: {enabled: true}
        retention: {enabled: true}
        traces: {endpoint: "http://collector:4317"}
        autoscaling: {enabled: true}
        networkPolicy: {from: [{namespaceSelector: {}}], storeTo: [{ipBlock: {cidr: 10.0.0.0/8}}], egress: [{ports: [{port: 443}]}]}
        monitoring: {serviceMonitor: {enabled: true, labels: {a: b}}, rules: {enabled: true, labels: {a: b}}, dashboard: {enabled: true}}
        service: {annotations: {a: b}}
        serviceAccount: {annotations: {a: b}}
        podAnnotations: {a: b}
        podLabels: {a: b}
        nodeSelector: {a: b}
        tolerations: [{key: a, operator: Exists}]
        affinity: {nodeAffinity: {}}
        topologySpreadConstraints: [{topologyKey: a, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]
        priorityClassName: high
        """;

    private const string Least = """
        image: {repository: lookup}
        tls: {behindProxy: true, secret: ""}
        receipts: {enabled: false}
        serviceAccount: {create: false, name: other}
        podDisruptionBudget: {enabled: false}
        networkPolicy: {enabled: false}
        preStopSeconds: 0
        """;

    private const string Plain = "image: {repository: lookup}";

    private readonly TempFolder _folder = new();

    private static readonly string Deploy = Path.Combine(Programs.Root(), "deploy");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Plain, "NetworkPolicy PodDisruptionBudget Service Service ServiceAccount StatefulSet")]
    [InlineData(Least, "Service Service StatefulSet")]
    [InlineData(Everything, "ConfigMap CronJob HorizontalPodAutoscaler Job NetworkPolicy PodDisruptionBudget PrometheusRule Service Service ServiceAccount ServiceMonitor StatefulSet")]
    public async Task Chart_Objects_FitTheSchemasOfKubernetes(string values, string kinds)
    {
        var objects = await RenderAsync(values);

        Assert.Equal(kinds, string.Join(' ', objects.Select(one => one!["kind"]!.GetValue<string>()).Order(StringComparer.Ordinal)));
        Assert.Empty(await FaultsAsync(objects));
    }

    [Theory]
    [InlineData("serviceName", "serviceNam", "/spec/serviceNam is no field")]
    [InlineData("readinessProbe", "readynessProbe", "readynessProbe is no field")]
    [InlineData("matchLabels", "labels", "must have required property")]
    [InlineData("\"terminationGracePeriodSeconds\":30", "\"terminationGracePeriodSeconds\":\"30\"", "must be integer")]
    [InlineData("apps/v1", "apps/v1beta1", "there is no such kind")]
    public async Task Faults_OfWhatIsWrong_AreFound(string right, string wrong, string fault)
    {
        var text = (await RenderAsync(Plain)).ToJsonString();
        Assert.Contains(right, text, StringComparison.Ordinal);
        // Where a required map is gone, only the field under another name may be told.
        var objects = (JsonArray)JsonNode.Parse(text.Replace(right, wrong, StringComparison.Ordinal))!;
        if (right == "matchLabels")
        {
            objects.Single(one => one!["kind"]!.GetValue<string>() == "StatefulSet")!["spec"]!.AsObject().Remove("selector");
        }

        Assert.Contains(fault, await FaultsAsync(objects), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Plain)]
    [InlineData(Least)]
    [InlineData(Everything)]
    public async Task Chart_Commands_AreTakenByTheTool(string values)
    {
        var objects = await RenderAsync(values);
        var containers = objects.Where(one => one!["kind"]!.GetValue<string>() is "StatefulSet" or "Job").Select(Container).ToList();
        Assert.Equal(values == Everything ? 2 : 1, containers.Count);
        foreach (var container in containers)
        {
            // Every option, and all of them together, are in order where what is missed at last is a file that is mounted.
            var run = await CliRun.Async([.. Arguments(container).Select(argument => argument == "--redis=env" ? "--redis=127.0.0.1:1" : argument)]);
            Assert.Matches("^lookup: (The key file /etc/lookup/store/number.key does not exist.|--tls-cert '/etc/lookup/tls/[^']*' cannot be read)", run.Error);
            // And each file that they name is mounted.
            var mounts = container["volumeMounts"]!.AsArray().Select(mount => mount!["mountPath"]!.GetValue<string>()).ToList();
            Assert.All(Arguments(container).Where(argument => argument.Contains("=/", StringComparison.Ordinal)), argument =>
                Assert.Contains(mounts, mount => argument.Contains("=" + mount + "/", StringComparison.Ordinal)));
            Assert.All(mounts, mount => Assert.Contains(Arguments(container), argument => argument.Contains("=" + mount + "/", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData(Plain, "HTTPS")]
    [InlineData(Least, "HTTP")]
    public async Task Chart_PortsProbesAndTimes_AreThoseOfTheService(string values, string scheme)
    {
        var objects = await RenderAsync(values);
        var set = Of(objects, "StatefulSet");
        var container = Container(set);
        var ports = container["ports"]!.AsArray().ToDictionary(port => port!["name"]!.GetValue<string>(), port => port!["containerPort"]!.GetValue<int>());
        Assert.Contains($"--listen=0.0.0.0:{ports["grpc"]}", Arguments(container));
        Assert.Contains($"--json-port={ports["json"]}", Arguments(container));
        Assert.Equal((new LookupServerOptions().GrpcPort, new LookupServerOptions().JsonPort), (ports["grpc"], ports["json"]));
        Assert.All(Services(), port => Assert.Contains(port!["targetPort"]!.GetValue<string>(), ports.Keys));

        // HealthTests ask the same address.
        var ready = container["readinessProbe"]!["httpGet"]!;
        Assert.Equal(("/health", "json", scheme), (ready["path"]!.GetValue<string>(), ready["port"]!.GetValue<string>(), ready["scheme"]!.GetValue<string>()));
        Assert.Equal(scheme == "HTTP", Arguments(container).Contains("--behind-proxy"));

        var drain = int.Parse(Drain().Match(string.Join(' ', Arguments(container))).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(new LookupServerOptions().DrainLimitSeconds, drain);
        var preStop = container["lifecycle"]?["preStop"]!["sleep"]!["seconds"]!.GetValue<int>() ?? 0;
        Assert.Equal(preStop + drain + 5, set["spec"]!["template"]!["spec"]!["terminationGracePeriodSeconds"]!.GetValue<int>());

        IEnumerable<JsonNode?> Services() =>
            objects.Where(one => one!["kind"]!.GetValue<string>() == "Service").SelectMany(one => one!["spec"]!["ports"]!.AsArray());
    }

    [Fact]
    public async Task Chart_Selectors_FindWhatTheyAreFor()
    {
        var objects = await RenderAsync(Everything);
        var set = Of(objects, "StatefulSet");
        var pods = set["spec"]!["template"]!["metadata"]!["labels"]!.AsObject();
        foreach (var selector in (JsonNode[])
            [
                set["spec"]!["selector"]!["matchLabels"]!, Of(objects, "PodDisruptionBudget")["spec"]!["selector"]!["matchLabels"]!,
                Of(objects, "NetworkPolicy")["spec"]!["podSelector"]!["matchLabels"]!,
                .. objects.Where(one => one!["kind"]!.GetValue<string>() == "Service").Select(one => one!["spec"]!["selector"]!),
            ])
        {
            Assert.NotEmpty(selector.AsObject());
            Assert.All(selector.AsObject(), label => Assert.Equal(label.Value!.GetValue<string>(), pods[label.Key]?.GetValue<string>()));
        }

        // The job that sets the store up must not get calls.
        Assert.NotEqual(pods["app.kubernetes.io/name"]!.GetValue<string>(), Of(objects, "Job")["spec"]!["template"]!["metadata"]!["labels"]!["app.kubernetes.io/name"]!.GetValue<string>());
        Assert.Contains(objects, one => one!["kind"]!.GetValue<string>() == "Service" && one["metadata"]!["name"]!.GetValue<string>() == set["spec"]!["serviceName"]!.GetValue<string>());
        Assert.Equal(set["metadata"]!["name"]!.GetValue<string>(), Of(objects, "HorizontalPodAutoscaler")["spec"]!["scaleTargetRef"]!["name"]!.GetValue<string>());
        Assert.Null(set["spec"]!["replicas"]);

        var monitor = Of(objects, "ServiceMonitor")["spec"]!;
        var marked = monitor["selector"]!["matchExpressions"]![0]!["key"]!.GetValue<string>();
        Assert.Single(objects, one => one!["kind"]!.GetValue<string>() == "Service" && one["metadata"]!["labels"]!.AsObject().ContainsKey(marked));
        Assert.Equal("/metrics", monitor["endpoints"]![0]!["path"]!.GetValue<string>());
        Assert.Equal("lookup", monitor["endpoints"]![0]!["relabelings"]![0]!["replacement"]!.GetValue<string>());
    }

    [Fact]
    public async Task Chart_RulesAndDashboard_AreThoseOfDeploy()
    {
        var objects = await RenderAsync(Everything);

        var alerts = new DeserializerBuilder().Build().Deserialize(new StringReader(await File.ReadAllTextAsync(Path.Combine(Deploy, "prometheus/alerts.yml"), Ct)));
        var expected = JsonNode.Parse(new SerializerBuilder().JsonCompatible().Build().Serialize(alerts!))!;
        Assert.True(JsonNode.DeepEquals(expected, Of(objects, "PrometheusRule")["spec"]));
        var dashboard = Of(objects, "ConfigMap")["data"]!["lookup.json"]!.GetValue<string>();
        Assert.Equal((await File.ReadAllTextAsync(Path.Combine(Deploy, "grafana/lookup.json"), Ct)).Trim(), dashboard.Trim());
    }

    [Fact]
    public async Task Chart_Pods_AreHardenedAndHoldNoSecret()
    {
        var objects = await RenderAsync(Everything);
        foreach (var pod in objects.Where(one => one!["kind"]!.GetValue<string>() is "StatefulSet" or "Job").Select(one => one!["spec"]!["template"]!["spec"]!))
        {
            Assert.False(pod["automountServiceAccountToken"]!.GetValue<bool>());
            Assert.True(pod["securityContext"]!["runAsNonRoot"]!.GetValue<bool>());
            var security = pod["containers"]![0]!["securityContext"]!;
            Assert.True(security["readOnlyRootFilesystem"]!.GetValue<bool>());
            Assert.False(security["allowPrivilegeEscalation"]!.GetValue<bool>());
            Assert.Equal("ALL", security["capabilities"]!["drop"]![0]!.GetValue<string>());
            // Keys are taken where at most the group reads them: 0440.
            Assert.All(pod["volumes"]!.AsArray(), volume => Assert.Equal(0x120, volume!["secret"]!["defaultMode"]!.GetValue<int>()));
        }

        Assert.DoesNotContain(objects, one => one!["kind"]!.GetValue<string>() == "Secret");
    }

    [Theory]
    [InlineData("imagee: {}", "imagee is not allowed")]
    [InlineData("image: {repository: \"\"}", "image.repository is missing")]
    [InlineData("replicaCount: 0", "replicaCount")]
    [InlineData("replicaCount: \"2\"", "replicaCount")]
    [InlineData("store: {waitReplicas: 17}", "store.waitReplicas")]
    [InlineData("store: {secret: \"\"}", "store.secret")]
    [InlineData("tls: {secret: \"\"}", "tls.secret")]
    [InlineData("tls: {behindProxy: true, clientCaSecret: x}", "tls.clientCaSecret")]
    [InlineData("jwt: {issuer: \"https://a\"}", "jwt.audience")]
    [InlineData("jwt: {issuer: \"http://a\", audience: b}", "jwt.issuer")]
    [InlineData("receipts: {for: some}", "receipts.for")]
    [InlineData("receipts: {size: 10 GB}", "receipts.size")]
    [InlineData("settings: {DrainLimitSeconds: 9}", "DrainLimitSeconds")]
    [InlineData("settings: {FreshnessBoundMs: soon}", "settings.FreshnessBoundMs")]
    [InlineData("drainSeconds: 40", "drainSeconds")]
    [InlineData("service: {grpcPort: 70000}", "service.grpcPort")]
    [InlineData("service: {type: Ingress}", "service.type")]
    [InlineData("serviceAccount: {create: false}", "serviceAccount.name")]
    [InlineData("networkPolicy: {storePorts: []}", "networkPolicy.storePorts")]
    [InlineData("monitoring: {serviceMonitor: {interval: often}}", "monitoring.serviceMonitor.interval")]
    public async Task Values_Wrong_AreRefused(string values, string fault)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => RenderAsync(values.StartsWith("image:", StringComparison.Ordinal) ? values : Plain + "\n" + values));
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Schema_EveryValue_IsInIt()
    {
        var schema = JsonNode.Parse(File.ReadAllText(Path.Combine(Deploy, "helm/lookup/values.schema.json")))!;
        var values = JsonNode.Parse(new SerializerBuilder().JsonCompatible().Build().Serialize(
            new DeserializerBuilder().Build().Deserialize(new StringReader(File.ReadAllText(Path.Combine(Deploy, "helm/lookup/values.yaml"))))!))!;
        Assert.Equal(values.AsObject().Select(pair => pair.Key).Append("global").Order(), schema["properties"]!.AsObject().Select(pair => pair.Key).Order());
    }

    private static JsonNode Of(JsonArray objects, string kind) => objects.Single(one => one!["kind"]!.GetValue<string>() == kind)!;

    private static JsonNode Container(JsonNode? one) => one!["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Single()!;

    private static string[] Arguments(JsonNode container) => [.. container["args"]!.AsArray().Select(argument => argument!.GetValue<string>())];

    private async Task<JsonArray> RenderAsync(string values)
    {
        var (code, output, error) = await Programs.RunAsync(renderer.Program, Path.Combine(Deploy, "helm/lookup"), _folder.Write("values.yaml", values));
        return code == 0 ? (JsonArray)JsonNode.Parse(output)! : throw new InvalidOperationException(error);
    }

    private static async Task<string> FaultsAsync(JsonArray objects)
    {
        var client = Path.Combine(Programs.Root(), "tests/clients/node");
        Programs.Require("node");
        Programs.RequireFile(Path.Combine(client, "node_modules/kubernetes-models"), "npm ci was not run in tests/clients/node.");
        using var process = Process.Start(new ProcessStartInfo("node", [Path.Combine(client, "kubernetes.mjs")]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await process.StandardInput.WriteAsync(objects.ToJsonString(JsonSerializerOptions.Default));
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync(Ct);
        await process.WaitForExitAsync(Ct);
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    [GeneratedRegex("--set=DrainLimitSeconds=([0-9]+)")]
    private static partial Regex Drain();

    /// <summary>Builds render.go once.</summary>
    public sealed class Renderer : IAsyncLifetime
    {
        private const string Packages = "/usr/share/gocode";

        private readonly TempFolder _folder = new();

        /// <summary>The program; the test is skipped where it cannot be built.</summary>
        public string Program
        {
            get
            {
                Programs.Require("env", "go");
                Programs.RequireFile(Path.Combine(Packages, "src/github.com/Masterminds/sprig"), "golang-github-masterminds-sprig-dev is not installed.");
                return _folder.PathOf("render");
            }
        }

        /// <inheritdoc/>
        public async ValueTask InitializeAsync()
        {
            if (!Programs.OnPath("go"))
            {
                return;
            }
            // The first time it builds what it is made of, too.
            var (code, output, error) = await Programs.RunAsync(
                TimeSpan.FromMinutes(4), "env", "GO111MODULE=off", "GOCACHE=" + Path.Combine(Path.GetTempPath(), "lookup-go-cache"), "GOPATH=" + Packages, "GOFLAGS=", "go", "build", "-o", _folder.PathOf("render"), Path.Combine(Programs.Root(), "tests/clients/chart/render.go"));
            Assert.True(code == 0 || !Directory.Exists(Path.Combine(Packages, "src/github.com/Masterminds/sprig")), output + error);
        }

        /// <inheritdoc/>
        public ValueTask DisposeAsync()
        {
            _folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
