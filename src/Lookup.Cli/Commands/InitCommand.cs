using System.CommandLine;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Numbers;
using Lookup.Embedded.Engine;
using Lookup.Redis;
using Lookup.Redis.Store;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup init: creates a store.</summary>
internal sealed class InitCommand : CliCommand
{
    private const int PatienceMs = 2_000;

    private readonly StoreChoice _store;
    private readonly Option<int?> _partitions = new("--partitions")
    {
        Description = "Partitions: a power of two, 1 to 256; default: 16, for --data 4. Cannot be changed later.",
        HelpName = "N",
    };

    private readonly Option<long> _expectedFacts = new("--expected-facts")
    {
        Description = "Expected facts, which size the filters, 1 to 1000000000. More facts only raise the false-positive rate.",
        HelpName = "N",
        DefaultValueFactory = _ => 1_000_000,
    };

    private readonly Option<bool> _newKey = new("--new-key") { Description = "Create a new encryption key in the file of --key-file, which must not exist yet." };

    public InitCommand(Shell shell)
        : base(
            shell,
            "init",
            "Creates a store on an empty redis server or in an empty folder.",
            "lookup init --redis 127.0.0.1:6379 --key-file number.key --new-key --expected-facts 10000000",
            "lookup init --data ./lookup-data --expected-facts 20000000")
    {
        _store = new StoreChoice(this);
        Options.Add(_partitions);
        Options.Add(_expectedFacts);
        Options.Add(_newKey);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        var settings = _store.Get(parsed, defaultFolder: null);
        var init = new InitOptions
        {
            KeyCheck = "checked below",
            Partitions = parsed.GetValue(_partitions) ?? (settings.Redis is null ? new EmbeddedOptions().Partitions : 16),
            ExpectedFacts = parsed.GetValue(_expectedFacts),
        };
        var faults = init.Validate();
        if (faults.Count > 0)
        {
            throw CliException.Usage(string.Join(' ', faults));
        }

        var manifest = settings.Redis is { } redis
            ? await InitRedisAsync(redis, settings, init, parsed.GetValue(_newKey), ct)
            : await InitFolderAsync(settings, init, parsed.GetValue(_newKey), ct);
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["epoch"] = manifest.Epoch.ToString("x16", System.Globalization.CultureInfo.InvariantCulture),
                ["partitions"] = manifest.Partitions,
                ["key_check"] = manifest.KeyCheck,
            }.ToJsonString(JsonText.Options));
            return ExitCodes.Ok;
        }

        Shell.Console.MarkupLine($"[green]Created[/] a store with {manifest.Partitions} partitions for {init.ExpectedFacts:N0} facts.");
        Shell.Console.MarkupLine(settings.KeyFile is { } key
            ? $"  Back up {SafeText.Escape(key)}: without this key the store cannot be read."
            : "  Back up its encryption key: without this key the store cannot be read.");
        return ExitCodes.Ok;
    }

    private async Task<StoreManifest> InitRedisAsync(string redis, StoreSettings settings, InitOptions init, bool newKey, CancellationToken ct)
    {
        if (newKey && settings.KeyFile is null)
        {
            throw CliException.Usage("--new-key requires --key-file PATH.");
        }

        if (!newKey && settings.KeyFile is { } missing && !File.Exists(missing))
        {
            throw new CliException($"The key file {missing} does not exist; create it with --new-key.");
        }

        var options = OpenStore.RedisOptions(settings);
        using var cipher = new NumberCipher(newKey ? [EncryptionKeyFile.Create(settings.KeyFile!)] : OpenStore.Keys(settings));
        StoreManifest manifest;
        try
        {
            var making = StoreAdmin.InitAsync(options, init with { KeyCheck = cipher.KeyCheck }, Shell.Clock, ct);
            if (settings.WaitReplicas > 0 && await Task.WhenAny(making, Task.Delay(PatienceMs, ct)) != making)
            {
                Shell.Error.WriteLine($"Waiting up to {init.WaitForReplicas.TotalSeconds:N0} s until redis has {settings.WaitReplicas:N0} connected replica{(settings.WaitReplicas == 1 ? "" : "s")} ...");
            }

            manifest = await making;
        }
        catch (Exception exception)
        {
            if (newKey)
            {
                // No store uses this key yet, and the same command must work when it is repeated.
                File.Delete(settings.KeyFile!);
            }

            if (exception is InvalidOperationException)
            {
                throw new CliException(exception.Message, inner: exception);
            }

            throw;
        }

        try
        {
            await using var store = await StoreAdmin.OpenAsync(options, cipher, Shell.Clock, ct);
            await OpenStore.NoteSetupAsync(store, Shell.Clock, ct);
            return manifest;
        }
        catch (StoreUnavailableException exception)
        {
            throw new CliException($"The store was created, but the admin trail does not have it: {exception.Message}", inner: exception);
        }
    }

    private async Task<StoreManifest> InitFolderAsync(StoreSettings settings, InitOptions init, bool newKey, CancellationToken ct)
    {
        if (newKey)
        {
            throw CliException.Usage("--new-key requires --redis: an embedded store creates its own key.");
        }

        if (Directory.Exists(settings.Folder) && Directory.EnumerateFileSystemEntries(settings.Folder).Any())
        {
            throw new CliException($"Folder '{settings.Folder}' is not empty: name another one, or inspect it with 'lookup doctor --data'.");
        }

        var options = new EmbeddedOptions { Folder = settings.Folder, Partitions = init.Partitions, ExpectedFacts = init.ExpectedFacts };
        await using var store = await OpenStore.StartAsync(options, Shell.Clock, ct);
        await OpenStore.NoteSetupAsync(store, Shell.Clock, ct);
        return store.Manifest;
    }
}
