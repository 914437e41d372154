using System.CommandLine;

namespace Lookup.Cli.Options;

/// <summary>The number, and the country of a number in national form.</summary>
internal sealed class NumberOptions
{
    private readonly Argument<string> _number = new("NUMBER") { Description = "Phone number, for example +31612345678." };
    private readonly Option<string?> _region = new("--region")
    {
        Description = "Country of a number in national form, for example NL.",
        HelpName = "REGION",
    };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="hasNumber">False for commands that read a list.</param>
    public NumberOptions(Command command, bool hasNumber = true)
    {
        if (hasNumber)
        {
            command.Arguments.Add(_number);
        }

        command.Options.Add(_region);
    }

    public string Number(ParseResult parsed) => parsed.GetRequiredValue(_number);

    public string Region(ParseResult parsed) => parsed.GetValue(_region) ?? "";
}
