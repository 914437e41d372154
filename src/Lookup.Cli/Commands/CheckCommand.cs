using System.CommandLine;
using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup check: may this number be called? The exit code is the verdict.</summary>
internal sealed class CheckCommand : CliCommand
{
    /// <summary>The meaning of each exit code, shown in the help.</summary>
    public const string Codes =
        "0 allow, 10 deny, 11 unknown, 12 not covered, 13 allow that permits nothing (what-if, or expired), 1 error, 2 usage. Only 0 permits the call.";

    private const int Attempts = 3;

    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;
    private readonly Option<int?> _reserve = new("--reserve")
    {
        Description = "If the call is permitted, also count it as an attempt, reserved for 1 to 3600 seconds; confirm it with 'lookup outcome'.",
        HelpName = "SECONDS",
    };

    private readonly Option<bool> _all = new("--all-reasons") { Description = "Return all reasons, not only the most binding one." };

    public CheckCommand(Shell shell)
        : base(
            shell,
            "check",
            "Decides whether an organisation may call a number, for a purpose, now.",
            "lookup check +31612345678 --org acme --purpose commercial",
            "lookup check 0612345678 --region NL --org acme --purpose commercial --all-reasons",
            $"lookup check +31612345678 --org acme --purpose commercial --at {TimeText.Example} --json",
            "lookup check +33123456789 --org acme --purpose commercial --reserve 120",
            "lookup check +31612345678 --org acme --purpose commercial && dial +31612345678")
    {
        ExitCodeHelp = Codes;
        _question = new QuestionOptions(this);
        Options.Add(_all);
        Options.Add(_reserve);
        _connection = new ConnectionOptions(this);
    }

    /// <summary>
    /// Returns the exit code of an answer. Only an ALLOW that permits the call now is success, so a script may dial after exit code 0.
    /// </summary>
    public static int ExitCode(in CheckResult result) => result.MayCall ? ExitCodes.Ok : result.Verdict switch
    {
        Verdict.Allow => ExitCodes.PermitsNothing,
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
        var (response, result) = await AskAsync(client, request, ct);
        var permitted = result.MayCall;
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(response));
        }
        else
        {
            DecisionPrinter.Write(Shell.Console, result);
            if (response.Reservation is { } reservation)
            {
                Shell.Console.MarkupLine(
                    $"  [grey]reserved:[/] dial before {SafeText.Escape(DecisionPrinter.Time(reservation.Expires, response.Decision.TimeZone))}; then: lookup outcome {response.Number} ... --at {TimeText.Format(reservation.Called.ToDateTimeOffset())}");
            }

            if (response.Receipt is { } receipt)
            {
                Shell.Console.MarkupLine($"  [grey]receipt:[/] {SafeText.Escape(receipt.Id)}");
            }
        }

        return ExitCode(Shell, result, permitted);
    }

    /// <summary>Returns the exit code, and says so if the permission that was printed has expired meanwhile.</summary>
    public static int ExitCode(Shell shell, in CheckResult result, bool permitted)
    {
        var code = ExitCode(result);
        if (permitted && code == ExitCodes.PermitsNothing)
        {
            shell.Error.WriteLine("lookup: the answer expired while it was printed (exit code 13); check again just before dialling.");
        }

        return code;
    }

    // The first answer waited for the connection and may have expired, so check again; not with --reserve, which would count the call twice.
    private static async Task<(CheckResponse Response, CheckResult Result)> AskAsync(LookupClient client, CheckRequest request, CancellationToken ct)
    {
        for (var left = Attempts; ; left--)
        {
            var sent = Moment.Now(TimeProvider.System);
            var response = await client.CheckAsync(request, ct);
            var result = CheckResult.Answered(response, sent);
            if (left == 1 || result.WhyNot is null || response.Decision.ReusableFor is null || request.Reserve is not null)
            {
                return (response, result);
            }
        }
    }
}
