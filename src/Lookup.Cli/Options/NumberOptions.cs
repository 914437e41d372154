using System.CommandLine;

namespace Lookup.Cli.Options;

/// <summary>A number and the country of one that is not in international form.</summary>
internal sealed class NumberOptions
{
    private readonly Argument<string> _number = new("NUMBER") { Description = "The number, for example +31612345678." };
    private readonly Option<string?> _region = new("--region")
    {
        Description = "Country of a number that is not in international form, for example NL.",
        HelpName = "REGION",
    };

    /// <param name="command">Gets the options.</param>
    /// <param name="hasNumber">It is about one number; else about those of a list.</param>
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
