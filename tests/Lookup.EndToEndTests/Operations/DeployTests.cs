using System.Text.Json;
using System.Text.RegularExpressions;
using Grpc.Core;
using Lookup.V1;
using YamlDotNet.RepresentationModel;

namespace Lookup.EndToEndTests.Operations;

/// <summary>The alerts and the dashboard in deploy/ ask for what /metrics gives, and for nothing else.</summary>
public sealed partial class DeployTests : IAsyncLifetime
{
    // What Prometheus adds to each series.
    private static readonly string[] Added = ["instance", "job"];

    private static readonly string Alerts = Path.Combine(Programs.Root(), "deploy/prometheus/alerts.yml");

    private LookupServer _server = null!;
    private Dictionary<string, Dictionary<string, HashSet<string>>> _given = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync(), shadow: new RegimeVariant().Hours("nl.json", "NL-2", "15:00-22:00").Set());
        var number = Samples.NewNumber();
        await _server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number)), cancellationToken: Ct);
        await _server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Ct);
        await Assert.ThrowsAsync<RpcException>(() => _server.Lookup.CheckAsync(new CheckRequest { Number = "1" }, cancellationToken: Ct).ResponseAsync);
        await _server.Store.Registry.AddSnapshotAsync("ie-ndd", ShiftedClock.Afternoon.AddDays(-1).ToUnixTimeMilliseconds(), Ct);
        var scrape = await Scrape.UntilAsync(_server, s => s.Value("lookup_filter_fill_ratio{partition=\"0\"}") is not null && s.Value("lookup_register_age_seconds{register=\"ie-ndd\"}") is not null);
        _given = scrape.Series.Select(line => Series().Match(line)).Where(match => match.Success).GroupBy(match => match.Groups[1].Value).ToDictionary(
            group => group.Key,
            group => group.SelectMany(match => Label().Matches(match.Groups[2].Value).Select(label => (label.Groups[1].Value, label.Groups[2].Value)))
                .GroupBy(label => label.Item1).ToDictionary(label => label.Key, label => label.Select(one => one.Item2).ToHashSet()));
        // A service with TLS has it; CapacityMetricsTests reads it there.
        _given["lookup_tls_expires_seconds"] = new() { ["certificate"] = ["server", "client_authority"] };
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public void Alerts_AskForMetricsThatExistAndNameWhatToDo()
    {
        var runbook = Headings(File.ReadAllText(Path.Combine(Programs.Root(), "docs/operate/operations.md")));
        var rules = Rules();
        Assert.All(rules, rule =>
        {
            var name = Text(rule, "alert");
            Assert.Empty(Faults(Text(rule, "expr")).Select(fault => $"{name}: {fault}"));
            Assert.Contains(Text((YamlMappingNode)rule["labels"], "severity"), (string[])["critical", "warning"]);
            var annotations = (YamlMappingNode)rule["annotations"];
            Assert.NotEmpty(Text(annotations, "summary"));
            Assert.Equal("docs/operate/operations.md#" + name.ToLowerInvariant(), Text(annotations, "runbook"));
            Assert.Contains(name.ToLowerInvariant(), runbook);
        });
        Assert.Equal(rules.Count, rules.Select(rule => Text(rule, "alert")).Distinct().Count());
    }

    [Theory]
    [InlineData("LookupWrongAllow")]
    [InlineData("LookupNotServing")]
    [InlineData("LookupWrongStore")]
    [InlineData("LookupStalePartition")]
    [InlineData("LookupFalsePositiveDrift")]
    [InlineData("LookupErrors")]
    [InlineData("LookupCircuitOpen")]
    public void Alerts_OfWhatMustBeNoticed_AreThere(string name) => Assert.Contains(Rules(), rule => Text(rule, "alert") == name);

    [Fact]
    public void Dashboard_PanelsAskForMetricsThatExistAndDoNotOverlap()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(Programs.Root(), "deploy/grafana/lookup.json")));
        var panels = document.RootElement.GetProperty("panels").EnumerateArray().ToList();
        var taken = new HashSet<(int, int)>();
        Assert.All(panels, panel =>
        {
            var title = panel.GetProperty("title").GetString()!;
            Assert.Equal("${datasource}", panel.GetProperty("datasource").GetProperty("uid").GetString());
            Assert.NotEmpty(panel.GetProperty("targets").EnumerateArray());
            foreach (var target in panel.GetProperty("targets").EnumerateArray())
            {
                var expression = target.GetProperty("expr").GetString()!;
                Assert.Empty(Faults(expression).Select(fault => $"{title}: {fault}"));
                Assert.Contains("instance=~\"$instance\"", expression, StringComparison.Ordinal);
            }

            var place = panel.GetProperty("gridPos");
            for (var x = 0; x < place.GetProperty("w").GetInt32(); x++)
            {
                for (var y = 0; y < place.GetProperty("h").GetInt32(); y++)
                {
                    Assert.True(taken.Add((place.GetProperty("x").GetInt32() + x, place.GetProperty("y").GetInt32() + y)), title);
                }
            }
        });
        Assert.Equal(panels.Count, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        Assert.All(taken, cell => Assert.InRange(cell.Item1, 0, 23));
        // What is measured is to be seen: every metric but the parts of a histogram.
        var shown = File.ReadAllText(Path.Combine(Programs.Root(), "deploy/grafana/lookup.json"));
        Assert.All(
            _given.Keys.Where(name => !name.EndsWith("_sum", StringComparison.Ordinal) && !name.EndsWith("_count", StringComparison.Ordinal)),
            name => Assert.Contains(name, shown, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("lookup_nothing_total > 0", "lookup_nothing_total is no metric")]
    [InlineData("lookup_serving{partition=\"0\"} == 0", "lookup_serving has no label partition")]
    [InlineData("lookup_decisions_total{verdict=\"perhaps\"}", "lookup_decisions_total: no verdict is perhaps")]
    [InlineData("sum by (colour) (rate(lookup_decisions_total[5m]))", "no metric in it has a label colour")]
    public void Faults_OfWhatIsWrong_AreFound(string expression, string fault) => Assert.Equal([fault], Faults(expression));

    [Fact]
    public void Documentation_NamesEveryMetric()
    {
        var text = File.ReadAllText(Path.Combine(Programs.Root(), "docs/operate/operations.md"));
        Assert.All(
            _given.Keys.Select(name => Part().Replace(name, "")).Distinct(),
            name => Assert.Contains(name, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Alerts_AreTakenByPrometheus()
    {
        Programs.Require("promtool");

        var (code, output, error) = await Programs.RunAsync("promtool", "check", "rules", Alerts);

        Assert.True(code == 0, output + error);
    }

    private static List<YamlMappingNode> Rules()
    {
        var yaml = new YamlStream();
        using var text = File.OpenText(Alerts);
        yaml.Load(text);
        var groups = (YamlSequenceNode)yaml.Documents.Single().RootNode["groups"];
        return [.. groups.SelectMany(group => (YamlSequenceNode)group["rules"]).Cast<YamlMappingNode>()];
    }

    private static string Text(YamlMappingNode node, string name) => ((YamlScalarNode)node[name]).Value!;

    private static HashSet<string> Headings(string text) =>
        [.. Heading().Matches(text).Select(match => match.Groups[1].Value.Trim().ToLowerInvariant().Replace(' ', '-'))];

    private List<string> Faults(string expression)
    {
        var faults = new List<string>();
        var labels = new HashSet<string>(Added);
        foreach (Match use in Use().Matches(expression))
        {
            var (name, selectors) = (use.Groups[1].Value, use.Groups[2].Value);
            if (!_given.TryGetValue(name, out var given))
            {
                faults.Add(name + " is no metric");
                continue;
            }

            labels.UnionWith(given.Keys);
            foreach (Match matcher in Matcher().Matches(selectors))
            {
                var (label, operation, value) = (matcher.Groups[1].Value, matcher.Groups[2].Value, matcher.Groups[3].Value);
                if (Added.Contains(label))
                {
                    continue;
                }

                if (!given.TryGetValue(label, out var values))
                {
                    faults.Add($"{name} has no label {label}");
                }
                else if (operation == "=" || operation == "=~")
                {
                    faults.AddRange(value.Split('|').Where(v => !IsPossible(label, v, values)).Select(v => $"{name}: no {label} is {v}"));
                }
            }
        }

        foreach (Match group in Grouping().Matches(expression))
        {
            faults.AddRange(group.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Where(label => !labels.Contains(label)).Select(label => $"no metric in it has a label {label}"));
        }

        return faults;
    }

    // Some values come only with what happens; those are named by enumerations.
    private static bool IsPossible(string label, string value, HashSet<string> seen) => seen.Contains(value) || label switch
    {
        "status" => Enum.TryParse<StatusCode>(value, out _),
        "verdict" => Enum.TryParse<Verdict>(value.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out _),
        "reason" => Enum.TryParse<ReasonCode>(value.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out _),
        _ => false,
    };

    [GeneratedRegex("^([a-z_]+)(?:\\{(.*)\\})? [^ ]+$")]
    private static partial Regex Series();

    [GeneratedRegex("([a-z_]+)=\"((?:[^\"\\\\]|\\\\.)*)\"")]
    private static partial Regex Label();

    [GeneratedRegex("\\b((?:lookup|process|dotnet)_[a-z_]+)(?:\\{([^}]*)\\})?")]
    private static partial Regex Use();

    [GeneratedRegex("([a-z_]+)(=~|!=|!~|=)\"([^\"]*)\"")]
    private static partial Regex Matcher();

    [GeneratedRegex("\\b(?:by|without|on|ignoring|group_left|group_right) \\(([^)]*)\\)")]
    private static partial Regex Grouping();

    [GeneratedRegex("^#+ (.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Part();
}
