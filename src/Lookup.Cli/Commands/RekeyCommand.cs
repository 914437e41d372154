using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Numbers;
using Lookup.Redis.Maintenance;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup rekey: changes the number key of a store while services use it.</summary>
internal sealed class RekeyCommand : CliCommand
{
    private readonly Option<bool> _newKey = new("--new-key")
    {
        Description = "Only make a new key, as the last line of the key file. Give that file to every instance and restart them one by one, then run the command without this.",
    };

    private readonly Option<int> _bound = new("--bound")
    {
        Description = "Longest FreshnessBoundMs of any instance, 50 to 60000 ms. Twice it is waited for so long; with less than what an instance has, it may answer without a fact.",
        HelpName = "MS",
        DefaultValueFactory = _ => 60_000,
    };

    private readonly Option<int> _share = OptionParsing.Share(50);
    private readonly StoreChoice _store;

    public RekeyCommand(Shell shell)
        : base(
            shell,
            "rekey",
            "Changes the number key of a store to the last one of the key file, while services read and write. Every instance must have both keys before. It goes on where it was broken off.",
            "lookup rekey --redis 127.0.0.1:6379 --key-file number.key --new-key",
            "lookup rekey --redis 127.0.0.1:6379 --key-file number.key",
            "lookup rekey --redis env --key-file number.key --bound 2000 --share 100",
            "lookup rekey --data ./lookup-data")
    {
        Options.Add(_newKey);
        Options.Add(_bound);
        Options.Add(_share);
        _bound.MustBe(50, 60_000, "a whole number of milliseconds");
        _store = new StoreChoice(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var settings = _store.Get(parsed, defaultFolder: null);
        if (parsed.GetValue(_newKey))
        {
            return AddKey(settings);
        }

        await using var store = await OpenStore.OpenAsync(settings, Shell.Clock, ct);
        if (store.Cipher.Count == 1)
        {
            throw new CliException("There is one number key alone: make the new one with 'lookup rekey --new-key', and give it to every instance.");
        }

        // A folder has no other instance that would have to notice anything.
        var options = settings.Redis is null
            ? new KeyRotationOptions { Bound = TimeSpan.FromMilliseconds(50), Notice = TimeSpan.Zero, WorkShare = 1 }
            : new KeyRotationOptions { Bound = TimeSpan.FromMilliseconds(parsed.GetValue(_bound)), WorkShare = parsed.GetValue(_share) / 100.0 };
        var changed = await ShownAsync(told => store.Store.ChangeKeyAsync(store.Cipher.KeyChecks[^1], options, told, ct));
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["copied"] = changed.Copied,
                ["compared"] = changed.Compared,
                ["removed"] = changed.Removed,
                ["key_check"] = store.Cipher.KeyChecks[^1],
            }.ToJsonString(JsonText.Options));
            return ExitCodes.Ok;
        }

        Shell.Console.MarkupLine(string.Create(
            CultureInfo.InvariantCulture,
            $"[green]The store has the new number key alone.[/]  {changed.Copied:N0} timelines copied, {changed.Removed:N0} removed under the old one."));
        Shell.Console.MarkupLine("  Keep the old key for receipts written under it; if there are none, take its line out of the key file and restart the instances.");
        return ExitCodes.Ok;
    }

    private int AddKey(StoreSettings settings)
    {
        var path = settings.Redis is null
            ? Path.Combine(settings.Folder!, "number.key")
            : settings.KeyFile ?? throw CliException.Usage("--new-key needs --key-file PATH; in LOOKUP_NUMBER_KEY, put the new key behind the old one, with a space between.");
        var keys = EncryptionKeyFile.Add(path);
        Shell.Console.MarkupLine($"[green]{SafeText.Escape(path)} has {keys.Count} keys now, the new one last.[/]  Keep a copy of it.");
        Shell.Console.MarkupLine(settings.Redis is null
            ? "  Then: lookup rekey --data FOLDER"
            : "  Then: give the file to every instance, restart them one by one, and run 'lookup rekey' without --new-key.");
        return ExitCodes.Ok;
    }

    private async Task<KeyRotationResult> ShownAsync(Func<Action<KeyRotationStep, double>, Task<KeyRotationResult>> work)
    {
        if (!Shell.ErrorConsole.Profile.Capabilities.Interactive)
        {
            return await work((_, _) => { });
        }

        return await WorkBar.On(Shell).StartAsync(context =>
        {
            var task = context.AddTask("rekey", maxValue: 1);
            return work((step, share) =>
            {
                task.Description = step switch
                {
                    KeyRotationStep.Beginning => "instances begin to write under both keys",
                    KeyRotationStep.Copying => "copying",
                    KeyRotationStep.Comparing => "comparing",
                    KeyRotationStep.Switching => "instances go on to the new key",
                    _ => "removing what is under the old key",
                };
                task.Value = share;
            });
        });
    }
}
