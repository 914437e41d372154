using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Cli.Files;
using Lookup.Cli.Options;
using Lookup.Client;
using Lookup.Core.Facts;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Mapping;
using Lookup.V1;

namespace Lookup.Cli.Declared;

/// <summary>The organisations and grants that a file declares, as the service would store them.</summary>
/// <param name="Organisations">In the order of the file; no name twice.</param>
/// <param name="Grants">In the order of the file; no pair of credential and organisation twice. Null: the file says nothing about grants.</param>
internal sealed record DeclaredFile(IReadOnlyList<Organisation> Organisations, IReadOnlyList<Grant>? Grants)
{
    private const string Example = "{\"organisations\": [{\"name\": \"acme\"}], \"grants\": [{\"credentialId\": \"dialer-7\", \"organisation\": \"acme\"}]}";

    private static readonly string[] Sections = ["organisations", "grants"];

    private static readonly JsonDocumentOptions Reading = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>Reads a file.</summary>
    /// <exception cref="CliException">The file cannot be read, or an entry is not valid.</exception>
    public static DeclaredFile Load(string path) => Read(WholeFile.Read(path, $"'{path}'"), path);

    private static DeclaredFile Read(string json, string path)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, Reading);
        }
        catch (JsonException exception)
        {
            throw new CliException($"{path}, line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}: this is not JSON; write {Example}.", inner: exception);
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new CliException($"{path}: the file is not a JSON object; write {Example}.");
            }

            DemandOnce(document.RootElement, $"{path}: the field '", "'");
            foreach (var section in document.RootElement.EnumerateObject().Where(one => !Sections.Contains(one.Name)))
            {
                var meant = Spelling.Closest(section.Name, Sections);
                throw new CliException($"{path}: '{section.Name}' is not known{(meant is null ? "" : $"; did you mean '{meant}'")}; the file may have {string.Join(" and ", Sections)}.");
            }

            var organisations = Entries(document, "organisations", Organisation.Parser, Normalise, one => one.Name, path);
            var grants = Entries(document, "grants", Grant.Parser, Normalise, one => $"{one.CredentialId} for {one.Organisation}", path);
            return organisations is null && grants is null
                ? throw new CliException($"{path}: the file declares nothing; write {Example}.")
                : new DeclaredFile(organisations ?? [], grants);
        }
    }

    private static List<T>? Entries<T>(
        JsonDocument document, string section, MessageParser<T> parser, Func<T, T> normalise, Func<T, string> name, string path)
        where T : IMessage<T>
    {
        if (!document.RootElement.TryGetProperty(section, out var list))
        {
            return null;
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            throw new CliException($"{path}: {section} must be a list: [{{...}}, {{...}}].");
        }

        var entries = new List<T>();
        foreach (var element in list.EnumerateArray())
        {
            var where = $"{path}: {section}[{entries.Count}]";
            if (element.ValueKind != JsonValueKind.Object)
            {
                throw new CliException($"{where} must be an object: {{...}}.");
            }

            DemandOnce(element, $"{where}: ", "");
            try
            {
                // Written again, since the parser of messages reads no comments.
                var entry = normalise(parser.ParseJson(JsonSerializer.Serialize(element)));
                if (entries.Exists(other => name(other) == name(entry)))
                {
                    throw new CliException($"{where}: {name(entry)} is there twice; write it once.");
                }

                entries.Add(entry);
            }
            catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidJsonException or FormatException)
            {
                throw new CliException($"{where}: {exception.Message.TrimEnd('.')}.", inner: exception);
            }
            catch (LookupException exception)
            {
                throw new CliException($"{where}: {string.Join(' ', exception.Fields.Select(one => $"{one.Field[(one.Field.IndexOf('.', StringComparison.Ordinal) + 1)..]}: {one.Description}"))}", inner: exception);
            }
        }

        return entries;
    }

    // A field has two spellings, of which the parser would take the last one.
    private static void DemandOnce(JsonElement element, string before, string after)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var one in element.EnumerateArray())
            {
                DemandOnce(one, before, after);
            }
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            var known = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            foreach (var field in element.EnumerateObject())
            {
                if (!known.Add(field.Name.Replace("_", "", StringComparison.Ordinal)))
                {
                    throw new CliException($"{before}{field.Name}{after} is there twice; write it once.");
                }

                // The entries of a section are read one by one, with their place.
                if (!Sections.Contains(field.Name))
                {
                    DemandOnce(field.Value, before, after);
                }
            }
        }
    }

    /// <summary>Returns a record as the service would return it, with the caps in one order.</summary>
    /// <exception cref="LookupException">The service would reject the record.</exception>
    public static Organisation Normalise(Organisation organisation)
    {
        List<FieldFault>? faults = null;
        var stored = LayerMapping.Read(organisation, ref faults);
        Demand(() => FieldFaults.ThrowIfAny(faults));
        var normal = LayerMapping.ToProto(stored);
        AttemptCap[] caps = [.. normal.AttemptCaps.OrderBy(cap => cap.ToString(), StringComparer.Ordinal)];
        normal.AttemptCaps.Clear();
        normal.AttemptCaps.AddRange(caps);
        return normal;
    }

    private static Grant Normalise(Grant grant)
    {
        var normal = grant;
        Demand(() => normal = CredentialMapping.ToProto(CredentialMapping.Read(grant)));
        return normal;
    }

    private static void Demand(Action check)
    {
        try
        {
            check();
        }
        catch (RpcException exception)
        {
            throw LookupException.From(exception, new Uri(ConnectionOptions.DefaultAddress));
        }
    }
}
