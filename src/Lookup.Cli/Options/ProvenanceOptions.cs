using System.CommandLine;

namespace Lookup.Cli.Options;

/// <summary>Where a record comes from, who makes it and why: --source, --actor, --reason.</summary>
internal sealed class ProvenanceOptions
{
    private readonly Option<string> _source = new("--source")
    {
        Description = "Where the record comes from, for example \"web form 12\".",
        HelpName = "TEXT",
        DefaultValueFactory = _ => "lookup command line",
    };

    private readonly Option<string?> _actor = new("--actor") { Description = "Who records it; default: your user name.", HelpName = "TEXT" };
    private readonly Option<string?> _reason = new("--reason") { Description = "Why, in words.", HelpName = "TEXT" };

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
