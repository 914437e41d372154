using System.CommandLine;
using Lookup.Cli.Files;
using Lookup.Cli.Output;

namespace Lookup.Cli.Commands;

/// <summary>lookup report: the audit of a period as a page for people.</summary>
internal sealed class ReportCommand : CallAuditCommand
{
    private readonly Option<string?> _out = new("--out") { Description = "File for the page; default: CALLS.report.html.", HelpName = "PATH" };

    public ReportCommand(Shell shell)
        : base(
            shell,
            "report",
            "Audits the calls of a period and writes a printable HTML page: the result, what to do, figures with plots, and the calls to answer for.",
            "lookup report calls.csv --column dst --time start --timezone Europe/Amsterdam --from 2024-01-01 --to 2024-12-31 --org acme --purpose commercial --by centre",
            "lookup report calls.csv --column dst --time start --timezone Europe/Amsterdam --only centre=north --org acme --purpose commercial --by campaign --by agent --out north.html",
            "lookup report Master.csv --format asterisk --timezone Europe/Amsterdam --region NL --org acme --purpose commercial --receipts /var/lib/lookup/receipts --public-key receipt.key.pub --key-file number.key") =>
        Options.Add(_out);

    /// <inheritdoc/>
    protected override string? PageOf(ParseResult parsed, InputFile input) => input.Path is null
        ? throw CliException.Usage("A report reads the call records twice: name a file instead of standard input.")
        : OutputPath.Of(parsed.GetValue(_out) ?? input.Path + ".report.html", "--out", input.Path, HtmlPage.Start);
}
