using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Lookup.EndToEndTests.Docs;

/// <summary>Compares JSON with an example in a page. The example may leave out fields, and "..." in a text stands for any text.</summary>
internal static class JsonShape
{
    private const string Any = "...";

    /// <summary>Returns why a value does not fit an example; null if it does.</summary>
    internal static string? Difference(JsonNode? example, JsonNode? value, string path = "$")
    {
        switch (example)
        {
            case JsonObject expected:
                return value is JsonObject actual
                    ? expected.Select(pair => actual.ContainsKey(pair.Key) ? Difference(pair.Value, actual[pair.Key], $"{path}.{pair.Key}") : $"{path}.{pair.Key} is missing")
                        .FirstOrDefault(difference => difference is not null)
                    : $"{path} is no object";
            case JsonArray items:
                return value is JsonArray found && found.Count >= items.Count
                    ? items.Select((item, i) => Difference(item, found[i], $"{path}[{i}]")).FirstOrDefault(difference => difference is not null)
                    : $"{path} has not {items.Count} items";
            case JsonValue text when text.GetValueKind() == System.Text.Json.JsonValueKind.String:
                return value is JsonValue && Fits((string)text!, value.ToString()) ? null : $"{path} is {value?.ToJsonString()} and not {text.ToJsonString()}";
            default:
                return JsonNode.DeepEquals(example, value) ? null : $"{path} is {value?.ToJsonString()} and not {example?.ToJsonString()}";
        }
    }

    /// <summary>Returns whether a text fits an example in which "..." stands for any text.</summary>
    internal static bool Fits(string example, string text) =>
        Regex.IsMatch(text, $"^{string.Join(".*", example.Split(Any).Select(Regex.Escape))}$", RegexOptions.Singleline);
}
