using System.CommandLine;
using System.Text;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Trail;
using Lookup.Redis.Trail;
using Lookup.V1;

namespace Lookup.Cli.Trail;

/// <summary>Reads the trail from a service or directly from a store.</summary>
internal sealed class TrailSource(Command command)
{
    private readonly ConnectionOptions _connection = new(command);
    private readonly StoreChoice _store = new(command);

    /// <summary>Reads every entry and verifies the chain.</summary>
    /// <returns>The entries, and the check for comparisons.</returns>
    /// <exception cref="TrailException">The trail was changed.</exception>
    public async Task<(IReadOnlyList<TrailEntry> Entries, TrailCheck Check)> ReadAsync(ParseResult parsed, Shell shell, CancellationToken ct)
    {
        if (!_store.IsEmpty(parsed) && _connection.IsNamed(parsed))
        {
            throw CliException.Usage("--address names a service, --data and --redis name a store: use only one.");
        }

        if (_store.IsEmpty(parsed))
        {
            using var client = _connection.Connect(parsed);
            return await ReadAsync(
                async from => [.. (await client.ListTrailAsync(new ListTrailRequest { From = from }, ct)).Entries.Select(Encoding.UTF8.GetBytes)]);
        }

        await using var store = await OpenStore.OpenAsync(_store.Get(parsed, defaultFolder: null), shell.Clock, ct);
        return await ReadAsync(from => store.Store.Trail.ReadAsync(from, ITrailStore.MaxPage, ct));
    }

    private static async Task<(IReadOnlyList<TrailEntry> Entries, TrailCheck Check)> ReadAsync(Func<long, Task<IReadOnlyList<byte[]>>> read)
    {
        var (entries, check) = (new List<TrailEntry>(), new TrailCheck());
        while (true)
        {
            var page = await read(check.Count);
            entries.AddRange(page.Select(stored => check.Add(stored)));
            if (page.Count < ITrailStore.MaxPage)
            {
                return (entries, check);
            }
        }
    }
}
