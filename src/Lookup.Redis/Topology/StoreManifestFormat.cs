using System.Globalization;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>Reads and writes the text forms of the manifest and the filter generations.</summary>
internal static class StoreManifestFormat
{
    internal const string Format = "1";
    internal const string Ready = "ready";
    internal const string Initialising = "initialising";
    internal const string Loading = "loading";

    /// <summary>Replaces the epoch in the partitions while a first load is in progress.</summary>
    internal const string LoadingEpoch = "loading";

    internal static readonly RedisValue[] Fields =
        ["format", "epoch", "partitions", "key_check", "created", "state", "buckets", "keys"];

    internal static string Epoch(ulong epoch) => epoch.ToString("x16", CultureInfo.InvariantCulture);

    internal static HashEntry[] Write(StoreManifest manifest, string state) =>
    [
        new("format", Format),
        new("epoch", Epoch(manifest.Epoch)),
        new("partitions", manifest.Partitions),
        new("key_check", manifest.KeyCheck),
        new("created", manifest.Created),
        new("state", state),
        new("buckets", Core.Numbers.NumberPseudonym.Buckets),
    ];

    /// <summary>Reads the values of <see cref="Fields"/>.</summary>
    internal static Task<RedisValue[]> ReadAsync(RedisTopology link, CancellationToken cancellation) =>
        link.WriteAsync(
            Keys.Shared,
            db => db.HashGetAsync(Keys.Manifest, Fields, CommandFlags.DemandMaster),
            cancellation);

    internal static Task SetStateAsync(RedisTopology link, string state, CancellationToken cancellation) =>
        link.WriteAsync(Keys.Shared, db => db.HashSetAsync(Keys.Manifest, "state", state), cancellation);

    /// <summary>Parses the values of <see cref="Fields"/>.</summary>
    internal static (StoreManifest Manifest, string State) Read(RedisValue[] values)
    {
        if (values[1].IsNull)
        {
            throw RedisFaults.NotInitialised();
        }

        if (values[0] != Format)
        {
            var format = values[0].TryParse(out int number) ? $"format {number}" : "an unknown format";
            throw new StoreUnavailableException(
                StoreFault.Settings, $"The store has {format}, and this version reads format {Format}: use the version that set it up, or a newer one.");
        }

        if (values[6] != Core.Numbers.NumberPseudonym.Buckets)
        {
            throw new StoreUnavailableException(StoreFault.Settings, "Another version of this service set the store up.");
        }

        if (!ulong.TryParse((string?)values[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var epoch)
            || !values[2].TryParse(out int partitions)
            || !values[4].TryParse(out long created)
            || values[3].IsNull
            || values[5].IsNull)
        {
            throw RedisFaults.Damaged();
        }

        var phase = KeyRotationPhase.Parse(values[7], (string)values[3]!);
        return (new StoreManifest(epoch, partitions, phase.Reading, created) { Phase = phase }, (string)values[5]!);
    }
}

/// <summary>A filter in which writes must set their bits.</summary>
internal readonly record struct FilterGeneration(int Number, int Blocks);

/// <summary>The filters of a partition as its meta lists them: "1:4096,2:8192".</summary>
internal sealed record FilterGenerations(string Text, FilterGeneration[] All)
{
    internal static FilterGenerations Parse(string text)
    {
        var parts = text.Split(',');
        var all = new FilterGeneration[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            var colon = parts[i].IndexOf(':', StringComparison.Ordinal);
            if (colon < 0
                || !int.TryParse(parts[i].AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                || !int.TryParse(parts[i].AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var blocks)
                || blocks < 1)
            {
                throw RedisFaults.Damaged();
            }

            all[i] = new FilterGeneration(number, blocks);
        }

        return new FilterGenerations(text, all);
    }

    internal static FilterGenerations Create(params FilterGeneration[] all) => new(
        string.Join(',', all.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Number}:{one.Blocks}"))), all);
}
