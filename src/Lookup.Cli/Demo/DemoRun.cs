using System.Text.Json.Nodes;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Demo;

/// <summary>Plays the demo's script against a service.</summary>
internal sealed class DemoRun(Shell shell, LookupClient client, bool json)
{
    private readonly JsonArray _results = [];

    /// <summary>The steps whose answer was not as expected.</summary>
    public List<string> Failures { get; } = [];

    public async Task RunAsync(CancellationToken ct)
    {
        await client.PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = new Organisation { Name = DemoScript.Organisation, Sector = Sector.Other } }, ct);
        await client.RecordSnapshotAsync(
            new RecordSnapshotRequest { Register = DemoScript.Register, SnapshotDate = DemoScript.Time(DemoScript.SnapshotDate) }, ct);
        var number = 0;
        foreach (var step in DemoScript.Steps)
        {
            await RunAsync(++number, step, ct);
        }

        if (json)
        {
            shell.Output.WriteLine(new JsonObject { ["steps"] = _results, ["ok"] = Failures.Count == 0 }.ToJsonString(JsonText.Options));
        }
    }

    private async Task RunAsync(int number, DemoStep step, CancellationToken ct)
    {
        if (!json)
        {
            shell.Console.MarkupLine($"[bold]{number}. {SafeText.Escape(step.Title)}[/]");
        }

        if (step.Before.Count > 0)
        {
            var recorded = await client.RecordFactsAsync(new RecordFactsRequest { Facts = { step.Before } }, ct);
            for (var i = 0; i < step.Before.Count; i++)
            {
                var result = recorded.Results[i];
                if (result.Outcome != FactResult.Types.Outcome.Recorded)
                {
                    Failures.Add($"step {number}: the fact was rejected ({string.Join("; ", result.Errors.Select(error => $"{error.Field}: {error.Description}"))})");
                }

                if (!json)
                {
                    shell.Console.MarkupLine($"   recorded: {SafeText.Escape(new FactPrinter(NumberZone.Of(step.Number, shell.Clock.GetUtcNow())).Describe(step.Before[i]))}");
                }
            }
        }

        var response = await client.CheckAsync(step.Request, ct);
        var decision = response.Decision;
        var reason = decision.Reasons.Count > 0 ? decision.Reasons[0] : new Reason();
        var ok = decision.Verdict == step.Verdict && reason.Code == step.Reason &&
            (step.NextPermitted is null || decision.NextPermittedTime?.Equals(DemoScript.Time(step.NextPermitted)) == true);
        if (!ok)
        {
            Failures.Add($"step {number}: expected {Words.Verdicts.WordFor(step.Verdict)} ({Words.Reasons.WordFor(step.Reason)})");
        }

        if (json)
        {
            _results.Add(new JsonObject
            {
                ["title"] = step.Title,
                ["expected_verdict"] = Words.Verdicts.WordFor(step.Verdict),
                ["expected_reason"] = Words.Reasons.WordFor(step.Reason),
                ["ok"] = ok,
                ["response"] = JsonNode.Parse(JsonText.Format(response)),
            });
        }
        else
        {
            Write(step, decision, ok);
        }
    }

    private void Write(DemoStep step, Decision decision, bool ok)
    {
        var callTime = DecisionPrinter.Time(DemoScript.Time(step.CallTime), decision.TimeZone);
        shell.Console.MarkupLine($"   May {DemoScript.Organisation} call {step.Number} with an offer on {SafeText.Escape(callTime)}?");
        shell.Console.MarkupLine($"   {DecisionPrinter.Verdict(decision.Verdict)}{(ok ? "" : $"  [red]expected {Words.Verdicts.WordFor(step.Verdict).ToUpperInvariant()} ({Words.Reasons.WordFor(step.Reason)})[/]")}");
        foreach (var reason in decision.Reasons)
        {
            shell.Console.Markup("   ");
            DecisionPrinter.WriteReason(shell.Console, reason);
        }

        if (decision.NextPermittedTime is { } next)
        {
            shell.Console.MarkupLine($"     next permitted: {SafeText.Escape(DecisionPrinter.Time(next, decision.TimeZone))}");
        }

        shell.Console.MarkupLine($"   [grey]-> {SafeText.Escape(step.Comment)}[/]");
        shell.Console.WriteLine();
    }
}
