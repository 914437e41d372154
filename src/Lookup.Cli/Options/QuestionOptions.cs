using System.CommandLine;
using Lookup.V1;

namespace Lookup.Cli.Options;

/// <summary>Options for the question about a number, shared by all commands that decide.</summary>
internal sealed class QuestionOptions
{
    private readonly NumberOptions _number;
    private readonly Option<string> _organisation = new("--org")
    {
        Description = "Organisation on whose behalf the call is made.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _purpose = OptionParsing.Word("--purpose", "Purpose of the call", Words.Purposes, "PURPOSE");
    private readonly Option<string?> _kind = OptionParsing.Word("--kind", "Kind of the call", Words.CallKinds, "KIND", "marketing");
    private readonly Option<string?> _sector = OptionParsing.Word("--sector", "Sector of an organisation without a record", Words.Sectors, "SECTOR");
    private readonly Option<string?> _subscriber = OptionParsing.Word(
        "--subscriber", "Type of the called subscriber, as far as known", Words.SubscriberTypes, "TYPE");

    private readonly Option<string?> _group = new("--group") { Description = "Product group of the offer.", HelpName = "NAME" };
    private readonly Option<string?> _mode = OptionParsing.Word(
        "--mode", "How the call is dialled", Words.DiallingModes, "MODE", "treated as predictive");

    private readonly Option<bool> _automated = new("--automated") { Description = "No human speaks; the same as --mode no_human." };
    private readonly Option<bool> _withheld = new("--withheld") { Description = "The call withholds the caller's number." };
    private readonly Option<string?> _caller = new("--caller") { Description = "Number that the call shows, in E.164.", HelpName = "NUMBER" };
    private readonly Option<string?> _calledRegion = new("--called-region")
    {
        Description = "Region of the called person, in addition to that of the number, for example US-FL.",
        HelpName = "REGION",
    };

    private readonly Option<string?> _line = OptionParsing.Word("--line", "Type of the called line, as far as known", Words.LineTypes, "LINE");

    private readonly Option<string?> _requestedAt = new("--requested-at")
    {
        Description = "With --kind requested: time at which the subscriber requested the call.",
        HelpName = "TIME",
    };

    private readonly Option<string?> _at = new("--at")
    {
        Description = $"Decide for this call time instead of now, for example {TimeText.Example}.",
        HelpName = "TIME",
    };

    private readonly Option<string?> _knownAt = new("--known-at")
    {
        Description = "Leave out facts recorded after this time; with the same --at: the answer on what was known at the call.",
        HelpName = "TIME",
    };

    private readonly Option<string[]> _without = new("--without")
    {
        Description = "Layer of rules to leave out: code, policy. Repeatable.",
        HelpName = "LAYER",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _strict = new("--strict") { Description = "Apply the stricter policies." };
    private readonly Option<bool> _exact = new("--exact") { Description = "Read the facts from the store, bypassing filter and cache." };
    private readonly Option<string?> _token = new("--token")
    {
        Description = "Consistency token of a write or an earlier answer; the answer is at least as fresh.",
        HelpName = "TOKEN",
    };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="hasNumber">False for commands that read a list.</param>
    /// <param name="asksService">False for commands that always read facts from the store.</param>
    /// <param name="hasTime">False for commands that read call times from a file.</param>
    /// <param name="needsOrganisation">False for commands that may read it from a file.</param>
    public QuestionOptions(Command command, bool hasNumber = true, bool asksService = true, bool hasTime = true, bool needsOrganisation = true)
    {
        _organisation.Required = needsOrganisation;
        _number = new NumberOptions(command, hasNumber);
        Option[] times = hasTime ? [_at, _knownAt] : [];
        Option[] freshness = asksService ? [_exact, _token] : [];
        foreach (var option in (Option[])
            [_organisation, _purpose, _kind, _sector, _subscriber, _group, _mode, _automated, _withheld, _caller, _calledRegion, _line, _requestedAt, .. times, _without, _strict, .. freshness])
        {
            command.Options.Add(option);
        }
    }

    public string Number(ParseResult parsed) => _number.Number(parsed);

    public string Region(ParseResult parsed) => _number.Region(parsed);

    /// <summary>The question for the numbers of a list, which are sent in E.164.</summary>
    public CheckStreamOpen Open(ParseResult parsed) => new()
    {
        Question = Question(parsed),
        Consistency = Consistency(parsed),
        WhatIf = WhatIf(parsed),
    };

    public Question Question(ParseResult parsed)
    {
        var kind = parsed.GetWord(_kind, Words.CallKinds);
        var purpose = parsed.GetWord(_purpose, Words.Purposes);
        if (purpose == Purpose.Unspecified && kind is CallKind.Unspecified or CallKind.Marketing)
        {
            throw CliException.Usage($"--purpose is missing: {Words.Purposes.List}.");
        }

        // Older services know only Automated.
        var mode = parsed.GetWord(_mode, Words.DiallingModes);
        return new Question
        {
            Organisation = parsed.GetValue(_organisation) ?? "",
            Sector = parsed.GetWord(_sector, Words.Sectors),
            Purpose = purpose,
            Kind = kind,
            Automated = parsed.GetValue(_automated) || mode == DiallingMode.NoHuman,
            DiallingMode = mode,
            CallerNumberWithheld = parsed.GetValue(_withheld),
            CallerNumber = parsed.GetValue(_caller) ?? "",
            CalledRegion = parsed.GetValue(_calledRegion) ?? "",
            LineType = parsed.GetWord(_line, Words.LineTypes),
            ProductGroup = parsed.GetValue(_group) ?? "",
            Subscriber = parsed.GetWord(_subscriber, Words.SubscriberTypes),
            RequestedAt = parsed.GetTime(_requestedAt),
        };
    }

    public WhatIf? WhatIf(ParseResult parsed)
    {
        var whatIf = new WhatIf
        {
            CallTime = parsed.GetTime(_at),
            KnownAt = parsed.GetTime(_knownAt),
            Strict = parsed.GetValue(_strict),
        };
        foreach (var text in parsed.GetRequiredValue(_without))
        {
            var layer = Words.Layers.Parse("--without", text);
            whatIf.SwitchedOffLayers.Add(layer is Layer.Code or Layer.Policy
                ? layer
                : throw CliException.Usage($"--without {text}: only code and policy can be left out."));
        }

        return whatIf.CalculateSize() == 0 ? null : whatIf;
    }

    public Consistency? Consistency(ParseResult parsed)
    {
        var token = parsed.GetValue(_token);
        return (parsed.GetValue(_exact), token) switch
        {
            (true, not null) => throw CliException.Usage("--exact and --token exclude each other: drop one."),
            (true, _) => new Consistency { Exact = true },
            (_, not null) => new Consistency { AtLeastAsFresh = token },
            _ => null,
        };
    }
}
