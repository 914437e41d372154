using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace Lookup.Redis.Topology;

/// <summary>
/// The version of the registry, a sum over its content, and a random mark for each of its newest versions, as the manifest keeps
/// them. See registry-moved.lua.
/// </summary>
/// <param name="Version">Grows with every change.</param>
/// <param name="Sum">The sum; null if an older version of the service, which keeps none, made the last change.</param>
/// <param name="Marks">The marks, newest last; empty where the sum is null.</param>
internal sealed record RegistryStamp(ulong Version, long? Sum, string Marks)
{
    internal const string Field = "registry_stamp";

    // As in registry-moved.lua.
    private const int MarkSize = 16;
    private const int WeightDigits = 12;
    private const long Modulus = 1L << 52;

    /// <summary>The hashes that the sum covers.</summary>
    internal static readonly RedisKey[] Hashes = [Keys.Organisations, Keys.Snapshots, Keys.Credentials, Keys.Grants, Keys.Blocks];

    /// <summary>Generates a random mark for a new version.</summary>
    internal static string NewMark() => RandomNumberGenerator.GetHexString(MarkSize, lowercase: true);

    /// <summary>Sets one field of a registry hash; an empty value removes it.</summary>
    internal static async Task SetAsync(
        RedisTopology link, RedisValue epoch, RedisKey hash, string field, string value, CancellationToken cancellation) =>
        RedisFaults.ThrowIfOtherEpoch(await link.ScriptAsync(
            Keys.Shared,
            Script.Registry,
            [Keys.Manifest, hash, .. Hashes],
            [epoch, field, value, NewMark()],
            cancellation));

    /// <summary>Parses the fields of the manifest.</summary>
    /// <exception cref="StoreUnavailableException">The version is not a number.</exception>
    internal static RegistryStamp Read(RedisValue version, RedisValue stamp)
    {
        var number = version.IsNull ? 0 : version.TryParse(out long parsed) ? (ulong)parsed : throw RedisFaults.Damaged();
        if (number == 0)
        {
            return new RegistryStamp(0, 0, "");
        }

        var parts = ((string?)stamp)?.Split(':') ?? [];
        return parts.Length == 3
            && ulong.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var upTo) && upTo == number
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var sum)
            ? new RegistryStamp(number, sum, parts[2])
            : new RegistryStamp(number, null, "");
    }

    /// <summary>Returns the mark of a version; null if it is not kept.</summary>
    internal string? MarkOf(ulong version)
    {
        var end = Marks.Length - ((long)(Version - version) * MarkSize);
        return version <= Version && end >= MarkSize ? Marks[(int)(end - MarkSize)..(int)end] : null;
    }

    /// <summary>Returns true if this history contains an earlier version, or if neither its mark nor its absence is known.</summary>
    internal bool Follows(RegistryPosition earlier) =>
        earlier.Version <= Version && (earlier.Mark is null || MarkOf(earlier.Version) is not { } mark || mark == earlier.Mark);

    /// <summary>Returns true if this is the same version of the same history.</summary>
    internal bool Is(RegistryPosition known) => known.Version == Version && (Version == 0 || (known.Mark is not null && known.Mark == MarkOf(Version)));

    internal RegistryPosition Position => new(Version, MarkOf(Version));

    /// <summary>Computes the sum over the content of the hashes, given in the order of <see cref="Hashes"/>.</summary>
    internal static long SumOf(params HashEntry[][] hashes)
    {
        long sum = 0;
        for (var i = 0; i < hashes.Length; i++)
        {
            var name = ((string)Hashes[i]!).Split(':', 2)[1] + '\0';
            foreach (var entry in hashes[i])
            {
                sum = (sum + Weight([.. Encoding.UTF8.GetBytes(name), .. (byte[])entry.Name!, 0, .. (byte[])entry.Value!])) % Modulus;
            }
        }

        return sum;
    }

    /// <summary>Returns a sum after the text of a block changed; an empty text is none.</summary>
    internal static long SumWith(long sum, string field, string before, string after) =>
        (sum - WeightOfBlock(field, before) + WeightOfBlock(field, after) + Modulus) % Modulus;

    /// <summary>Adds two sums over parts of the content.</summary>
    internal static long Add(long one, long other) => (one + other) % Modulus;

    private static long WeightOfBlock(string field, string text) =>
        text.Length == 0 ? 0 : Weight(Encoding.UTF8.GetBytes($"blocks\0{field}\0{text}"));

    // The only digest that a script can compute. It detects accidents; a process that can write to the store can also write the sum.
#pragma warning disable CA5350
    private static long Weight(byte[] text) => long.Parse(Convert.ToHexString(SHA1.HashData(text)).AsSpan(0, WeightDigits), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
#pragma warning restore CA5350
}

/// <summary>A version of the registry that was seen, and its mark; null where it had none.</summary>
internal sealed record RegistryPosition(ulong Version, string? Mark);
