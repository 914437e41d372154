using System.CommandLine;

namespace Lookup.Cli.Options;

/// <summary>The origin of a record: --source, --actor, --reason.</summary>
internal sealed class ProvenanceOptions
{
    private readonly Option<string> _source = new("--source")
    {
        Description = "Origin of the record, for example \"web form 12\".",
        HelpName = "TEXT",
        DefaultValueFactory = _ => "lookup command line",
    };

    private readonly Option<string?> _actor = new("--actor") { Description = "Person who records it; default: your user name.", HelpName = "TEXT" };
    private readonly Option<string?> _reason = new("--reason") { Description = "Reason, as free text.", HelpName = "TEXT" };

    public ProvenanceOptions(Command command)
    {
        command.Options.Add(_source);
        command.Options.Add(_actor);
        command.Options.Add(_reason);
    }

    public string Source(ParseResult parsed) => parsed.GetRequiredValue(_source);

    public string Actor(ParseResult parsed) => parsed.GetValue(_actor) ?? Environment.UserName;

    public string Reason(ParseResult parsed) => parsed.GetValue(_reason) ?? "";
}
