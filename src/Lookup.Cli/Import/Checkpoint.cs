using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lookup.Cli.Import;

/// <summary>
/// How far an import has come: everything up to <see cref="Line"/> is recorded and durable, or listed as refused. Facts
/// can be recorded again with the same end state, so a checkpoint that is behind costs time only, and one that does not
/// fit is left aside.
/// </summary>
internal sealed record Checkpoint
{
    public const int CurrentFormat = 2;

    public int Format { get; init; } = CurrentFormat;

    /// <summary>Hash of what must be the same to go on: the file, the mapping and the target.</summary>
    public string Identity { get; init; } = "";

    /// <summary>The import to go on with.</summary>
    public string ImportId { get; init; } = "";

    public long Line { get; init; }

    public long Recorded { get; init; }

    public long Unchanged { get; init; }

    public long Rejected { get; init; }

    /// <summary>Length of the reject file in bytes up to this line.</summary>
    public long RejectBytes { get; init; }

    public static string IdentityOf(params IEnumerable<string> parts) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', parts))));

    /// <summary>Reads a checkpoint; null where there is none that can be read.</summary>
    public static Checkpoint? Read(string path)
    {
        try
        {
            var checkpoint = JsonSerializer.Deserialize(File.ReadAllBytes(path), CheckpointJson.Default.Checkpoint);
            return checkpoint?.Format == CurrentFormat ? checkpoint : null;
        }
        catch (Exception exception) when (exception is JsonException or FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Writes it so that a kill leaves either the old or the new one.</summary>
    public void Write(string path)
    {
        var next = path + ".new";
        File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(this, CheckpointJson.Default.Checkpoint));
        File.Move(next, path, overwrite: true);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(Checkpoint))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
