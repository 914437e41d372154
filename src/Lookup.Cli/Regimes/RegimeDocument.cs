using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;

namespace Lookup.Cli.Regimes;

/// <summary>A regime file as JSON, for display. Only files that compile are read.</summary>
internal sealed class RegimeDocument
{
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    private RegimeDocument(string name, JsonObject json)
    {
        (Name, Json) = (name, json);
        Rows = [.. Objects(json, "regimes").Select(row => new RegimeRow(row))];
    }

    /// <summary>Name of the file.</summary>
    public string Name { get; }

    public JsonObject Json { get; }

    public string Country => (string)Json["country"]!;

    public string Title => (string)Json["title"]!;

    public string Version => (string)Json["version"]!;

    /// <summary>The sources by key.</summary>
    public JsonObject Sources => Json["sources"]!.AsObject();

    /// <summary>The rows of rules, oldest first.</summary>
    public IReadOnlyList<RegimeRow> Rows { get; }

    /// <summary>Reads the files of a folder, or the built-in ones.</summary>
    /// <exception cref="CliException">The folder does not exist, or files are invalid; lists every fault.</exception>
    public static IReadOnlyList<RegimeDocument> ReadAll(string? folder)
    {
        RegimeFolder.Load(folder);
        return ReadFiles(RegimeFolder.Files(folder));
    }

    /// <summary>Reads files that compile.</summary>
    public static IReadOnlyList<RegimeDocument> ReadFiles(IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> files) =>
        [.. files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => new RegimeDocument(file.Key, JsonNode.Parse(file.Value.Span, null, Lenient)!.AsObject()))];

    /// <summary>The objects of an array; empty if it is absent.</summary>
    public static IEnumerable<JsonObject> Objects(JsonObject parent, string member) =>
        parent[member] is JsonArray items ? items.Select(item => item!.AsObject()) : [];

    /// <summary>The strings of an array; empty if it is absent.</summary>
    public static IEnumerable<string> Texts(JsonObject parent, string member) =>
        parent[member] is JsonArray items ? items.Select(item => (string)item!) : [];

    /// <summary>Every object within a node, including the node itself.</summary>
    public static IEnumerable<JsonObject> AllObjects(JsonNode? node) => node switch
    {
        JsonObject json => json.SelectMany(member => AllObjects(member.Value)).Prepend(json),
        JsonArray items => items.SelectMany(AllObjects),
        _ => [],
    };

    /// <summary>Keys of the sources that a node refers to.</summary>
    public static IEnumerable<string> SourcesIn(JsonNode node) =>
        AllObjects(node).Where(json => json["source"] is JsonValue).Select(json => (string)json["source"]!).Distinct();

    /// <summary>The day on which a source was last checked.</summary>
    public DateOnly VerifiedOn(string source) =>
        DateOnly.ParseExact((string)Sources[source]!["verified"]!, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>Open legal questions of a node and its sources: each sentence with its subjects.</summary>
    public IEnumerable<(string Sentence, IReadOnlyList<string> Of)> UncertainIn(JsonNode node) =>
        SourcesIn(node).Where(key => Sources[key]!["uncertain"] is not null)
            .Select(key => (Sentence: (string)Sources[key]!["uncertain"]!, Of: (string)Sources[key]!["title"]!))
            .Concat(AllObjects(node).Where(json => json["uncertain"] is JsonValue && json.ContainsKey("article"))
                .Select(json => (Sentence: (string)json["uncertain"]!, Of: (string)json["article"]!)))
            .Distinct()
            .GroupBy(one => one.Sentence)
            .Select(group => (group.Key, (IReadOnlyList<string>)[.. group.Select(one => one.Of)]));
}

/// <summary>A row of rules: the rules of one period.</summary>
internal sealed record RegimeRow(JsonObject Json)
{
    public string Id => (string)Json["id"]!;

    /// <summary>First day, as "2021-07-01".</summary>
    public string From => (string)Json["from"]!;

    /// <summary>The day after the last day; null if there is none.</summary>
    public string? Until => (string?)Json["until"];

    /// <summary>The period in words.</summary>
    public string Period => Words(From, Until);

    /// <summary>Whether the row applies on a day such as "2021-07-01".</summary>
    public bool HoldsOn(string day) => string.CompareOrdinal(From, day) <= 0 && (Until is null || string.CompareOrdinal(day, Until) < 0);

    /// <summary>Formats a period; <paramref name="until"/> is the day after its last day.</summary>
    public static string Words(string? from, string? until)
    {
        var last = until is null
            ? null
            : DateOnly.ParseExact(until, "yyyy-MM-dd", CultureInfo.InvariantCulture).AddDays(-1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        return (from, last) switch
        {
            (null, null) => "",
            (_, null) => $"since {from}",
            (null, _) => $"until {last}",
            _ => $"{from} to {last}",
        };
    }
}
