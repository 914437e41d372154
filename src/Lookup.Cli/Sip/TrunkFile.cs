using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Lookup.Cli.Files;
using Lookup.Cli.Gates;
using Lookup.Core.Numbers;

namespace Lookup.Cli.Sip;

/// <summary>Reads the trunk map: which calls are asked as what, and where a permitted one goes.</summary>
internal static partial class TrunkFile
{
    /// <summary>Calls of a trunk that may wait for an answer, if the file does not state it.</summary>
    public const int StandardPending = 500;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        // A misspelt field would be a rule that does not apply.
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
    };

    /// <summary>Reads a file.</summary>
    /// <exception cref="CliException">The file cannot be read, or a field is not valid.</exception>
    public static IReadOnlyList<Trunk> Load(string path) => Read(WholeFile.Read(path, $"--trunks '{path}'"));

    /// <summary>Reads the text of a file.</summary>
    /// <exception cref="CliException">The text is not JSON of this form, or a field is not valid.</exception>
    public static IReadOnlyList<Trunk> Read(string json)
    {
        FileForm? file;
        try
        {
            file = JsonSerializer.Deserialize<FileForm>(json, Options);
        }
        catch (JsonException exception)
        {
            throw new CliException($"--trunks: {TrunkFault.Describe(json, exception)}", inner: exception);
        }

        if (file?.Trunks is not { Count: > 0 } trunks)
        {
            throw new CliException("--trunks: the file has no trunk; write {\"trunks\": [{\"name\": ..., \"from\": [...], \"question\": {...}, \"redirect\": ...}]}.");
        }

        return Reachable([.. trunks.Select((form, index) => Trunk(form, $"--trunks: trunks[{index}]"))]);
    }

    // The calls of a hidden trunk would be asked with another question.
    private static List<Trunk> Reachable(List<Trunk> trunks)
    {
        for (var later = 1; later < trunks.Count; later++)
        {
            if (trunks.FindIndex(0, later, one => one.Hides(trunks[later])) is >= 0 and var first)
            {
                throw new CliException(
                    $"--trunks: trunks[{later}] '{trunks[later].Name}' is never used, because trunks[{first}] '{trunks[first].Name}' before it takes all of its calls; put the trunk with host, header or fewer addresses first.");
            }
        }

        return trunks;
    }

    private static Trunk Trunk(TrunkForm? form, string where)
    {
        if (form?.From is not { Count: > 0 })
        {
            throw new CliException($"{where}.from is missing: the addresses or networks from which its calls come.");
        }

        var networks = form.From.Select(text => GateRun.TryParsePeer(text, out var network)
            ? network
            : throw new CliException($"{where}.from '{text}' is not an IP address or network; write it like 10.0.0.0/24.")).ToList();
        var fields = new QuestionFields();
        foreach (var (name, value) in form.Question ?? [])
        {
            if (!fields.TrySet(name, Value(value, $"{where}.question.{name}"), out var fault))
            {
                throw new CliException($"{where}.question: {fault}");
            }
        }

        if (fields.Fault() is { Length: > 0 } wrong)
        {
            throw new CliException($"{where}.question: {wrong}");
        }

        foreach (var number in (IEnumerable<string?>?)form.Unchecked ?? [])
        {
            // Longer ones are subscribers.
            if (number is null || number.Length is 0 or > 6 || !number.All(char.IsAsciiDigit))
            {
                throw new CliException($"{where}.unchecked '{number}' is not an emergency number: write 1 to 6 digits, for example 112.");
            }
        }

        if (form.MaxPending is < 1 or > 100_000)
        {
            throw new CliException($"{where}.maxPending {form.MaxPending} is out of range: 1 to 100000.");
        }

        return new Trunk(
            form.Name is { Length: > 0 } ? form.Name : throw new CliException($"{where}.name is missing."),
            networks,
            Host(form.Host, where),
            Header(form.Header, where),
            fields.Question,
            fields.Region,
            Redirect(form.Redirect, where),
            (form.Unchecked ?? []).ToHashSet(StringComparer.Ordinal),
            form.MaxPending ?? StandardPending);
    }

    private static string Value(JsonElement value, string where)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.String => value.GetString()!,
                JsonValueKind.True => "yes",
                JsonValueKind.False => "no",
                JsonValueKind.Null => "",
                _ => throw new CliException($"{where} must be a text in quotes."),
            };
        }
        catch (InvalidOperationException exception)
        {
            throw new CliException($"{where} is not valid Unicode.", inner: exception);
        }
    }

    // A host or header that no call can have would hand the calls of this trunk to the next one, and to its question.
    private static string? Host(string? text, string where) =>
        text is null ? null
        : SipUri.TryHost(text, out var host) ? host
        : throw new CliException($"{where}.host '{text}' is not a host; write it without a port, like gate.example or [2001:db8::1], or leave host out.");

    private static (string Name, string Value)? Header(HeaderForm? form, string where)
    {
        if (form is null)
        {
            return null;
        }

        if (form.Name is null || !SipRequest.IsToken(form.Name))
        {
            throw new CliException($"{where}.header.name '{form.Name}' is not the name of a header; write it without a colon, like X-Campaign.");
        }

        return form.Value is { Length: > 0 } value && value.All(c => c is >= ' ' and <= '~') && value.Trim() == value
            ? (SipRequest.FullName(form.Name), value)
            : throw new CliException($"{where}.header.value '{form.Value}' is not the value of a header; write printable ASCII without spaces at its ends.");
    }

    // The number that was decided must be all that the URI calls: no other number, and no digits that a switch reads as a part of it.
    private static string Redirect(string? text, string where)
    {
        if (text is null || RedirectForm().Match(text) is not { Success: true } match)
        {
            throw new CliException($"{where}.redirect '{text}' is not a SIP URI whose user part is {{number}} or {{digits}}, with at most 6 digits before it and only ;tgrp or ;trunk-context behind it; write it like sip:{{number}}@carrier.example:5060;user=phone.");
        }

        var prefix = match.Groups["prefix"].Value;
        var code = InternationalPrefix().Replace(prefix, "");
        if (prefix.EndsWith('+') ? match.Groups["place"].Value == "number" : NumberParser.IsCallingCode(code))
        {
            throw new CliException($"{where}.redirect '{text}' would call another number: {{number}} begins with + and its calling code, {{digits}} with the calling code; remove '{prefix}'.");
        }

        return text;
    }

    [GeneratedRegex(@"^sips?:(?<prefix>[0-9*]{0,6}(#|%23)?|\+)\{(?<place>number|digits)\}(;(tgrp|trunk-context)=[A-Za-z0-9_.+-]+)*@[A-Za-z0-9\[][!#-;=A-Z\[\]_a-z~-[@?{}]]*$", RegexOptions.IgnoreCase)]
    private static partial Regex RedirectForm();

    [GeneratedRegex("^(00|011|0011)")]
    private static partial Regex InternationalPrefix();

    private sealed record FileForm(IReadOnlyList<TrunkForm?>? Trunks);

    private sealed record TrunkForm(
        string? Name,
        IReadOnlyList<string>? From,
        string? Host,
        HeaderForm? Header,
        Dictionary<string, JsonElement>? Question,
        string? Redirect,
        IReadOnlyList<string>? Unchecked,
        int? MaxPending);

    private sealed record HeaderForm(string? Name, string? Value);
}
