using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Redis.Following;
using Lookup.Server.Trail;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup rebuild: rebuilds the filters of a store while services use it.</summary>
internal sealed class RebuildCommand : CliCommand
{
    // Longer than the lease of a builder that died, and than the rebuild of one partition.
    private static readonly TimeSpan Wait = TimeSpan.FromMinutes(10);

    private readonly Option<int[]> _partitions = new("--partition") { Description = "Rebuild only this partition, counted from 0. Repeatable.", HelpName = "N" };
    private readonly Option<bool> _shrink = new("--shrink") { Description = "Allow smaller filters, for a store from which many facts were removed." };
    private readonly Option<bool> _acceptLoss = new("--accept-loss") { Description = "Accept the current content of the partitions as complete. Use only after facts that were deleted outside the service have been recorded again." };
    private readonly Option<int> _share = OptionParsing.Share(25);
    private readonly StoreChoice _store;

    public RebuildCommand(Shell shell)
        : base(
            shell,
            "rebuild",
            "Rebuilds the filters of a store from its facts, resized and without erased numbers, while services run.",
            "lookup rebuild --redis 127.0.0.1:6379 --key-file number.key",
            "lookup rebuild --redis env --partition 3 --partition 4",
            "lookup rebuild --data ./lookup-data --shrink --share 100")
    {
        Options.Add(_partitions);
        Options.Add(_shrink);
        Options.Add(_acceptLoss);
        Options.Add(_share);
        _store = new StoreChoice(this);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        await using var store = await OpenStore.OpenAsync(_store.Get(parsed, defaultFolder: null), Shell.Clock, ct);
        var count = store.Store.Manifest.Partitions;
        int[] partitions = parsed.GetValue(_partitions) is { Length: > 0 } named ? [.. named.Distinct().Order()] : [.. Enumerable.Range(0, count)];
        if (Array.Exists(partitions, p => p < 0 || p >= count))
        {
            throw CliException.Usage(string.Create(CultureInfo.InvariantCulture, $"--partition must be between 0 and {count - 1}."));
        }

        var options = new RebuildOptions
        {
            Shrink = parsed.GetValue(_shrink),
            AcceptLoss = parsed.GetValue(_acceptLoss),
            WorkShare = parsed.GetValue(_share) / 100.0,
            Wait = Wait,
        };
        var built = await WorkBar.RunAsync(
            Shell,
            "rebuilding",
            share => store.RunAsync(
                Act(options), () => RebuildAsync(store.Store.Filters, partitions, options, done => share(done / partitions.Length), ct), Shell.Clock, ct));
        if (IsJson(parsed))
        {
            Shell.Output.WriteLine(new JsonObject
            {
                ["partitions"] = new JsonArray([.. built.Select(filter => new JsonObject
                {
                    ["partition"] = filter.Partition,
                    ["generation"] = filter.Generation,
                    ["facts"] = filter.Facts,
                    ["capacity"] = filter.Capacity,
                })]),
            }.ToJsonString(JsonText.Options));
        }
        else
        {
            foreach (var filter in built)
            {
                Shell.Console.MarkupLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"[green]rebuilt[/]  partition {filter.Partition}: generation {filter.Generation}, {filter.Facts:N0} timelines, capacity {filter.Capacity:N0}"));
            }
        }

        return ExitCodes.Ok;
    }

    // A rebuild changes no fact, except that it may declare lost ones as never recorded.
    private static TrailAct? Act(RebuildOptions options) => options.AcceptLoss ? new TrailAct("store", "AcceptLoss", "{}") : null;

    private static async Task<List<PartitionFilter>> RebuildAsync(
        IFilterStore filters, int[] partitions, RebuildOptions options, Action<double> progress, CancellationToken ct)
    {
        var built = new List<PartitionFilter>();
        foreach (var partition in partitions)
        {
            built.Add(await filters.RebuildAsync(partition, options, share => progress(built.Count + share), ct)
                ?? throw new CliException("Another builder has been rebuilding for ten minutes: run the command again later."));
        }

        return built;
    }
}
