using System.CommandLine;
using Lookup.Cli.Gates;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Cli.Webhooks;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup watch: streams changes of facts as they are recorded, or pushes them.</summary>
internal sealed class WatchCommand : CliCommand
{
    // Digits of a masked number: enough to recognise it, too few to call it.
    private const int ShownDigits = 3;

    private readonly Option<string[]> _organisations = new("--org")
    {
        Description = "Show changes for this organisation and those that apply to all organisations; default: all changes. Repeatable.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _from = new("--from")
    {
        Description = "Resume token of an earlier watch; default: start now.",
        HelpName = "TOKEN",
    };

    private readonly Option<bool> _numbers = new("--numbers") { Description = "Show numbers in full. With --json they always are." };
    private readonly Option<bool> _heartbeats = new("--heartbeats") { Description = "With --json: also write heartbeats, each with a resume token." };
    private readonly Option<bool> _blocks = new("--blocks") { Description = "Also show blocks of number ranges: those in force, then each change." };
    private readonly WebhookOptions _webhook;
    private readonly ConnectionOptions _connection;

    public WatchCommand(Shell shell)
        : base(
            shell,
            "watch",
            "Streams changes of facts as they are recorded, or pushes them to a webhook, until Ctrl-C; then prints how to resume.",
            "lookup watch",
            "lookup watch --org acme --org bolt --numbers",
            "lookup watch --org acme --json --heartbeats",
            "lookup watch --from TOKEN --json",
            "lookup watch --org acme --webhook https://dialer.example/lookup --secret-file webhook.secret --position webhook.position")
    {
        ExitCodeHelp = "130 stopped with Ctrl-C, 0 with --webhook; 7 the receiver answered 410 Gone; 4 changes were lost: scrub the active lists again and watch without --from; 1 error, or the reader of the output ended; 2 usage.";
        Options.Add(_organisations);
        Options.Add(_from);
        Options.Add(_numbers);
        Options.Add(_heartbeats);
        Options.Add(_blocks);
        _webhook = new WebhookOptions(this);
        _connection = new ConnectionOptions(this, timeout: 15);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var webhook = _webhook.Read(parsed, _from, _numbers, _heartbeats, _blocks);
        var timeout = TimeSpan.Zero;
        using var client = _connection.Connect(parsed, options =>
        {
            timeout = options.Timeout;
            return options;
        });
        if (webhook is not null)
        {
            return await PushAsync(parsed, client, webhook, timeout, ct);
        }

        var token = parsed.GetValue(_from) ?? "";
        try
        {
            bool? connected = null;
            await foreach (var received in client.WatchAsync(
                new WatchRequest { Organisations = { parsed.GetValue(_organisations) ?? [] }, ResumeToken = token, Blocks = parsed.GetValue(_blocks) }, ct))
            {
                Write(parsed, received, ref connected);
                token = received.ResumeToken;
            }

            return ExitCodes.Ok;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            WriteNote(parsed, token.Length == 0 ? "Stopped before the first event." : $"Stopped. Resume with: {ResumeCommand(parsed, token)}", token);
            return ExitCodes.Interrupted;
        }
        catch (LookupException refused) when (IsOrganisation(refused))
        {
            throw UnknownOrganisation(refused);
        }
        catch (ChangesLostException exception)
        {
            throw new CliException(exception.Message, ExitCodes.ChangesLost, exception);
        }
    }

    private async Task<int> PushAsync(ParseResult parsed, LookupClient client, WebhookChoice webhook, TimeSpan timeout, CancellationToken ct)
    {
        string[] organisations = parsed.GetValue(_organisations) ?? [];
        using var position = WebhookPosition.Open(webhook.Position, organisations);
        var tally = new WebhookTally(WebhookSender.Describe(webhook.Url), text => WriteNote(parsed, text, position.Token));
        using var sender = new WebhookSender(webhook.Url, webhook.Signer, timeout, tally, Shell.Clock);
        using var run = new WebhookRun(sender, position, tally, webhook.InFlight, Shell.Clock);
        using var end = new CancellationTokenSource();
        var summary = GateRun.SummariseAsync(Shell, tally.Format, IsJson(parsed), end.Token);
        try
        {
            await run.RunAsync(
                stop => client.WatchAsync(new WatchRequest { Organisations = { organisations }, ResumeToken = position.Token }, stop), ct);
            return ExitCodes.Ok;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return ExitCodes.Ok;
        }
        catch (LookupException refused) when (IsOrganisation(refused))
        {
            throw UnknownOrganisation(refused);
        }
        catch (LookupException refused) when (refused.Fields is [{ Field: "resume_token" } field])
        {
            throw new CliException($"--position {webhook.Position}: {field.Description}", inner: refused);
        }
        catch (ChangesLostException exception)
        {
            throw new CliException($"{exception.Message} To start over, delete {webhook.Position}.", ExitCodes.ChangesLost, exception);
        }
        finally
        {
            await end.CancelAsync();
            await summary;
        }
    }

    private static bool IsOrganisation(LookupException refused) => refused.Fields is [{ Field: "organisations[0]" }];

    private static CliException UnknownOrganisation(LookupException refused) =>
        CliException.Usage($"--org: {refused.Fields[0].Description.Split(';')[0].TrimEnd('.')}: create one with 'lookup org put'.");

    /// <summary>Returns the same command with another --from. It does not repeat a credential.</summary>
    internal static string ResumeCommand(ParseResult parsed, string token)
    {
        var words = new List<string> { "lookup" };
        for (var i = 0; i < parsed.Tokens.Count; i++)
        {
            var word = parsed.Tokens[i].Value;
            if (word is "--from" or "--api-key")
            {
                i++;
                continue;
            }

            words.Add(word.Contains(' ', StringComparison.Ordinal) ? $"'{word}'" : word);
        }

        return string.Join(' ', [.. words, "--from", token]);
    }

    private void Write(ParseResult parsed, WatchEvent received, ref bool? connected)
    {
        if (received.Failure is { } failure)
        {
            // Report each outage once.
            if (connected != false)
            {
                WriteNote(parsed, $"{failure.Message.TrimEnd('.')}. Retrying until it answers.", received.ResumeToken);
            }

            connected = false;
            return;
        }

        if (connected != true)
        {
            WriteNote(parsed, "Watching.", received.ResumeToken);
            connected = true;
        }

        if (received.Change is { } change)
        {
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Format(new WatchResponse { Change = change, ResumeToken = received.ResumeToken }));
                Shell.Output.Flush();
            }
            else
            {
                WriteChange(change, parsed.GetValue(_numbers));
            }
        }
        else if (received.Block is { } block)
        {
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(JsonText.Format(new WatchResponse { Block = block, ResumeToken = received.ResumeToken }));
                Shell.Output.Flush();
            }
            else
            {
                new BlockPrinter("").Write(Shell.Console, [block]);
            }
        }
        else if (IsJson(parsed) && parsed.GetValue(_heartbeats))
        {
            Shell.Output.WriteLine(JsonText.Format(new WatchResponse
            {
                Heartbeat = new Heartbeat
                {
                    Freshness = received.Freshness is { } age ? Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(age) : null,
                },
                ResumeToken = received.ResumeToken,
            }));
            Shell.Output.Flush();
        }
    }

    private void WriteChange(Change change, bool full)
    {
        var fact = change.Fact.Fact;
        var facts = new FactPrinter(NumberZone.Of(change.Number, Shell.Clock.GetUtcNow()));
        var time = change.Fact.Recorded is { } recorded ? facts.Time(recorded) + "  " : "";
        var state = change.Removed ? "[yellow]removed[/] " : fact.Withdrawn ? "[yellow]withdrawn[/] " : fact.Effective is null ? "[red]unreadable[/] " : "";
        var source = fact.Source.Length > 0 ? $"  [grey](source {SafeText.Escape(fact.Source)})[/]" : "";
        Shell.Console.MarkupLine(
            $"{time}{SafeText.Escape(full ? change.Number : Mask(change.Number))}  {state}{SafeText.Escape(facts.Describe(fact, withEvidence: false))}{source}");
    }

    // On standard error: standard output carries only changes.
    private void WriteNote(ParseResult parsed, string text, string token)
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
