using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Cli.Files;
using Lookup.Cli.Options;
using Lookup.Client;
using Lookup.Core.Facts;
using Lookup.Server.Access;
using Lookup.Server.Errors;
using Lookup.Server.Http;
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

            if (document.RootElement.EnumerateObject().GroupBy(one => one.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            {
                throw new CliException($"{path}: the field '{twice.Key}' is there twice; write it once.");
            }

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

            try
            {
                // As the service reads JSON: the parser of messages takes the last of two fields, and an unknown number of an enumeration.
                var faults = new List<FieldFault>();
                JsonRequestCheck.Check(element, parser.ParseJson("{}").Descriptor, faults);
                if (faults.Count > 0)
                {
                    throw new CliException($"{where}: {string.Join(' ', faults.Select(fault => $"{fault.Field}: {fault.Description}"))}");
                }

                // Written again, since the parser of messages reads no comments.
                var entry = normalise(parser.ParseJson(JsonSerializer.Serialize(element)));
                if (entries.Exists(other => name(other) == name(entry)))
                {
                    throw new CliException($"{where}: {name(entry)} is there twice; write it once.");
                }

                entries.Add(entry);
            }
            catch (InvalidOperationException exception)
            {
                throw new CliException($"{where}: contains a string that is not valid Unicode.", inner: exception);
            }
            catch (LookupException exception)
            {
                throw new CliException($"{where}: {string.Join(' ', exception.Fields.Select(one => $"{one.Field[(one.Field.IndexOf('.', StringComparison.Ordinal) + 1)..]}: {one.Description}"))}", inner: exception);
            }
        }

        return entries;
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
