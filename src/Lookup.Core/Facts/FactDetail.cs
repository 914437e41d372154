using System.Text;
using System.Text.Json;

namespace Lookup.Core.Facts;

/// <summary>The texts of a fact that decisions never read, as one JSON object.</summary>
/// <remarks>
/// Evidence can be recorded again for the same consent: a certificate is claimed, a recording gets its hash. What it replaces is kept, so
/// that an exchanged file is noticed, and so that a file that is imported again does not bring it back.
/// </remarks>
public static class FactDetail
{
    /// <summary>The most pieces of replaced evidence that are kept: the newest and the first.</summary>
    public const int MaxEarlier = 7;

    /// <summary>Serialises the texts of a fact; null if it has none.</summary>
    public static string? Write(string reason, Evidence? evidence) => Write(reason, evidence, []);

    /// <summary>Reads what <see cref="Write(string, Evidence?)"/> and <see cref="Merge"/> made. Unknown members are ignored.</summary>
    /// <param name="earlier">Evidence that was replaced, newest first.</param>
    /// <returns>False if the text is not such an object.</returns>
    public static bool TryRead(string? detail, out string reason, out Evidence? evidence, out IReadOnlyList<Evidence> earlier)
    {
        reason = "";
        evidence = null;
        earlier = [];
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
            evidence = root.TryGetProperty("evidence", out var proof) ? ReadEvidence(proof) : null;
            if (root.TryGetProperty("earlier", out var replaced) && replaced.ValueKind == JsonValueKind.Array)
            {
                earlier = [.. replaced.EnumerateArray().Select(ReadEvidence).OfType<Evidence>()];
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Adds the texts of a fact to those of the same version on record. Texts that were recorded before change nothing.</summary>
    /// <param name="stored">The texts on record; null for none.</param>
    /// <param name="added">The texts to add.</param>
    /// <returns><paramref name="stored"/> if nothing is new.</returns>
    public static string Merge(string? stored, string added)
    {
        if (stored is null || !TryRead(stored, out var reason, out var evidence, out var earlier) || !TryRead(added, out var newReason, out var newEvidence, out _))
        {
            return added;
        }

        var next = newEvidence is null ? evidence : evidence is null ? newEvidence : evidence.With(newEvidence);
        if (next != evidence && evidence is not null)
        {
            if (earlier.Contains(newEvidence))
            {
                next = evidence;
            }
            else
            {
                earlier = [evidence, .. earlier];
                earlier = earlier.Count > MaxEarlier ? [.. earlier.Take(MaxEarlier - 1), earlier[^1]] : earlier;
            }
        }

        return next == evidence && (reason.Length > 0 || newReason.Length == 0)
            ? stored
            : Write(reason.Length > 0 ? reason : newReason, next, earlier)!;
    }

    private static string? Write(string reason, Evidence? evidence, IReadOnlyList<Evidence> earlier)
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
                json.WritePropertyName("evidence");
                WriteEvidence(json, evidence);
            }

            if (earlier.Count > 0)
            {
                json.WriteStartArray("earlier");
                foreach (var one in earlier)
                {
                    WriteEvidence(json, one);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private static void WriteEvidence(Utf8JsonWriter json, Evidence evidence)
    {
        json.WriteStartObject();
        WriteText(json, "reference", evidence.Reference);
        WriteText(json, "sha256", evidence.Sha256);
        WriteText(json, "text_version", evidence.TextVersion);
        WriteText(json, "channel", evidence.Channel);
        WriteText(json, "locale", evidence.Locale);
        WriteTime(json, "claim_by", evidence.ClaimBy);
        WriteTime(json, "claimed", evidence.Claimed);
        json.WriteEndObject();
    }

    private static Evidence? ReadEvidence(JsonElement json) => json.ValueKind != JsonValueKind.Object ? null : new Evidence(
        Text(json, "reference"),
        Text(json, "sha256"),
        Text(json, "text_version"),
        Text(json, "channel"),
        Text(json, "locale"),
        Time(json, "claim_by"),
        Time(json, "claimed"));

    private static void WriteText(Utf8JsonWriter json, string name, string text)
    {
        if (text.Length > 0)
        {
            json.WriteString(name, text);
        }
    }

    // Unix milliseconds.
    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } value)
        {
            json.WriteNumber(name, value.ToUnixTimeMilliseconds());
        }
    }

    private static string Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var element) && element.ValueKind == JsonValueKind.String
            ? element.GetString()!
            : "";

    private static DateTimeOffset? Time(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var element) && element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out var time)
            && time >= 0 && time <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(time)
            : null;
}
