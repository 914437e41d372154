using System.Globalization;
using System.Text;
using YamlDotNet.RepresentationModel;

namespace Lookup.EndToEndTests.Operations;

/// <summary>Each alert is provoked in Prometheus, and fires alone: the rules run over two healthy instances on which one thing is wrong.</summary>
public sealed class AlertTests
{
    private const int Partitions = 16;
    private const string All = "0+0x#";

    private static readonly string[] Instances = ["a", "b"];

    private static readonly string Rules = Path.Combine(Programs.Root(), "deploy/prometheus/alerts.yml");

    // Series that replace those of the healthy instances, when to look, and how often each alert fires then.
    private static readonly Dictionary<string, (Dictionary<string, string> Series, string At, (string Alert, int Count)[] Fires)> Troubles = new()
    {
        ["nothing"] = ([], "3h", []),
        ["no traffic"] = (Instances.SelectMany(i => new[] { Calls(i), Allowed(i), Audited(i), $"lookup_filter_false_positives_total{{job='lookup',instance='{i}'}}" }).ToDictionary(s => s, _ => All), "2h", []),
        ["wrong allow"] = (new() { ["lookup_wrong_allows_total{job='lookup',instance='a'}"] = "0x9 1x#" }, "30m", [("LookupWrongAllow", 1)]),
        ["down"] = (new() { ["up{job='lookup',instance='a'}"] = "1x9 0x#" }, "30m", [("LookupDown", 1)]),
        // The store is gone: no instance serves, follows a partition or reaches the server, and every call fails.
        ["dead redis"] = (Of(i =>
        [
            ($"lookup_serving{{job='lookup',instance='{i}'}}", "0x#"),
            ($"lookup_store_circuit_open{{job='lookup',instance='{i}'}}", "1x#"),
            ($"lookup_store_writable{{job='lookup',instance='{i}'}}", "0x#"),
            .. Each(p => ($"lookup_partition_age_seconds{{job='lookup',instance='{i}',partition='{p}'}}", "1+60x#")),
            .. Each(p => ($"lookup_partition_followed{{job='lookup',instance='{i}',partition='{p}'}}", "0x#")),
        ]), "30m", [("LookupNotServing", 2)]),
        ["dead redis with calls"] = (Of(i => [($"lookup_serving{{job='lookup',instance='{i}'}}", "0x#"), (Failed(i), "0+600x#"), (Calls(i), All)]), "10m", [("LookupErrorBudgetFast", 1), ("LookupNotServing", 2)]),
        ["wrong store"] = (new() { ["lookup_store_state{job='lookup',instance='a',state='rolled_back'}"] = "1x#" }, "30m", [("LookupWrongStore", 1)]),
        ["clock"] = (new() { ["lookup_clock_ahead_seconds{job='lookup',instance='a'}"] = "-1.5x#" }, "30m", [("LookupClockDiffers", 1)]),
        ["other epoch"] = (new() { ["lookup_instance_info{job='lookup',instance='b',epoch='1'}"] = "_x#", ["lookup_instance_info{job='lookup',instance='b',epoch='2'}"] = "1x#" }, "30m", [("LookupEpochsDiffer", 1)]),
        ["old partitions"] = (Of(i => i == "a" ? Each(p => ($"lookup_partition_age_seconds{{job='lookup',instance='a',partition='{p}'}}", "2x#")) : []), "30m", [("LookupStalePartition", 1)]),
        ["lost partitions"] = (Of(i => Each(p => ($"lookup_partition_followed{{job='lookup',instance='{i}',partition='{p}'}}", "0x#"))), "30m", [("LookupPartitionLost", 2)]),
        ["open circuit"] = (new() { ["lookup_store_circuit_open{job='lookup',instance='a'}"] = "1x#" }, "30m", [("LookupCircuitOpen", 1)]),
        ["no writes"] = (new() { ["lookup_store_writable{job='lookup',instance='a'}"] = "0x#" }, "30m", [("LookupTakesNoWrites", 1)]),
        ["worn filters"] = (Of(i => Each(p => ($"lookup_filter_false_positive_ratio{{job='lookup',instance='{i}',partition='{p}'}}", "0.05x#"))), "1h", [("LookupFilterWorn", 1)]),
        ["unsound filters"] = (Of(i => Each(p => ($"lookup_filter_unsound{{job='lookup',instance='{i}',partition='{p}'}}", "1x#"))), "1h", [("LookupFilterUnsound", 1)]),
        ["false positives"] = (new() { ["lookup_filter_false_positives_total{job='lookup',instance='a'}"] = "0+1500x#" }, "2h", [("LookupFalsePositiveDrift", 1)]),
        ["errors"] = (new() { [Failed("a")] = "0+45x#" }, "10m", [("LookupErrorBudgetFast", 1), ("LookupErrors", 1)]),
        ["a few errors"] = (Of(i => [(Failed(i), "0+9x#")]), "25h", [("LookupErrorBudgetSlow", 1)]),
        ["failed lists alone"] = (new()
        {
            [Calls("a")] = All,
            ["lookup_stream_duration_seconds_count{job='lookup',instance='a',method='CheckStream'}"] = "0+15x#",
            ["lookup_call_errors_total{job='lookup',instance='a',method='CheckStream',status='ResourceExhausted'}"] = "0+3x#",
        }, "10m", [("LookupErrors", 1)]),
        ["unknown"] = (new() { ["lookup_decisions_total{job='lookup',instance='a',way='check',verdict='unknown',reason='not_fresh'}"] = "0+150x#" }, "30m", [("LookupUnknown", 1)]),
        ["slow"] = (new() { ["lookup_call_duration_seconds_bucket{job='lookup',instance='a',method='Check',le='0.05'}"] = "0+1400x#" }, "30m", [("LookupSlow", 1)]),
        ["slow lists"] = (new() { ["lookup_chunk_duration_seconds_bucket{job='lookup',instance='a',le='2.5'}"] = "0+100x#" }, "30m", [("LookupSlowLists", 1)]),
        ["receipts"] = (new() { ["lookup_receipts_failing{job='lookup',instance='a'}"] = "1x#" }, "30m", [("LookupReceiptsFailing", 1)]),
        ["no audits"] = (new() { [Audited("a")] = All }, "2h", [("LookupNotAudited", 1)]),
        ["full connections"] = (new() { ["lookup_capacity_used{job='lookup',instance='a',resource='connections'}"] = "1000x#" }, "30m", [("LookupSaturated", 1)]),
        ["queue of lists"] = (new() { ["lookup_capacity_used{job='lookup',instance='a',resource='list_slots'}"] = "9x#" }, "30m", [("LookupListQueue", 1)]),
        ["busy threads"] = (new() { ["lookup_thread_pool_queue{job='lookup',instance='a'}"] = "5000x#" }, "30m", [("LookupThreadsBusy", 1)]),
        ["old register"] = (Of(i => [($"lookup_register_age_seconds{{job='lookup',instance='{i}',register='nl'}}", "2000000x#")]), "30m", [("LookupRegisterOld", 1)]),
        ["expired register"] = (Of(i => [($"lookup_register_age_seconds{{job='lookup',instance='{i}',register='nl'}}", "2500000x#")]), "30m", [("LookupRegisterExpired", 1), ("LookupRegisterOld", 1)]),
        ["certificate"] = (new() { ["lookup_tls_expires_seconds{job='lookup',instance='a',certificate='server'}"] = "864000x#" }, "30m", [("LookupCertificateExpires", 1)]),
        ["restarts"] = (new() { ["lookup_start_time_seconds{job='lookup',instance='a'}"] = "0x2 100x4 200x4 300x#" }, "15m", [("LookupRestarts", 1)]),
    };

