using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;

namespace Lookup.Cli.Output;

/// <summary>Formats JSON, one object per line.</summary>
internal static class JsonText
{
    private static readonly JsonFormatter Formatter =
        new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true).WithPreserveProtoFieldNames(false));

    private static readonly JsonFormatter Short = new(JsonFormatter.Settings.Default);

    /// <summary>Options for JSON that is not a message of the contract. Characters such as "+" are not escaped.</summary>
    public static JsonSerializerOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Formats a message of the contract as the JSON API does.</summary>
    public static string Format(IMessage message) => Formatter.Format(message);

    /// <summary>Formats a message without fields that have their default value, as the JSON API accepts it.</summary>
    public static string FormatShort(IMessage message) => Short.Format(message);
}
