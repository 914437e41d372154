using System.CommandLine;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Lookup.Cli.Declared;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Server.Access;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>A command that compares the organisations and grants of a file with those of a service.</summary>
internal abstract class DeclaredCommand : CliCommand
{
    private readonly Argument<string> _file = new("FILE")
    {
        Description = "JSON file with organisations, grants or both, in the form of 'lookup org list --json' and 'lookup grant list --json'.",
    };

    private readonly Option<bool> _prune = new("--prune") { Description = "Also remove the grants that the file does not have. Records of organisations always stay." };
    private readonly ConnectionOptions _connection;

    protected DeclaredCommand(Shell shell, string name, string description, params string[] examples)
        : base(shell, name, description, examples)
    {
        Arguments.Add(_file);
        Options.Add(_prune);
        _connection = new ConnectionOptions(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var file = DeclaredFile.Load(parsed.GetRequiredValue(_file));
        using var client = _connection.Connect(parsed);
        var plan = await DeclaredPlan.MakeAsync(file, client, parsed.GetValue(_prune), ct);
        return await RunAsync(parsed, plan, client, ct);
    }

    /// <summary>Handles the comparison.</summary>
    protected abstract Task<int> RunAsync(ParseResult parsed, DeclaredPlan plan, LookupClient client, CancellationToken ct);

    /// <summary>Writes the changes and their number.</summary>
    /// <param name="outcomes">For each change, if they were made: empty, or why it was not.</param>
    protected void Write(ParseResult parsed, DeclaredPlan plan, IReadOnlyList<string>? outcomes = null)
    {
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(Json(plan, outcomes).ToJsonString(JsonText.Options));
            return;
        }

        for (var i = 0; i < plan.Changes.Count; i++)
        {
            var change = plan.Changes[i];
            var sign = change.Action switch { "add" => "[green]+[/]", "remove" => "[red]-[/]", _ => "[yellow]~[/]" };
            Shell.Console.MarkupLine($"{sign} {change.Kind} {SafeText.Escape(change.Name)}{Difference(change)}");
            if (outcomes?[i] is { Length: > 0 } failure)
            {
                Shell.Console.MarkupLine($"  [red]not made[/]: {SafeText.Escape(failure)}");
            }
            else if (outcomes is null && change.BindsLess)
            {
                Shell.Console.MarkupLine("  permits more calls than before: where credentials are required, a second administrator must apply it too");
            }
        }

        foreach (var one in plan.Undeclared)
        {
            Shell.Console.MarkupLine($"[grey]  {SafeText.Escape(one)} is not in the file and stays[/]");
        }

        var made = outcomes?.Count(one => one.Length == 0);
        Shell.Console.MarkupLine(
            plan.Changes.Count == 0 ? $"Nothing to change: {plan.Equal:N0} as declared."
            : made is null ? $"{plan.Changes.Count:N0} to change, {plan.Equal:N0} as declared."
            : $"{made:N0} of {plan.Changes.Count:N0} changed, {plan.Equal:N0} were as declared.");
    }

    private static string Difference(DeclaredChange change)
    {
        var (before, after) = (Describe(change.Before), Describe(change.After));
        var texts = after.Keys.Union(before.Keys).Where(name => before.GetValueOrDefault(name) != after.GetValueOrDefault(name)).Select(name =>
            change.Before is null ? $"[grey]{name}[/] {after[name]}".TrimEnd()
            : change.After is null ? ""
            : $"[grey]{name}[/] {Text(before, name)} -> {Text(after, name)}");
        return string.Concat(texts.Where(text => text.Length > 0).Select(text => "  " + text));

        static string Text(Dictionary<string, string> values, string name) => values.TryGetValue(name, out var value) ? value.Length > 0 ? value : "yes" : "none";
    }

    private static Dictionary<string, string> Describe(IMessage? message) => message switch
    {
        Organisation organisation => OrgCommand.Describe(organisation).ToDictionary(),
        Grant grant => new[] { ("from", grant.FromTime), ("until", grant.UntilTime) }
            .Where(one => one.Item2 is not null)
            .ToDictionary(one => one.Item1, one => DecisionPrinter.Time(one.Item2)),
        _ => [],
    };

    private static JsonObject Json(DeclaredPlan plan, IReadOnlyList<string>? outcomes) => new()
    {
        ["changes"] = new JsonArray([.. plan.Changes.Select((change, i) => new JsonObject
        {
            ["action"] = change.Action,
            ["kind"] = change.Kind,
            ["name"] = change.Name,
            ["before"] = Node(change.Before),
            ["after"] = Node(change.After),
            ["binds_less"] = change.BindsLess,
            ["failure"] = outcomes is null || outcomes[i].Length == 0 ? null : outcomes[i],
        })]),
        ["as_declared"] = plan.Equal,
        ["undeclared"] = new JsonArray([.. plan.Undeclared.Select(one => JsonValue.Create(one))]),
    };

    private static JsonNode? Node(IMessage? message) => message is null ? null : JsonNode.Parse(JsonText.Format(message));
}

/// <summary>lookup plan: shows what 'lookup apply' would change.</summary>
internal sealed class PlanCommand : DeclaredCommand
{
    public PlanCommand(Shell shell)
        : base(
            shell,
            "plan",
            "Shows how the organisations and grants of a service differ from those in a file. Changes nothing.",
            "lookup plan lookup.json",
            "lookup plan lookup.json --prune --json")
    {
        ExitCodeHelp = "0 the service is as the file declares, 5 it differs, 1 error, 2 usage.";
    }

    protected override Task<int> RunAsync(ParseResult parsed, DeclaredPlan plan, LookupClient client, CancellationToken ct)
    {
        Write(parsed, plan);
        return Task.FromResult(plan.Changes.Count == 0 ? ExitCodes.Ok : ExitCodes.WouldChange);
    }
}

/// <summary>lookup apply: makes a service as a file declares it.</summary>
internal sealed class ApplyCommand : DeclaredCommand
{
    public ApplyCommand(Shell shell)
        : base(
            shell,
            "apply",
            "Changes the organisations and grants of a service to those in a file, and shows each change. Repeat it after a failure.",
            "lookup apply lookup.json",
            "lookup apply lookup.json --prune")
    {
        ExitCodeHelp = "0 the service is as the file declares, 1 error, or a change was refused or needs a second administrator, 2 usage.";
    }

    protected override async Task<int> RunAsync(ParseResult parsed, DeclaredPlan plan, LookupClient client, CancellationToken ct)
    {
        var outcomes = new List<string>();
        foreach (var change in plan.Changes)
        {
            try
            {
                await change.ApplyAsync(client, ct);
                outcomes.Add("");
            }
            catch (LookupException exception) when (!exception.IsTransient)
            {
                // The others do not depend on it.
                outcomes.Add(IsSecondNeeded(exception) ? "a second administrator must apply the same file" : exception.Message);
            }
            catch (LookupException exception)
            {
                outcomes.AddRange(Enumerable.Repeat(exception.Message, plan.Changes.Count - outcomes.Count));
                break;
            }
        }

        Write(parsed, plan, outcomes);
        return outcomes.TrueForAll(one => one.Length == 0) ? ExitCodes.Ok : ExitCodes.Error;
    }

    private static bool IsSecondNeeded(LookupException exception) =>
        (exception.InnerException as RpcException)?.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason == DualApproval.Reason;
}