    [Fact]
    public void Troubles_ProvokeEveryAlert()
    {
        var yaml = new YamlStream();
        using var text = File.OpenText(Rules);
        yaml.Load(text);
        var alerts = ((YamlSequenceNode)yaml.Documents.Single().RootNode["groups"]).SelectMany(group => (YamlSequenceNode)group["rules"]).Select(rule => ((YamlScalarNode)rule["alert"]).Value!);
        Assert.Equal(alerts.Order(), Troubles.Values.SelectMany(trouble => trouble.Fires).Select(fire => fire.Alert).Distinct().Order());
    }

    [Fact]
    public async Task EachTrouble_InPrometheus_FiresItsAlertsAndNoOther()
    {
        Programs.Require("promtool");
        var file = Path.Combine(Directory.CreateTempSubdirectory("lookup-alerts-").FullName, "test.yml");
        await File.WriteAllTextAsync(file, TestFile(), TestContext.Current.CancellationToken);

        var (code, output, error) = await Programs.RunAsync("promtool", "test", "rules", file);

        Assert.True(code == 0, output + error);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    private static string TestFile()
    {
        var text = new StringBuilder($"rule_files: [{Rules}]\nevaluation_interval: 1m\ntests:\n");
        foreach (var (name, (series, at, fires)) in Troubles)
        {
            text.Append(CultureInfo.InvariantCulture, $"  - name: {name}\n    interval: 1m\n    input_series:\n");
            foreach (var (one, values) in Healthy().Where(one => !series.ContainsKey(one.Key)).Concat(series))
            {
                text.Append(CultureInfo.InvariantCulture, $"      - series: \"{one.Replace('\'', '~').Replace("~", "\\\"", StringComparison.Ordinal)}\"\n        values: '{values.Replace("#", at == "25h" ? "1600" : "200", StringComparison.Ordinal)}'\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"    promql_expr_test:\n      - expr: count by (alertname) (ALERTS{{alertstate=\"firing\"}})\n        eval_time: {at}\n        exp_samples:{(fires.Length == 0 ? " []" : "")}\n");
            foreach (var (alert, count) in fires)
            {
                text.Append(CultureInfo.InvariantCulture, $"          - labels: '{{alertname=\"{alert}\"}}'\n            value: {count}\n");
            }
        }

        return text.ToString();
    }

    // 100 checks a second on each instance.
    private static Dictionary<string, string> Healthy() => Of(i =>
    [
        ($"up{{job='lookup',instance='{i}'}}", "1x#"),
        (Calls(i), "0+1500x#"),
        (Failed(i), All),
        (Allowed(i), "0+1500x#"),
        (Audited(i), "0+15x#"),
        .. Gauges.Select(gauge => ($"lookup_{gauge.Name}{{job='lookup',instance='{i}'{(gauge.Labels.Length > 0 ? "," + gauge.Labels : "")}}}", gauge.Values)),
        .. Each(p => ($"lookup_partition_age_seconds{{job='lookup',instance='{i}',partition='{p}'}}", "0.1x#")),
        .. Each(p => ($"lookup_partition_followed{{job='lookup',instance='{i}',partition='{p}'}}", "1x#")),
        .. Each(p => ($"lookup_filter_unsound{{job='lookup',instance='{i}',partition='{p}'}}", "0x#")),
        .. Each(p => ($"lookup_filter_false_positive_ratio{{job='lookup',instance='{i}',partition='{p}'}}", "0.01x#")),
    ]);

    private static readonly (string Name, string Labels, string Values)[] Gauges =
    [
        ("serving", "", "1x#"),
        ("wrong_allows_total", "", "0x#"),
        ("store_state", "state='ok'", "1x#"),
        ("store_state", "state='rolled_back'", "0x#"),
        ("store_writable", "", "1x#"),
        ("store_circuit_open", "", "0x#"),
        ("clock_ahead_seconds", "", "0.1x#"),
        ("clock_bound_seconds", "", "2x#"),
        ("freshness_bound_seconds", "", "0.5x#"),
        ("instance_info", "epoch='1'", "1x#"),
        ("start_time_seconds", "", "0x#"),
        ("receipts_failing", "", "0x#"),
        ("filter_false_positives_total", "", "0+1x#"),
        ("stream_duration_seconds_count", "method='CheckStream'", "0+1x#"),
        ("call_duration_seconds_bucket", "method='Check',le='0.05'", "0+1500x#"),
        ("call_duration_seconds_bucket", "method='Check',le='1'", "0+1500x#"),
        ("call_duration_seconds_bucket", "method='Check',le='+Inf'", "0+1500x#"),
        ("chunk_duration_seconds_bucket", "le='2.5'", "0+150x#"),
        ("chunk_duration_seconds_bucket", "le='10'", "0+150x#"),
        ("chunk_duration_seconds_bucket", "le='+Inf'", "0+150x#"),
        ("capacity_used", "resource='connections'", "10x#"),
        ("capacity_limit", "resource='connections'", "1024x#"),
        ("capacity_used", "resource='list_slots'", "1x#"),
        ("capacity_limit", "resource='list_slots'", "2x#"),
        ("thread_pool_queue", "", "0x#"),
        ("register_age_seconds", "register='nl'", "86400x#"),
        ("register_max_age_seconds", "register='nl'", "2419200x#"),
        ("register_age_seconds", "register='without a limit'", "99999999x#"),
        ("tls_expires_seconds", "certificate='server'", "8640000x#"),
    ];

    private static string Calls(string instance) => $"lookup_call_duration_seconds_count{{job='lookup',instance='{instance}',method='Check'}}";

    private static string Failed(string instance) => $"lookup_call_errors_total{{job='lookup',instance='{instance}',method='Check',status='Unavailable'}}";

    private static string Allowed(string instance) => $"lookup_decisions_total{{job='lookup',instance='{instance}',way='check',verdict='allow',reason='consent'}}";

    private static string Audited(string instance) => $"lookup_allow_audits_total{{job='lookup',instance='{instance}',outcome='confirmed'}}";

    private static Dictionary<string, string> Of(Func<string, IEnumerable<(string Series, string Values)>> series) =>
        Instances.SelectMany(series).ToDictionary(one => one.Series, one => one.Values);

    private static IEnumerable<(string Series, string Values)> Each(Func<int, (string Series, string Values)> ofPartition) =>
        Enumerable.Range(0, Partitions).Select(ofPartition);
}
