using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Lookup.V1;

namespace Lookup.IntegrationTests.Golden;

/// <summary>
/// One expected answer of Cases/, which has a file for each country: a question at a call time, the facts on record, and what must come of it. Question
/// and facts are in the JSON form of lookup.v1; the number is that of the case and is put into each fact.
/// </summary>
public sealed record GoldenCase(
    string Id,
    string Number,
    Timestamp CallTime,
    Question Question,
    IReadOnlyList<Fact> Facts,
    IReadOnlyDictionary<string, Timestamp> Snapshots,
    bool Isolated,
    Verdict Verdict,
    ReasonCode Reason,
    string Regime,
    Layer? Layer,
    Verdict? LawAlone,
    Verdict? Strict)
{
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default);

    public static IReadOnlyDictionary<string, GoldenCase> All { get; } = Load();

    public override string ToString() => Id;

    private static Dictionary<string, GoldenCase> Load()
    {
        var assembly = typeof(GoldenCase).Assembly;
        var cases = new Dictionary<string, GoldenCase>();
        foreach (var file in assembly.GetManifestResourceNames().Where(n => n.StartsWith("golden/", StringComparison.Ordinal)))
        {
            using var document = JsonDocument.Parse(assembly.GetManifestResourceStream(file)!);
            foreach (var read in document.RootElement.EnumerateArray().Select(Read))
            {
                cases.Add(read.Id, read);
            }
        }

        return cases;
    }

    private static GoldenCase Read(JsonElement json)
    {
        string Text(string name) => json.TryGetProperty(name, out var value) ? value.GetString()! : "";
        var number = Text("number");
        var facts = json.GetProperty("facts").EnumerateArray().Select(f => Parser.Parse<Fact>(f.GetRawText())).ToList();
        facts.ForEach(f => f.Number = number);
        return new GoldenCase(
            Text("id"),
            number,
            Time(Text("callTime")),
            Parser.Parse<Question>(json.GetProperty("question").GetRawText()),
            facts,
            json.TryGetProperty("snapshots", out var snapshots)
                ? snapshots.EnumerateObject().ToDictionary(s => s.Name, s => Time(s.Value.GetString()!))
                : new Dictionary<string, Timestamp>(),
            json.TryGetProperty("isolated", out var isolated) && isolated.GetBoolean(),
            Enumerated<Verdict>(Text("verdict"))!.Value,
            Enumerated<ReasonCode>(Text("reason"))!.Value,
            Text("regime"),
            Enumerated<Layer>(Text("layer")),
            Enumerated<Verdict>(Text("lawAlone")),
            Enumerated<Verdict>(Text("strict")));
    }

    private static Timestamp Time(string text) =>
        Timestamp.FromDateTimeOffset(DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture));

    // A name that is none is a fault of the file, not a case without an expectation.
    private static T? Enumerated<T>(string name)
        where T : struct, System.Enum
    {
        if (name.Length == 0)
        {
            return null;
        }

        foreach (var value in System.Enum.GetValues<T>())
        {
            var field = typeof(T).GetField(value.ToString())!;
            var original = field.GetCustomAttributes(typeof(Google.Protobuf.Reflection.OriginalNameAttribute), false)
                .Cast<Google.Protobuf.Reflection.OriginalNameAttribute>().Single();
            if (original.Name == name)
            {
                return value;
            }
        }

        throw new InvalidDataException($"A golden case: \"{name}\" is no {typeof(T).Name}");
    }
}
