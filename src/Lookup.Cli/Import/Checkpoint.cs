using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lookup.Cli.Import;

/// <summary>
/// Progress of an import: everything up to <see cref="Line"/> is durably recorded or listed as rejected. Recording a fact
/// twice leaves the same state, so an old checkpoint only costs time, and one that does not match is ignored.
/// </summary>
internal sealed record Checkpoint
{
    public const int CurrentFormat = 2;

    public int Format { get; init; } = CurrentFormat;

    /// <summary>Hash of what must be unchanged to resume: the file, the mapping and the target.</summary>
    public string Identity { get; init; } = "";

    /// <summary>The import to resume.</summary>
    public string ImportId { get; init; } = "";

    public long Line { get; init; }

    public long Recorded { get; init; }

    public long Unchanged { get; init; }

    public long Rejected { get; init; }

    /// <summary>Length of the reject file in bytes up to this line.</summary>
    public long RejectBytes { get; init; }

    public static string IdentityOf(params IEnumerable<string> parts) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', parts))));

    /// <summary>Reads a checkpoint; null if there is none or it cannot be read.</summary>
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

    /// <summary>Replaces the file atomically: a kill leaves either the old or the new one.</summary>
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
