using System.CommandLine;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup watch: what becomes known of numbers, as it does.</summary>
internal sealed class WatchCommand : CliCommand
{
    // Of a number that is masked: enough to find it among a few, too little to call it.
    private const int ShownDigits = 3;

    private readonly Option<string[]> _organisations = new("--org")
    {
        Description = "Organisation whose changes are shown, with those that concern all; may be given again. Without it: all changes.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _from = new("--from")
    {
        Description = "Go on behind this token of an earlier watch; without it: from now on.",
        HelpName = "TOKEN",
    };

    private readonly Option<bool> _numbers = new("--numbers") { Description = "Show numbers in full. With --json they always are." };
    private readonly Option<bool> _heartbeats = new("--heartbeats") { Description = "Write the heartbeats too, with --json; each has a token to go on from." };
    private readonly ConnectionOptions _connection;

    public WatchCommand(Shell shell)
        : base(
            shell,
            "watch",
            "Shows what becomes known of numbers, as it becomes known, until it is stopped with Ctrl-C. Says then how to go on from there.",
            "lookup watch",
            "lookup watch --org acme --org bolt --numbers",
            "lookup watch --org acme --json --heartbeats",
            "lookup watch --from TOKEN --json")
    {
        ExitCodeHelp = "130 stopped with Ctrl-C; 4 changes were lost: scrub the active lists again and watch without --from; 1 error, also when what reads the output has ended; 2 usage.";
        Options.Add(_organisations);
        Options.Add(_from);
        Options.Add(_numbers);
        Options.Add(_heartbeats);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = _connection.Connect(parsed);
        var token = parsed.GetValue(_from) ?? "";
        try
        {
            bool? standing = null;
            await foreach (var told in client.WatchAsync(parsed.GetValue(_organisations), token, ct))
            {
                Write(parsed, told, ref standing);
                token = told.ResumeToken;
            }

            return ExitCodes.Ok;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Note(parsed, token.Length == 0 ? "Stopped before anything was heard." : $"Stopped. Go on with: lookup watch --from {token}", token);
            return ExitCodes.Interrupted;
        }
        catch (LookupException refused) when (refused.Fields is [{ Field: "organisations[0]" }])
        {
            throw CliException.Usage($"--org: {refused.Fields[0].Description.Split(';')[0].TrimEnd('.')}: make one with 'lookup org put'.");
        }
        catch (ChangesLostException exception)
        {
            throw new CliException(exception.Message, ExitCodes.ChangesLost, exception);
        }
    }

    private void Write(ParseResult parsed, WatchEvent told, ref bool? standing)
    {
        if (told.Failure is { } failure)
        {
            // Once for each time that it is away.
            if (standing != false)
            {
                Note(parsed, $"{failure.Message.TrimEnd('.')}. Trying again until it answers.", told.ResumeToken);
            }

            standing = false;
            return;
        }

        if (standing != true)
        {
            Note(parsed, "Watching.", told.ResumeToken);
            standing = true;
        }

        if (told.Change is { } change)
        {
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Of(new WatchResponse { Change = change, ResumeToken = told.ResumeToken }));
                Shell.Output.Flush();
            }
            else
            {
                WriteChange(change, parsed.GetValue(_numbers));
            }
        }
        else if (IsJson(parsed) && parsed.GetValue(_heartbeats))
        {
            Shell.Output.WriteLine(JsonText.Of(new WatchResponse
            {
                Heartbeat = new Heartbeat
                {
                    Freshness = told.Freshness is { } age ? Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(age) : null,
                },
                ResumeToken = told.ResumeToken,
            }));
            Shell.Output.Flush();
        }
    }

    private void WriteChange(Change change, bool full)
    {
        var fact = change.Fact.Fact;
        var time = change.Fact.Recorded is { } recorded ? DecisionPrinter.Time(recorded) + "  " : "";
        var state = change.Removed ? "[yellow]removed[/] " : fact.Withdrawn ? "[yellow]withdrawn[/] " : fact.Effective is null ? "[red]unreadable[/] " : "";
        var source = fact.Source.Length > 0 ? $"  [grey](source {SafeText.Escape(fact.Source)})[/]" : "";
        Shell.Console.MarkupLine(
            $"{time}{SafeText.Escape(full ? change.Number : Mask(change.Number))}  {state}{SafeText.Escape(FactPrinter.Describe(fact))}{source}");
    }

    // On standard error: results alone go to the next program.
    private void Note(ParseResult parsed, string text, string token)
    {
        if (IsJson(parsed))
        {
            Shell.Error.WriteLine(new System.Text.Json.Nodes.JsonObject { ["note"] = text, ["resume_token"] = token }.ToJsonString(JsonText.Options));
        }
        else
        {
            Shell.Error.WriteLine("lookup: " + SafeText.Printable(text));
        }
    }

    private static string Mask(string number) => number.Length <= 2 * ShownDigits
        ? number
        : string.Concat(number.AsSpan(0, ShownDigits + 1), new string('*', number.Length - (2 * ShownDigits) - 1), number.AsSpan(number.Length - ShownDigits));
}
