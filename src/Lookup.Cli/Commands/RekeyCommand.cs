using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Numbers;
using Lookup.Redis.Maintenance;
using Lookup.Server.Trail;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup rekey: rotates the encryption key of a store while services use it.</summary>
internal sealed class RekeyCommand : CliCommand
{
    private readonly Option<bool> _newKey = new("--new-key")
    {
        Description = "Only append a new key to the key file. Then distribute the file to every instance, restart them one by one, and run the command without this option.",
    };

    private readonly Option<int> _bound = new("--bound")
    {
        Description = "Wait time in milliseconds, applied twice: the longest FreshnessBoundMs of any instance, 50 to 60000. A value below an instance's bound can make that instance miss a fact.",
        HelpName = "MS",
        DefaultValueFactory = _ => 60_000,
    };

    private readonly Option<int> _share = OptionParsing.Share(50);
    private readonly StoreChoice _store;

    public RekeyCommand(Shell shell)
        : base(
            shell,
            "rekey",
            "Rotates a store to the last encryption key of the key file, while services with both keys run. Can be repeated.",
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
            throw new CliException("The key file has only one encryption key: create the new one with 'lookup rekey --new-key', and distribute it to every instance.");
        }

        // An embedded store has no other instances that must notice the rotation.
        var options = settings.Redis is null
            ? new KeyRotationOptions { Bound = TimeSpan.FromMilliseconds(50), Notice = TimeSpan.Zero, WorkShare = 1 }
            : new KeyRotationOptions { Bound = TimeSpan.FromMilliseconds(parsed.GetValue(_bound)), WorkShare = parsed.GetValue(_share) / 100.0 };
        var changed = await RunWithProgressAsync(progress => store.RunAsync(
            new TrailAct("key", "RotateEncryptionKey", new JsonObject { ["key_check"] = store.Cipher.KeyChecks[^1] }.ToJsonString()),
            () => store.Store.Maintenance.ChangeKeyAsync(store.Cipher.KeyChecks[^1], options, progress, ct),
            Shell.Clock,
            ct));
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
            $"[green]The store uses only the new encryption key.[/]  {changed.Copied:N0} timelines copied, {changed.Removed:N0} removed under the old key."));
        Shell.Console.MarkupLine("  Keep the old key for receipts written under it; if there are none, remove its line from the key file and restart the instances.");
        return ExitCodes.Ok;
    }

    private int AddKey(StoreSettings settings)
    {
        var path = settings.Redis is null
            ? Path.Combine(settings.Folder!, "number.key")
            : settings.KeyFile ?? throw CliException.Usage("--new-key requires --key-file PATH; with LOOKUP_NUMBER_KEY, append the new key after the old one, separated by a space.");
        var keys = EncryptionKeyFile.Add(path);
        Shell.Console.MarkupLine($"[green]{SafeText.Escape(path)} now has {keys.Count} keys, the new one last.[/]  Back it up.");
        Shell.Console.MarkupLine(settings.Redis is null
            ? $"  Next: stop the service that has the folder open, and run: lookup rekey --data {SafeText.Escape(settings.Folder!)}"
            : "  Next: distribute the file to every instance, restart them one by one, and run 'lookup rekey' without --new-key.");
        return ExitCodes.Ok;
    }

    private async Task<KeyRotationResult> RunWithProgressAsync(Func<Action<KeyRotationStep, double>, Task<KeyRotationResult>> work)
    {
        if (!Shell.ErrorConsole.Profile.Capabilities.Interactive)
        {
            return await work((_, _) => { });
        }

        return await WorkBar.On(Shell).StartAsync(context =>
        {
            var task = context.AddTask("key rotation", maxValue: 1);
            return work((step, share) =>
            {
                task.Description = step switch
                {
                    KeyRotationStep.Beginning => "waiting until instances write under both keys",
                    KeyRotationStep.Copying => "copying",
                    KeyRotationStep.Comparing => "comparing",
                    KeyRotationStep.Switching => "waiting until instances use the new key",
                    _ => "removing facts under the old key",
                };
                task.Value = share;
            });
        });
    }
}
