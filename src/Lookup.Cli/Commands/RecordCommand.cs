using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Import;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Facts;
using Lookup.Server.Mapping;
using Lookup.V1;
using Spectre.Console;
using Fact = Lookup.V1.Fact;

namespace Lookup.Cli.Commands;

/// <summary>lookup record: records one fact, or a block of a number range, for experiments and manual corrections.</summary>
internal sealed class RecordCommand : CliCommand
{

    private readonly Argument<string> _kind = new("KIND") { Description = $"Kind of the fact: {KindNames.List}; or {FactMapper.BlockKind}, of many numbers.", HelpName = "KIND" };
    private readonly Argument<string?> _number = new("NUMBER")
    {
        Description = "Phone number, for example +31612345678; of a block a pattern, for example +1313XXXXXXX.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly BlockNumbers _numbers;
    private readonly Option<bool> _wholeCountry = new("--whole-country") { Description = "Permit a block of more than half of the numbers of a country calling code." };
    private readonly Dictionary<Field, Option<string?>> _texts = [];
    private readonly Dictionary<Field, Option<bool>> _flags = [];
    private readonly Option<string?> _zone = OptionParsing.TimeZone();
    private readonly ProvenanceOptions _provenance;
    private readonly ConnectionOptions _connection;

    public RecordCommand(Shell shell)
        : base(
            shell,
            "record",
            "Records one fact about a number, or a block of many numbers.",
            "lookup record objection +31612345678 --org acme",
            "lookup record objection +31612345678 --org '*' --reason 'letter of 3 March'",
            "lookup record consent +31612345678 --org acme --purposes commercial --since 2026-05-01T10:00:00+02:00 --until 2027-05-01T00:00:00+02:00 --evidence rec-4711",
            "lookup record consent +12125550123 --org acme --purposes commercial --since 2026-11-20T10:00:00-05:00 --evidence cert.example/9f2 --claim-by 2027-02-18T10:00:00-05:00",
            "lookup record registration +31612345678 --register nl-bmnr --since 2014-02-01 --timezone Europe/Amsterdam",
            "lookup record subscriber +31201234567 --subscriber legal_person --effective now",
            "lookup record reassignment +12125550123 --effective 2026-09-14 --timezone America/New_York",
            "lookup record block 313XXXXXXX --region US --org acme --until 2027-01-01T00:00:00-05:00",
            "lookup record block --range +31201234500 +31201234699 --org '*' --reason 'hospital'")
    {
        _kind.CompletionSources.Add([.. KindNames.Names, FactMapper.BlockKind]);
        Arguments.Add(_kind);
        Arguments.Add(_number);
        Text(Field.Region, "--region", "Country of a number in national form.", "REGION");
        Text(Field.Organisation, "--org", "Organisation; '*' in an objection or a block for all organisations.", "NAME");
        Text(Field.Register, "--register", "Register of a registration.", "NAME");
        Text(Field.Categories, "--categories", "Categories of offers that a registration blocks, separated by commas; default: all.", "LIST");
        Text(Field.Purposes, "--purposes", $"Purposes of a consent, separated by commas: {Words.Purposes.List}.", "LIST");
        Text(Field.ProductGroup, "--group", "Product group.", "NAME");
        Text(Field.Relation, "--relation", $"Kind of a relation: {Words.RelationKinds.List}.", "KIND");
        Text(Field.Subscriber, "--subscriber", $"Type of a subscriber: {Words.SubscriberTypes.List}.", "TYPE");
        Text(Field.Since, "--since", "Start of a registration, consent or relation, or 'now'. Consents and relations require it.", "TIME");
        Text(Field.Until, "--until", "End of a consent, relation or block.", "TIME");
        Text(Field.LastTransaction, "--last-transaction", "Last transaction of a relation, between --since and --until.", "TIME");
        Text(Field.Evidence, "--evidence", "Reference to the evidence of a consent.", "TEXT");
        Text(Field.EvidenceSha256, "--evidence-sha256", "SHA-256 of the evidence, for 'lookup evidence verify'.", "HEX");
        Text(Field.EvidenceClaimBy, "--claim-by", "With --evidence: until when the organisation can claim the certificate from its issuer.", "TIME");
        Text(Field.EvidenceClaimed, "--claimed", "With --evidence: when the organisation claimed the certificate, or 'now'.", "TIME");
        Text(Field.FirstContactMonths, "--first-contact-months", "Months within which the first call must be made, as the consent says, 0 to 120.", "N");
        Text(Field.Form, "--form", $"Form of a consent: {Words.ConsentForms.List}.", "FORM");
        Text(Field.Appointment, "--appointment", "With --form appointment: the agreed time of the call.", "TIME");
        Flag(Field.Verified, "--verified", "The consent was verified to come from the number's user.");
        Flag(Field.InLedger, "--in-ledger", "The consent is in the prescribed register of consents.");
        Flag(Field.ObtainedAtSale, "--obtained-at-sale", "The number was obtained in the sale, gift or event.");
        Flag(Field.OptOutOffered, "--opt-out-offered", "An opt-out was offered when the number was obtained.");
        Flag(Field.Abandoned, "--abandoned", "The call of an attempt was answered, but no person spoke.");
        Flag(Field.Withdrawn, "--withdrawn", "Withdraw the fact as of its effective time.");
        Text(Field.Effective, "--effective", "Time at which the fact takes effect, or 'now'; default: its own time. A fact that can permit calls requires a time.", "TIME");
        _numbers = new BlockNumbers(this);
        Options.Add(_wholeCountry);
        Options.Add(_zone);
        _provenance = new ProvenanceOptions(this);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        const string First = "facts[0].";
        if (parsed.GetRequiredValue(_kind).Equals(FactMapper.BlockKind, StringComparison.OrdinalIgnoreCase))
        {
            return await BlockAsync(parsed, ct);
        }

        if (_numbers.HasRange(parsed) || parsed.GetValue(_wholeCountry))
        {
            throw CliException.Usage("--range and --whole-country belong to a block: lookup record block.");
        }

        var fact = Fact(parsed);
        using var client = _connection.Connect(parsed);
        RecordFactsResponse response;
        try
        {
            response = await client.RecordFactsAsync(new RecordFactsRequest { Facts = { fact } }, ct);
        }
        catch (LookupException refused) when (refused.Fields.Count > 0)
        {
            var optOut = fact.Withdrawn ? fact.Consent is not null : fact.Objection is not null || fact.Refusal is not null || fact.Registration is not null;
            throw new CliException(
                "The service rejected the fact: "
                + string.Join("; ", refused.Fields.Select(error => $"{Where(error.Field.Replace(First, "", StringComparison.Ordinal))}: {InOptions(error.Description).TrimEnd('.')}")) + "."
                + (optOut ? " The opt-out is NOT recorded; this person can still be called." : ""));
        }

        var result = response.Results[0];
        var outcome = result.Outcome == FactResult.Types.Outcome.Recorded ? "recorded" : "unchanged";
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject { ["outcome"] = outcome, ["consistency_token"] = response.ConsistencyToken, ["warnings"] = Warnings(result.Warnings) }.ToJsonString(JsonText.Options));
        }
        else
        {
            Shell.Console.MarkupLine(outcome == "recorded" ? "[green]Recorded.[/]" : "Unchanged: the fact was already recorded.");
            WriteWarnings(result.Warnings, Where);

            Shell.Console.MarkupLine($"  [grey]token:[/] {SafeText.Escape(response.ConsistencyToken)}");
        }

