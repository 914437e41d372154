using System.Globalization;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.V1;

namespace Lookup.Cli.Regimes;

/// <summary>
/// An expected answer: a question at a call time, the facts on record, and the expected decision. Question and facts are in the JSON
/// form of lookup.v1; each fact gets the number of the case. A "note" describes the case and is ignored.
/// </summary>
/// <param name="Id">The unique name.</param>
/// <param name="Place">File and line.</param>
/// <param name="Number">The called number.</param>
/// <param name="CallTime">The call time.</param>
/// <param name="Question">The question.</param>
/// <param name="Facts">The facts on record.</param>
/// <param name="Snapshots">Dates of the loaded register snapshots, by register.</param>
/// <param name="Isolated">Whether the case requires its own store when it is run against a service.</param>
/// <param name="Verdict">The verdict.</param>
/// <param name="Reason">The most binding reason.</param>
/// <param name="Regime">The row that decides; empty: any.</param>
/// <param name="Layer">Layer of the reason; null: any.</param>
/// <param name="LawAlone">The verdict without codes and policy; null: any.</param>
/// <param name="Strict">The verdict with the stricter policies; null: any.</param>
internal sealed record ExpectedCase(
    string Id,
    string Place,
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

    private static readonly JsonReaderOptions Lenient =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowMultipleValues = true };

    private static readonly HashSet<string> Members =
        ["id", "number", "callTime", "question", "facts", "snapshots", "isolated", "verdict", "reason", "regime", "layer", "lawAlone", "strict", "note"];

    public override string ToString() => Id;

    /// <summary>Reads a file, or every *.json and *.jsonl of a folder.</summary>
    /// <exception cref="CliException">Names the file, line and field of the error.</exception>
    public static IReadOnlyList<ExpectedCase> ReadAll(string path)
    {
        var files = Directory.Exists(path)
            ? Directory.EnumerateFiles(path).Where(file => Path.GetExtension(file) is ".json" or ".jsonl").Order(StringComparer.Ordinal).ToList()
            : File.Exists(path) ? [path] : throw new CliException($"File or folder '{path}' does not exist.");
        var cases = files.SelectMany(file => Read(file, File.ReadAllBytes(file))).ToList();
        if (cases.GroupBy(one => one.Id).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new CliException($"{twice.Last().Place}: duplicate id \"{twice.Key}\", also in {twice.First().Place}.");
        }

        return cases.Count > 0 ? cases : throw new CliException($"'{path}' contains no cases.");
    }

    /// <summary>Reads cases: one JSON object after another, or arrays of them.</summary>
    /// <exception cref="CliException">Names the file, line and field of the error.</exception>
    public static List<ExpectedCase> Read(string file, ReadOnlySpan<byte> utf8)
    {
        var cases = new List<ExpectedCase>();
        var reader = new Utf8JsonReader(utf8, Lenient);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray)
                {
                    continue;
                }

                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                var place = string.Create(CultureInfo.InvariantCulture, $"{file} line {utf8[..start].Count((byte)'\n') + 1}");
                using var document = JsonDocument.Parse(Encoding.UTF8.GetString(utf8[start..(int)reader.BytesConsumed]), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
                cases.Add(new CaseJson(document.RootElement, place).Read());
            }
        }
        catch (JsonException exception)
        {
            throw new CliException($"{file} line {exception.LineNumber + 1}: not JSON; expected one object per line, or an array of objects.", inner: exception);
        }

        return cases;
    }

    private sealed class CaseJson(JsonElement json, string place)
    {
        public ExpectedCase Read()
        {
            if (json.ValueKind != JsonValueKind.Object)
            {
                throw new CliException($"{place}: a case must be an object.");
            }

            foreach (var member in json.EnumerateObject().Where(member => !Members.Contains(member.Name)))
            {
                throw Fault(member.Name, $"unknown member; a case has {string.Join(", ", Members)}");
            }

            var number = Text("number");
            var facts = Facts(number);
            return new ExpectedCase(
                Text("id"),
                place,
                number,
                Time("callTime", Text("callTime")),
                Message<Question>("question", Required("question")),
                facts,
                Snapshots(),
                json.TryGetProperty("isolated", out var isolated) && isolated.ValueKind == JsonValueKind.True,
                Word("verdict", Words.Verdicts, required: true)!.Value,
                Word("reason", Words.Reasons, required: true)!.Value,
                Regime(),
                Word("layer", Words.Layers),
                Word("lawAlone", Words.Verdicts),
                Word("strict", Words.Verdicts));
        }

        private List<Fact> Facts(string number)
        {
            if (!json.TryGetProperty("facts", out var list))
            {
                return [];
            }

            if (list.ValueKind != JsonValueKind.Array)
            {
                throw Fault("facts", "must be an array of facts");
            }

            var facts = list.EnumerateArray().Select((fact, i) => Message<Fact>($"facts[{i}]", fact)).ToList();
            facts.ForEach(fact => fact.Number = number);
            return facts;
        }

        private Dictionary<string, Timestamp> Snapshots()
        {
            if (!json.TryGetProperty("snapshots", out var snapshots))
            {
                return [];
            }

            return snapshots.ValueKind == JsonValueKind.Object
                ? snapshots.EnumerateObject().ToDictionary(one => one.Name, one => Time("snapshots." + one.Name, one.Value.ToString()))
                : throw Fault("snapshots", "must be an object that maps registers to dates");
        }

        // An empty string counts as absent.
        private string Regime() =>
            json.TryGetProperty("regime", out var regime) && (regime.ValueKind != JsonValueKind.String || !regime.ValueEquals("")) ? Text("regime") : "";

        private JsonElement Required(string name) =>
            json.TryGetProperty(name, out var value) ? value : throw Fault(name, "is missing");

        private string Text(string name) => Required(name) is { ValueKind: JsonValueKind.String } value && value.GetString() is { Length: > 0 } text
            ? text
            : throw Fault(name, "must be a non-empty string");

        private Timestamp Time(string name, string text) => TimeText.TryParse(text, null, out var time, out var fault)
            ? Timestamp.FromDateTimeOffset(time)
            : throw Fault(name, $"'{text}' {fault}");

        private T Message<T>(string name, JsonElement value)
            where T : IMessage, new()
        {
            try
            {
                return Parser.Parse<T>(value.GetRawText());
            }
            catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidJsonException)
            {
                throw Fault(name, $"is not a {typeof(T).Name} of lookup.v1: {exception.Message.TrimEnd('.')}");
            }
        }

        // An unknown word is an error; it must not silently drop the expectation.
        private T? Word<T>(string name, WordSet<T> words, bool required = false)
            where T : struct, System.Enum
        {
            if (!required && !json.TryGetProperty(name, out _))
            {
                return null;
            }

            var text = Text(name);
            return words.TryParse(text, out var value)
                ? value
                : throw Fault(name, $"'{text}' is not valid; use one of {words.List}");
        }

        private CliException Fault(string field, string what) => new($"{place}, {field}: {what}.");
    }
}
