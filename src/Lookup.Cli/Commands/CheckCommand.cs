using System.CommandLine;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup check: may this number be called? The exit code is the verdict.</summary>
internal sealed class CheckCommand : CliCommand
{
    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;
    private readonly Option<int?> _reserve = new("--reserve")
    {
        Description = "Count the call in the same step if it is permitted, for so many seconds, 1 to 3600; say with 'lookup outcome' that it was placed.",
        HelpName = "SECONDS",
    };

    private readonly Option<bool> _all = new("--all-reasons") { Description = "Give all reasons, not just the most binding one." };

    public CheckCommand(Shell shell)
        : base(
            shell,
            "check",
            "May this organisation call this number, for this purpose, now?",
            "lookup check +31612345678 --org acme --purpose commercial",
            "lookup check 0612345678 --region NL --org acme --purpose commercial --all-reasons",
            $"lookup check +31612345678 --org acme --purpose commercial --at {TimeText.Example} --json",
            "lookup check +33123456789 --org acme --purpose commercial --reserve 120",
            "lookup check +31612345678 --org acme --purpose commercial && dial +31612345678")
    {
        ExitCodeHelp = "0 allow, 10 deny, 11 cannot tell, 12 not covered, 1 error, 2 usage. Only 0 permits the call.";
        _question = new QuestionOptions(this);
        Options.Add(_all);
        Options.Add(_reserve);
        _connection = new ConnectionOptions(this);
    }

    /// <summary>The exit code of a verdict. Only ALLOW is success, so that dialling only after success is safe.</summary>
    public static int ExitCode(Verdict verdict) => verdict switch
    {
        Verdict.Allow => ExitCodes.Ok,
        Verdict.Deny => ExitCodes.Deny,
        Verdict.NotCovered => ExitCodes.NotCovered,
        _ => ExitCodes.Unknown,
    };

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var request = new CheckRequest
        {
            Number = _question.Number(parsed),
            DefaultRegion = _question.Region(parsed),
            Question = _question.Question(parsed),
            Consistency = _question.Consistency(parsed),
            WhatIf = _question.WhatIf(parsed),
            AllReasons = parsed.GetValue(_all),
            Reserve = parsed.GetValue(_reserve) is { } seconds ? new Reserve { Duration = new Duration { Seconds = seconds } } : null,
        };
        using var client = _connection.Connect(parsed);
        var response = await client.CheckAsync(request, ct);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Of(response));
        }
        else
        {
            DecisionPrinter.Write(Shell.Console, response.Number, response.Decision);
            if (response.Reservation is { } reservation)
            {
                Shell.Console.MarkupLine(
                    $"  [grey]reserved:[/] dial before {TimeText.Format(reservation.Expires.ToDateTimeOffset())}; then: lookup outcome {response.Number} ... --at {TimeText.Format(reservation.Called.ToDateTimeOffset())}");
            }

            if (response.Receipt is { } receipt)
            {
                Shell.Console.MarkupLine($"  [grey]receipt:[/] {Markup.Escape(receipt.Id)}");
            }
        }

        return ExitCode(response.Decision.Verdict);
    }
}