        return ExitCodes.Ok;
    }

    private async Task<int> BlockAsync(ParseResult parsed, CancellationToken ct)
    {
        foreach (var (field, option) in _texts)
        {
            if (parsed.GetResult(option) is not null && field is not (Field.Region or Field.Organisation or Field.Until or Field.Effective))
            {
                throw CliException.Usage($"{option.Name} does not belong to a block.");
            }
        }

        foreach (var option in _flags.Values.Where(option => parsed.GetValue(option)))
        {
            throw CliException.Usage(option.Name == "--withdrawn"
                ? "--withdrawn does not belong to a block: 'lookup unblock' removes one."
                : $"{option.Name} does not belong to a block.");
        }

        var zone = parsed.GetTimeZone(_zone);
        var block = new Block
        {
            Organisation = parsed.GetValue(_texts[Field.Organisation]) ?? throw CliException.Usage("--org is missing: the organisation that must not call, or '*' for all."),
            DefaultRegion = parsed.GetValue(_texts[Field.Region]) ?? "",
            WholeCountry = parsed.GetValue(_wholeCountry),
            Effective = parsed.GetTime(_texts[Field.Effective], zone),
            Until = parsed.GetTime(_texts[Field.Until], zone),
            Source = _provenance.Source(parsed),
            Actor = _provenance.Actor(parsed),
            Reason = _provenance.Reason(parsed),
        };
        _numbers.Set(block, parsed, parsed.GetValue(_number));
        using var client = _connection.Connect(parsed);
        RecordBlocksResponse response;
        try
        {
            response = await client.RecordBlocksAsync(new RecordBlocksRequest { Blocks = { block } }, ct);
        }
        catch (LookupException refused) when (refused.Fields.Count > 0)
        {
            throw new CliException($"The service rejected the block: {Describe(refused, "blocks[0].")}. The block is NOT recorded; these numbers can still be called.");
        }

        var result = response.Results[0];
        var outcome = result.Outcome == BlockResult.Types.Outcome.Recorded ? "recorded" : "unchanged";
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject { ["outcome"] = outcome, ["numbers"] = result.Numbers, ["warnings"] = Warnings(result.Warnings) }.ToJsonString(JsonText.Options));
            return ExitCodes.Ok;
        }

        Shell.Console.MarkupLine(outcome == "recorded"
            ? $"[green]Recorded[/] the block of {SafeText.Escape(result.Numbers)}."
            : $"Unchanged: {SafeText.Escape(result.Numbers)} was already blocked for as long.");
        WriteWarnings(result.Warnings, field => field);

        return ExitCodes.Ok;
    }

    private static JsonArray Warnings(IEnumerable<FieldError> warnings) =>
        [.. warnings.Select(warning => new JsonObject { ["field"] = warning.Field, ["description"] = warning.Description })];

    private void WriteWarnings(IEnumerable<FieldError> warnings, Func<string, string> where)
    {
        foreach (var warning in warnings)
        {
            Shell.Console.MarkupLine($"  [yellow]warning:[/] {SafeText.Escape(where(warning.Field))}: {SafeText.Escape(warning.Description)}");
        }
    }

    /// <summary>Joins the invalid fields of a refusal, without the path of the item.</summary>
    internal static string Describe(LookupException refused, string path) => string.Join(
        "; ", refused.Fields.Select(error => $"{error.Field.Replace(path, "", StringComparison.Ordinal)}: {error.Description.TrimEnd('.')}"));

    private Fact Fact(ParseResult parsed)
    {
        var record = new ImportRecord();
        record.Reset(1, default);
        record[Field.Kind] = parsed.GetRequiredValue(_kind);
        record[Field.Number] = parsed.GetValue(_number) ?? throw CliException.Usage("NUMBER is missing: the phone number that the fact is about.");
        record[Field.Source] = _provenance.Source(parsed);
        record[Field.Actor] = _provenance.Actor(parsed);
        record[Field.Reason] = _provenance.Reason(parsed);
        foreach (var (field, option) in _texts)
        {
            record[field] = parsed.GetValue(option);
        }

        foreach (var (field, option) in _flags)
        {
            record[field] = parsed.GetValue(option) ? "true" : null;
        }

        var mapper = new FactMapper(Where, new Dictionary<Field, string>(), parsed.GetTimeZone(_zone), "", Shell.Clock);
        var fact = mapper.Map(record)
            ?? throw CliException.Usage(string.Join("; ", record.Faults.Select(fault => $"{fault.Column}: {fault.Reason}")) + ".");
        List<FieldFault>? faults = null;
        if (FactMapping.Map(fact, ref faults) is { LacksTime: true } lacking)
        {
            var field = Where(!lacking.Withdrawn && Field.Since.BelongsTo(lacking.Kind) ? Field.Since : Field.Effective);
            throw CliException.Usage($"{field} is missing: a fact that can permit calls requires a time, for example {TimeText.Example}, or now.");
        }

        return fact;
    }

    // A rule that compares two fields names the other by its path.
    private string InOptions(string text) =>
        string.Join(' ', text.Split(' ').Select(word => word.TrimEnd('.', ',') is var path && path.Contains('.', StringComparison.Ordinal) && Fields.TryFind(path, out var field) ? Where(field) : word));

    private string Where(string path) => Fields.TryFind(path, out var field) ? Where(field) : path;

    private string Where(Field field) =>
        _texts.TryGetValue(field, out var text) ? text.Name
        : _flags.TryGetValue(field, out var flag) ? flag.Name
        : field switch
        {
            Field.Kind => "KIND",
            Field.Number => "NUMBER",
            _ => "--" + field.Name(),
        };

    private void Text(Field field, string name, string description, string helpName)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = helpName };
        _texts.Add(field, option);
        Options.Add(option);
    }

    private void Flag(Field field, string name, string description)
    {
        var option = new Option<bool>(name) { Description = description };
        _flags.Add(field, option);
        Options.Add(option);
    }
}
