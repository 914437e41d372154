using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;

namespace Lookup.Cli.Output;

/// <summary>JSON as machines read it: one object a line.</summary>
internal static class JsonText
{
    private static readonly JsonFormatter Formatter =
        new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true).WithPreserveProtoFieldNames(false));

    /// <summary>For what is not a message of the contract. Signs such as "+" are left as they are.</summary>
    public static JsonSerializerOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A message of the contract as the JSON API answers it.</summary>
    public static string Of(IMessage message) => Formatter.Format(message);
}
