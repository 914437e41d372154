// For: an account of administrative acts that cannot be changed unnoticed.
//
// An entry is one JSON object in UTF-8. It holds its number, from 0, and the SHA-256 of the bytes of the entry before it, so each entry
// commits to all earlier ones. The stored bytes are what is hashed: a reader never writes an entry again to check it. An act has two
// entries, one before it takes effect and one with its result; without a result it was interrupted, or its result could not be written.
using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Lookup.Core.Trail;

/// <summary>An entry of the admin trail.</summary>
public sealed record TrailEntry
{
    /// <summary>The previous hash of the first entry.</summary>
    public const string NoHash = "0000000000000000000000000000000000000000000000000000000000000000";

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Number of the entry, from 0.</summary>
    public long Number { get; init; }

    /// <summary>When it was written.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Id of the credential, or "tool:USER@HOST" for an act of the command-line tool on the store; empty if the service requires no credential.</summary>
    public required string Who { get; init; }

    /// <summary>The kind of act, for example "credential".</summary>
    public required string Kind { get; init; }

    /// <summary>The act, for example "CreateCredential".</summary>
    public required string Act { get; init; }

    /// <summary>The act's parameters, a JSON object; empty for a result.</summary>
    public string What { get; init; } = "";

    /// <summary>Number of the entry whose result this is; null for the act itself.</summary>
    public long? Of { get; init; }

    /// <summary>The result: begins with "done", "refused", "failed" or "interrupted"; empty for an act whose result is an entry of its own.</summary>
    public string Result { get; init; } = "";

    /// <summary>SHA-256 of the entry before, 64 hexadecimal digits.</summary>
    public string Previous { get; init; } = NoHash;

    /// <summary>Computes the hash of a stored entry.</summary>
    public static string HashOf(ReadOnlySpan<byte> stored) => Convert.ToHexStringLower(SHA256.HashData(stored));

    /// <summary>Writes the stored form.</summary>
    public byte[] Write()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            writer.WriteStartObject();
            writer.WriteNumber("n", Number);
            writer.WriteString("time", Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
            writer.WriteString("who", Who);
            writer.WriteString("kind", Kind);
            writer.WriteString("act", Act);
            if (What.Length > 0)
            {
                writer.WritePropertyName("what");
                writer.WriteRawValue(What);
            }

            if (Of is { } of)
            {
                writer.WriteNumber("of", of);
            }

            if (Result.Length > 0)
            {
                writer.WriteString("result", Result);
            }

            writer.WriteString("previous", Previous);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a stored entry.</summary>
    /// <exception cref="TrailException">It is not an entry.</exception>
    public static TrailEntry Read(ReadOnlyMemory<byte> stored)
    {
        try
        {
            using var document = JsonDocument.Parse(stored);
            var root = document.RootElement;
            return new TrailEntry
            {
                Number = root.GetProperty("n").GetInt64(),
                Time = DateTimeOffset.ParseExact(
                    root.GetProperty("time").GetString()!, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
                Who = root.GetProperty("who").GetString()!,
                Kind = root.GetProperty("kind").GetString()!,
                Act = root.GetProperty("act").GetString()!,
                What = root.TryGetProperty("what", out var what) ? what.GetRawText() : "",
                Of = root.TryGetProperty("of", out var of) ? of.GetInt64() : null,
                Result = root.TryGetProperty("result", out var result) ? result.GetString()! : "",
                Previous = root.GetProperty("previous").GetString()!,
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentNullException)
        {
            throw new TrailException("Not an entry of the trail.", e);
        }
    }
}

/// <summary>Thrown if the trail was changed; the message names the entry.</summary>
public sealed class TrailException(string message, Exception? inner = null) : Exception(message, inner);
