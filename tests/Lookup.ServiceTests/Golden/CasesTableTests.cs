using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Lookup.Cli.Options;
using Lookup.Cli.Regimes;
using Lookup.ServiceTests.Server;
using Lookup.V1;

namespace Lookup.ServiceTests.Golden;

/// <summary>docs/guide/regimes-cases.md equals the table generated from the cases.</summary>
public sealed class CasesTableTests
{
    [Fact]
    public void Table_OfTheDocumentation_IsThatOfTheCases() =>
        GeneratedPage.IsUpToDate("docs/guide/regimes-cases.md", Table(), "Golden/Cases", "CasesTable");

    private static string Table()
    {
        var text = new StringBuilder("# Expected answers by country\n\n");
        text.Append("This page shows the answer that the service must give in each case. It is generated from `tests/Lookup.ServiceTests/Golden/Cases/`, and a\ntest fails if it differs. To read, add or run cases, see [regimes.md](regimes.md#expected-answers).\n\n");
        text.Append("| country | cases | allow | deny | unknown | not covered |\n|---|---|---|---|---|---|\n");
        var files = GoldenCase.Files().Select(file => (Name: Path.GetFileNameWithoutExtension(file.File).ToUpperInvariant(), file.Cases)).ToList();
        foreach (var (name, cases) in files)
        {
            int Count(Verdict verdict) => cases.Count(one => one.Verdict == verdict);
            text.Append(CultureInfo.InvariantCulture, $"| [{name}](#{name.ToLowerInvariant()}) | {cases.Count} | {Count(Verdict.Allow)} | {Count(Verdict.Deny)} | {Count(Verdict.Unknown)} | {Count(Verdict.NotCovered)} |\n");
        }

        foreach (var (name, cases) in files)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {name}\n| case | call time (UTC) | called | question | on record | answer | regime |\n|---|---|---|---|---|---|---|\n");
            foreach (var one in cases)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {one.Id} | {one.CallTime.ToDateTimeOffset():yyyy-MM-dd HH:mm} | {one.Number[..Math.Min(6, one.Number.Length)]}… {Called(one)} | {Asked(one)} | {OnRecord(one)} | {Words.Verdicts.WordFor(one.Verdict)}, {Words.Reasons.WordFor(one.Reason)} | {one.Regime} |\n");
            }
        }

        return text.ToString();
    }

    private static string Called(ExpectedCase one) =>
        one.Question.Subscriber == SubscriberType.Unspecified ? "" : Words.SubscriberTypes.WordFor(one.Question.Subscriber);

    // Every field that is set, so that a new one is shown without a change here.
    private static string Asked(ExpectedCase one)
    {
        var question = one.Question.Clone();
        question.Organisation = "";
        question.Subscriber = SubscriberType.Unspecified;
        var set = JsonNode.Parse(JsonFormatter.Default.Format(question))!.AsObject();
        return string.Join(", ", set.Select(field => field.Value!.GetValueKind() switch
        {
            JsonValueKind.True => field.Key,
            _ when IsEnum(field.Value.ToString()) => field.Value.ToString().ToLowerInvariant(),
            _ => $"{field.Key} {field.Value}",
        }));
    }

    private static bool IsEnum(string value) => value.All(c => char.IsAsciiLetterUpper(c) || c == '_');

    private static string OnRecord(ExpectedCase one)
    {
        var facts = one.Facts.GroupBy(fact => fact.KindCase).Select(group => group.Count() == 1 ? $"{group.Key}" : $"{group.Key} × {group.Count()}");
        return string.Join(", ", facts).ToLowerInvariant();
    }
}
