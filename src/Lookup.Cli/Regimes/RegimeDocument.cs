using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;

namespace Lookup.Cli.Regimes;

/// <summary>A regime file as it is written, for those who read rules. Only files that compile are read.</summary>
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

    /// <summary>The rows of rules, the oldest first.</summary>
    public IReadOnlyList<RegimeRow> Rows { get; }

    /// <summary>Reads the files of a folder, or those of the program.</summary>
    /// <exception cref="CliException">The folder is not there, or the files are faulty: with every fault.</exception>
    public static IReadOnlyList<RegimeDocument> ReadAll(string? folder)
    {
        RegimeFolder.Load(folder);
        return ReadFiles(RegimeFolder.Files(folder));
    }

    /// <summary>Reads files that compile.</summary>
    public static IReadOnlyList<RegimeDocument> ReadFiles(IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> files) =>
        [.. files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => new RegimeDocument(file.Key, JsonNode.Parse(file.Value.Span, null, Lenient)!.AsObject()))];

    /// <summary>The objects of a list; none where it is absent.</summary>
    public static IEnumerable<JsonObject> Objects(JsonObject parent, string member) =>
        parent[member] is JsonArray items ? items.Select(item => item!.AsObject()) : [];

    /// <summary>The texts of a list; none where it is absent.</summary>
    public static IEnumerable<string> Texts(JsonObject parent, string member) =>
        parent[member] is JsonArray items ? items.Select(item => (string)item!) : [];

    /// <summary>Every object within a node, itself included.</summary>
    public static IEnumerable<JsonObject> AllObjects(JsonNode? node) => node switch
    {
        JsonObject json => json.SelectMany(member => AllObjects(member.Value)).Prepend(json),
        JsonArray items => items.SelectMany(AllObjects),
        _ => [],
    };

    /// <summary>Keys of the sources that the texts within a node name.</summary>
    public static IEnumerable<string> SourcesIn(JsonNode node) =>
        AllObjects(node).Where(json => json["source"] is JsonValue).Select(json => (string)json["source"]!).Distinct();

    /// <summary>The day on which a source was last checked.</summary>
    public DateOnly VerifiedOn(string source) =>
        DateOnly.ParseExact((string)Sources[source]!["verified"]!, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>What is not certain about texts within a node and their sources: each sentence with what it is said of.</summary>
    public IEnumerable<(string Sentence, IReadOnlyList<string> Of)> UncertainIn(JsonNode node) =>
        SourcesIn(node).Where(key => Sources[key]!["uncertain"] is not null)
            .Select(key => (Sentence: (string)Sources[key]!["uncertain"]!, Of: (string)Sources[key]!["title"]!))
            .Concat(AllObjects(node).Where(json => json["uncertain"] is JsonValue && json.ContainsKey("article"))
                .Select(json => (Sentence: (string)json["uncertain"]!, Of: (string)json["article"]!)))
            .Distinct()
            .GroupBy(one => one.Sentence)
            .Select(group => (group.Key, (IReadOnlyList<string>)[.. group.Select(one => one.Of)]));
}

/// <summary>A row of rules: what holds in one period.</summary>
internal sealed record RegimeRow(JsonObject Json)
{
    public string Id => (string)Json["id"]!;

    /// <summary>First day, as "2021-07-01".</summary>
    public string From => (string)Json["from"]!;

    /// <summary>First day on which it does not hold any more; null for none.</summary>
    public string? Until => (string?)Json["until"];

    /// <summary>The period in words.</summary>
    public string Period => Words(From, Until);

    /// <summary>Whether it holds on a day written as "2021-07-01".</summary>
    public bool HoldsOn(string day) => string.CompareOrdinal(From, day) <= 0 && (Until is null || string.CompareOrdinal(day, Until) < 0);

    /// <summary>A period whose last day is given by the day after it.</summary>
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
