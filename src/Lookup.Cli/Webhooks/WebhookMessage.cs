using System.Text.Json;
using System.Text.RegularExpressions;
using Lookup.Cli.Output;
using Lookup.V1;

namespace Lookup.Cli.Webhooks;

/// <summary>A change as it is pushed.</summary>
/// <param name="Id">Identifies the change at every delivery.</param>
/// <param name="Body">The JSON body: type, timestamp and data.</param>
internal sealed partial record WebhookMessage(string Id, byte[] Body)
{
    /// <summary>Writes the change with nothing that a watch does not deliver.</summary>
    public static WebhookMessage From(Change change)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body, new JsonWriterOptions { Encoder = JsonText.Options.Encoder }))
        {
            json.WriteStartObject();
            json.WriteString("type", TypeOf(change));
            if (change.Fact?.Recorded is { } recorded)
            {
                json.WriteString("timestamp", recorded.ToDateTime());
            }

            json.WritePropertyName("data");
            json.WriteRawValue(JsonText.Format(change));
            json.WriteEndObject();
        }

        return new WebhookMessage(change.Id, body.ToArray());
    }

    /// <summary>Returns the type of a change: the kind of its fact and what happened to it, for example "objection.recorded".</summary>
    public static string TypeOf(Change change)
    {
        var fact = change.Fact?.Fact;
        var kind = Capital().Replace((fact?.KindCase ?? Fact.KindOneofCase.None).ToString(), "_$0").ToLowerInvariant();
        return kind + (change.Removed ? ".removed" : fact?.Effective is null ? ".unreadable" : fact.Withdrawn ? ".withdrawn" : ".recorded");
    }

    [GeneratedRegex("(?<=.)[A-Z]")]
    private static partial Regex Capital();
}
