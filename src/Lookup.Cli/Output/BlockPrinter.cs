using Lookup.Cli.Options;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Output;

/// <summary>Prints blocks for people.</summary>
/// <param name="zone">Name of the zone of the times; UTC if it is empty.</param>
internal sealed class BlockPrinter(string zone)
{
    /// <summary>Prints blocks, each with its recordings.</summary>
    public void Write(IAnsiConsole console, IEnumerable<KnownBlock> blocks)
    {
        foreach (var block in blocks)
        {
            console.MarkupLine($"{SafeText.Escape(block.Numbers)}  {SafeText.Escape(Organisation(block.Organisation))}  {(block.Current ? "[yellow]blocked[/]" : "[grey]ended[/]")}");
            foreach (var version in block.Versions)
            {
                console.MarkupLine($"  [grey]{SafeText.Escape(Describe(version))}[/]");
            }
        }
    }

    /// <summary>Describes a block in words: "block of +1313XXXXXXX for acme".</summary>
    public static string Describe(KnownBlock block) => $"block of {block.Numbers} for {Organisation(block.Organisation)}";

    /// <summary>Describes one recording: "from ..., until ..., source ...".</summary>
    public string Describe(BlockVersion version)
    {
        var parts = new[]
        {
            $"from {Time(version.Effective)}",
            version.Until is { } until ? $"until {Time(until)}" : "no end",
            $"recorded {Time(version.Recorded)}",
            version.Source.Length > 0 ? $"source {version.Source}" : "",
            version.Actor.Length > 0 ? $"by {version.Actor}" : "",
            version.ImportId.Length > 0 ? $"import {version.ImportId}" : "",
            version.Reason.Length > 0 ? $"because {version.Reason}" : "",
            version.Removal is { } removal
                ? $"removed {Time(removal.Effective)}{(removal.Actor.Length > 0 ? $" by {removal.Actor}" : "")}{(removal.Reason.Length > 0 ? $" because {removal.Reason}" : "")}"
                : "",
        };
        return string.Join(", ", parts.Where(part => part.Length > 0));
    }

    private static string Organisation(string name) => name == "*" ? "all organisations" : name;

    private string Time(Google.Protobuf.WellKnownTypes.Timestamp time) => TimeText.Local(time.ToDateTimeOffset(), zone);
}
