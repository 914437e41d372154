using System.Text;
using System.Text.Json;

namespace Lookup.Core.Facts;

/// <summary>The texts of a fact that decisions never read, as one JSON object.</summary>
public static class FactDetail
{
    /// <summary>Serialises the texts of a fact; null if it has none.</summary>
    public static string? Write(string reason, Evidence? evidence)
    {
        if (reason.Length == 0 && evidence is null)
        {
            return null;
        }

        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            WriteText(json, "reason", reason);
            if (evidence is not null)
            {
                json.WriteStartObject("evidence");
                WriteText(json, "reference", evidence.Reference);
                WriteText(json, "sha256", evidence.Sha256);
                WriteText(json, "text_version", evidence.TextVersion);
                WriteText(json, "channel", evidence.Channel);
                WriteText(json, "locale", evidence.Locale);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <summary>Reads what <see cref="Write"/> made. Unknown members are ignored.</summary>
    /// <returns>False if the text is not such an object.</returns>
    public static bool TryRead(string? detail, out string reason, out Evidence? evidence)
    {
        reason = "";
        evidence = null;
        if (detail is null)
        {
            return true;
        }

        try
        {
            using var document = JsonDocument.Parse(detail);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return false;
            }

            reason = Text(root, "reason");
            if (root.TryGetProperty("evidence", out var proof) && proof.ValueKind == JsonValueKind.Object)
            {
                evidence = new Evidence(
                    Text(proof, "reference"),
                    Text(proof, "sha256"),
                    Text(proof, "text_version"),
                    Text(proof, "channel"),
                    Text(proof, "locale"));
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void WriteText(Utf8JsonWriter json, string name, string text)
    {
        if (text.Length > 0)
        {
            json.WriteString(name, text);
        }
    }

    private static string Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var element) && element.ValueKind == JsonValueKind.String
            ? element.GetString()!
            : "";
}
