using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Lookup.Server;

namespace Lookup.ServiceTests.Server;

/// <summary>docs/operate/settings.md equals the table generated from the settings and their documentation.</summary>
public sealed partial class SettingsTableTests
{
    [Fact]
    public void Table_OfTheDocumentation_IsThatOfTheSettings() =>
        GeneratedPage.IsUpToDate("docs/operate/settings.md", Table(), "LookupServerOptions", "SettingsTable");

    // What the summary of a property states beside its attribute must not drift from it.
    [Fact]
    public void Summary_OfEachSetting_StatesItsRangeAndDefault() => Assert.All(LookupServerOptions.Settings, setting =>
    {
        var summary = Summaries()[setting.Name];
        Assert.Contains($"{setting.Min:N0} to {setting.Max:N0}", summary, StringComparison.Ordinal);
        if (setting.Name != nameof(LookupServerOptions.BatchWorkers))
        {
            Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"default {setting.Default:N0}"), summary, StringComparison.Ordinal);
        }
    });

    private static string Table()
    {
        var text = new StringBuilder("# Settings\n\n");
        text.Append("These settings limit and time the service. Set one with `lookup serve --set FreshnessBoundMs=300` or with the environment variable\n");
        text.Append("`LOOKUP__FRESHNESSBOUNDMS=300`; `--set` takes precedence. The service rejects an unknown name and a value out of range at start.\n");
        text.Append("This page is generated from `LookupServerOptions`, and a test fails if it differs.\n\n");
        text.Append("| setting | unit | range | default | meaning |\n|---|---|---|---|---|\n");
        var summaries = Summaries();
        foreach (var setting in LookupServerOptions.Settings.OrderBy(setting => setting.Name, StringComparer.Ordinal))
        {
            var isByMachine = setting.Name == nameof(LookupServerOptions.BatchWorkers);
            text.Append(CultureInfo.InvariantCulture, $"| {setting.Name} | {setting.Unit} | {setting.Min:N0} to {setting.Max:N0} | {(isByMachine ? "half the processors" : setting.Default.ToString("N0", CultureInfo.InvariantCulture))} | {summaries[setting.Name]} |\n");
        }

        return text.ToString();
    }

    private static Dictionary<string, string> Summaries()
    {
        const string Prefix = "P:Lookup.Server.LookupServerOptions.";
        return XDocument.Load(Path.Combine(AppContext.BaseDirectory, "Lookup.Server.xml")).Descendants("member")
            .Where(member => member.Attribute("name")!.Value.StartsWith(Prefix, StringComparison.Ordinal))
            .ToDictionary(member => member.Attribute("name")!.Value[Prefix.Length..], member => Plain(member.Element("summary")!));
    }

    private static string Plain(XElement summary)
    {
        foreach (var see in summary.Descendants("see").ToList())
        {
            see.ReplaceWith(see.Attribute("cref")!.Value.Split('.')[^1]);
        }

        return Space().Replace(summary.Value, " ").Trim();
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
