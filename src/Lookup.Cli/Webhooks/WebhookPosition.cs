using System.Text.Json;
using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Output;
using Lookup.Cli.Scrub;

namespace Lookup.Cli.Webhooks;

/// <summary>The file with the position up to which the receiver has accepted every change. One process uses it at a time.</summary>
internal sealed class WebhookPosition : IDisposable
{
    private const int Format = 1;

    private readonly string _path;
    private readonly IReadOnlyList<string> _organisations;
    private readonly IDisposable _lock;
    private readonly Lock _writing = new();
    private string _saved = "";

    private WebhookPosition(string path, IReadOnlyList<string> organisations, IDisposable locked) =>
        (_path, _organisations, _lock) = (path, organisations, locked);

    /// <summary>The resume token; empty before the first event.</summary>
    public string Token { get; private set; } = "";

    /// <summary>Locks the file and reads it if it exists.</summary>
    /// <param name="path">The file.</param>
    /// <param name="organisations">The organisations that are watched; another set needs another file.</param>
    /// <exception cref="CliException">The file cannot be used.</exception>
    public static WebhookPosition Open(string path, IEnumerable<string> organisations)
    {
        path = Path.GetFullPath(path);
        var locked = FileLock.Take(
            path + ".lock", $"--position {path} is in use by another watch: end that one, or name another file.", $"--position {path} is not writable");
        var position = new WebhookPosition(path, [.. organisations.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)], locked);
        try
        {
            position.Read();
            return position;
        }
        catch
        {
            position.Dispose();
            throw;
        }
    }

    /// <summary>Sets the position, and writes the file. After a power failure it has this or an earlier position.</summary>
    /// <exception cref="CliException">The file cannot be written.</exception>
    public void Save(string token)
    {
        lock (_writing)
        {
            Token = token;
            if (token != _saved)
            {
                Write(token);
                _saved = token;
            }
        }
    }

    public void Dispose() => _lock.Dispose();

    private void Write(string token)
    {
        var content = new JsonObject
        {
            ["format"] = Format,
            ["organisations"] = new JsonArray([.. _organisations.Select(name => (JsonNode?)name)]),
            ["resume_token"] = token,
        };
        try
        {
            DurableFile.Write(_path, JsonSerializer.SerializeToUtf8Bytes(content, JsonText.Options));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"--position {_path} cannot be written: {exception.Message}", inner: exception);
        }
    }

    private void Read()
    {
        try
        {
            var content = JsonNode.Parse(File.ReadAllBytes(_path))!;
            if ((int)content["format"]! != Format)
            {
                throw new JsonException("Unknown format.");
            }

            var organisations = content["organisations"]!.AsArray().Select(name => (string)name!);
            Token = _saved = (string?)content["resume_token"] ?? throw new JsonException("No token.");
            if (!organisations.SequenceEqual(_organisations, StringComparer.Ordinal))
            {
                throw CliException.Usage($"--position {_path} belongs to a watch of other organisations ({string.Join(", ", organisations.DefaultIfEmpty("all"))}): name another file.");
            }
        }
        catch (FileNotFoundException)
        {
            // The first start.
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or NullReferenceException or FormatException or ArgumentNullException)
        {
            throw new CliException($"--position {_path} is not a position file of this version.", inner: exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"--position {_path}: {exception.Message}", inner: exception);
        }
    }
}
