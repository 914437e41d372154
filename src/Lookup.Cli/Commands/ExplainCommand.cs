using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Commands;

/// <summary>lookup explain: every rule that was evaluated, with article and facts.</summary>
internal sealed class ExplainCommand : CliCommand
{
    private readonly QuestionOptions _question;
    private readonly ConnectionOptions _connection;

    public ExplainCommand(Shell shell)
        : base(
            shell,
            "explain",
            "Decides like check and shows how: every rule that was evaluated, with its layer and article, and the facts.",
            "lookup explain +31612345678 --org acme --purpose commercial",
            $"lookup explain +31612345678 --org acme --purpose commercial --at {TimeText.Example} --without policy")
    {
        ExitCodeHelp = CheckCommand.Codes;
        _question = new QuestionOptions(this);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var request = new ExplainRequest
        {
            Number = _question.Number(parsed),
            DefaultRegion = _question.Region(parsed),
            Question = _question.Question(parsed),
            Consistency = _question.Consistency(parsed),
            WhatIf = _question.WhatIf(parsed),
        };
        using var client = _connection.Connect(parsed);
        var sent = Moment.Now(TimeProvider.System);
        var response = await client.ExplainAsync(request, ct);
        var result = CheckResult.Answered(new CheckResponse { Number = response.Number, Decision = response.Decision }, sent);
        var permitted = result.MayCall;
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(JsonText.Format(response));
        }
        else
        {
            DecisionPrinter.Write(Shell.Console, result);
            DecisionPrinter.WriteSteps(Shell.Console, response.Steps);
            new FactPrinter(response.Decision.TimeZone).Write(
                Shell.Console, response.Facts, response.Decision.CallTime?.ToDateTimeOffset() ?? Shell.Clock.GetUtcNow(), isCall: request.WhatIf?.CallTime is not null, request.WhatIf?.KnownAt?.ToDateTimeOffset());
        }

        return CheckCommand.ExitCode(Shell, result, permitted);
    }
}
