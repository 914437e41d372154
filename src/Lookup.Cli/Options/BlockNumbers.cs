using System.CommandLine;
using Lookup.V1;

namespace Lookup.Cli.Options;

/// <summary>The numbers of a block: a pattern, or --range.</summary>
internal sealed class BlockNumbers
{
    private readonly Option<string[]?> _range = new("--range")
    {
        Description = "First and last number of a block, instead of a pattern.",
        HelpName = "FROM TO",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
    };

    public BlockNumbers(Command command) => command.Options.Add(_range);

    /// <summary>Whether --range is given.</summary>
    public bool HasRange(ParseResult parsed) => parsed.GetValue(_range) is { Length: > 0 };

    /// <summary>Sets the numbers of a block.</summary>
    /// <exception cref="CliException">Neither or both are given.</exception>
    public void Set(Block block, ParseResult parsed, string? pattern)
    {
        var range = parsed.GetValue(_range);
        switch (pattern, range)
        {
            case (null, [var first, var last]):
                block.Range = new NumberRange { First = first, Last = last };
                break;
            case (not null, null or []):
                block.Pattern = pattern;
                break;
            default:
                throw CliException.Usage("The numbers of a block are a pattern such as 313XXXXXXX or +49151*, or --range FROM TO: give one of them.");
        }
    }
}
