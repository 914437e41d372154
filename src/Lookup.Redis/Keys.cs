// For: the names of all keys in redis.
//
// Data of a number is in the hash slot of its partition, tagged {00} to {ff}; data of the store as a whole is in the slot of
// {lookup}. A bucket is a small hash with the facts of a few numbers, which redis encodes as one flat list; so names and
// fields are binary and as short as possible.
//
//   {pp}m        hash   e epoch, v version, n timelines, g filter generations ("1:4096,2:8192": generation:blocks, the
//                       first is the active one), l last generation assigned, b steps of a build, t time of the last build,
//                       sG version up to which the sums of a filter are valid, c the same for the counts, o 1 once the counts
//                       are complete, xBB erasures in a bucket while facts are copied to another encryption key, whose phase
//                       follows the epoch ("…/1"), see KeyRotationState
//   {pp}b:BB     hash   bucket (two raw bytes): 14 bytes of the pseudonym + 7 bytes of fact id -> timeline
//   {pp}t:BB     hash   field of the bucket + effective time (8 bytes) -> texts that checks never read
//   {pp}c:BB     hash   field of the bucket + effective time (8 bytes) -> claims of a shared version, see FactClaims
//   {pp}x:G      string filter, see BlockFilter
//   {pp}y:G      hash   number of a piece of the filter -> sum of the weights of its bits, see FilterSums
//   {pp}o        string timelines in each bucket, two bytes each, see BucketCounts
//   {pp}f        list   newest changes: version (8 bytes), bucket (2), field (21), timeline; no timeline: erased
//   {pp}w        never exists: the key of a write that changes nothing and tests whether writes are accepted
//   {lookup}:manifest, :names, :sources, :source-ids, :organisations, :snapshots, :imports, :credentials,
//   :grants, :builder, :rekeyer; :w as {pp}w
//   {lookup}:blocks                hash        range and organisation of a block -> its history, see BlockFormat
//   {lookup}:block-changes         hash        number of a change of blocks (field blocks of the manifest) -> their fields, by line
//   {lookup}:import-order          sorted set  ids of imports by their time
//   {lookup}:imports-empty         sorted set  imports that recorded nothing, by the time of their last activity
//   {lookup}:imports-of:REGISTER   set         ids of the imports of a register
//   {lookup}:import-sources:ID     set         numbers of the sources of an import
//   {lookup}:instances             hash        id of an instance of the service -> time and text of its last summary
//   {lookup}:trail                 list        administrative acts, oldest first, see TrailEntry
//   {lookup}:approval:SHA256       string      a first administrator's request that a second one must confirm; expires
//   {lookup}:new-sources:YYYYMMDD  hash        credential -> sources that it was the first to use that day
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using StackExchange.Redis;

namespace Lookup.Redis;

internal static class Keys
{
    /// <summary>Length of a bucket's field in bytes.</summary>
    internal const int FieldSize = NumberPseudonym.FieldSize + FactId.Size;

    /// <summary>Length of the name of a partition's meta hash in bytes.</summary>
    internal const int MetaSize = 5;

    /// <summary>Length of a bucket's name in bytes.</summary>
    internal const int BucketSize = 8;

    internal static readonly RedisKey Manifest = "{lookup}:manifest";
    internal static readonly RedisKey Names = "{lookup}:names";
    internal static readonly RedisKey Sources = "{lookup}:sources";
    internal static readonly RedisKey SourceIds = "{lookup}:source-ids";
    internal static readonly RedisKey Organisations = "{lookup}:organisations";
    internal static readonly RedisKey Snapshots = "{lookup}:snapshots";
    internal static readonly RedisKey Imports = "{lookup}:imports";
    internal static readonly RedisKey ImportOrder = "{lookup}:import-order";
    internal static readonly RedisKey EmptyImports = "{lookup}:imports-empty";
    internal static readonly RedisKey Credentials = "{lookup}:credentials";
    internal static readonly RedisKey Grants = "{lookup}:grants";
    internal static readonly RedisKey Blocks = "{lookup}:blocks";
    internal static readonly RedisKey BlockChanges = "{lookup}:block-changes";
    internal static readonly RedisKey Instances = "{lookup}:instances";
    internal static readonly RedisKey Builder = "{lookup}:builder";
    internal static readonly RedisKey Trail = "{lookup}:trail";
    internal static readonly RedisKey Rekeyer = "{lookup}:rekeyer";

    private const string Hex = "0123456789abcdef";

    /// <summary>Returns the key of an approval, named by a hash because the action may be long.</summary>
    internal static RedisKey Approval(string action) =>
        "{lookup}:approval:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(action)));

    internal static RedisKey ImportsOf(string register) => "{lookup}:imports-of:" + register;

    internal static RedisKey ImportSources(string importId) => "{lookup}:import-sources:" + importId;

    internal static RedisKey NewSources(DateTimeOffset now) =>
        string.Create(CultureInfo.InvariantCulture, $"{{lookup}}:new-sources:{now.UtcDateTime:yyyyMMdd}");

    /// <summary>Stands for the store as a whole where a partition is expected.</summary>
    internal const int Shared = -1;

    /// <summary>Number of locations of data: <see cref="Shared"/> and the partitions.</summary>
    internal const int Places = NumberPseudonym.MaxPartitions + 1;

    /// <summary>Returns the Redis Cluster slot of a partition or of <see cref="Shared"/>.</summary>
    internal static int Slot(int partition)
    {
        // CRC16 (XMODEM) of the tag between the braces, modulo the number of slots.
        ReadOnlySpan<byte> tag = partition == Shared ? "lookup"u8 : [(byte)Hex[partition >> 4], (byte)Hex[partition & 15]];
        var crc = 0;
        foreach (var one in tag)
        {
            crc ^= one << 8;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
            }

            crc &= 0xFFFF;
        }

        return crc & 16_383;
    }

    internal static RedisKey Meta(int partition) => Plain(partition, (byte)'m');

    /// <summary>Returns a key that never exists, in the slot of a partition or of <see cref="Shared"/>.</summary>
    internal static RedisKey Absent(int partition) => partition == Shared ? "{lookup}:w" : Plain(partition, (byte)'w');

    internal static RedisKey Feed(int partition) => Plain(partition, (byte)'f');

    internal static RedisKey Filter(int partition, int generation) => $"{{{partition:x2}}}x:{generation}";

    /// <summary>Returns the key of the sums that show whether a filter has lost bits.</summary>
    internal static RedisKey Sums(int partition, int generation) => $"{{{partition:x2}}}y:{generation}";

    /// <summary>Field of a partition's meta with the version up to which the sums of a filter are valid.</summary>
    internal static string SumsField(int generation) => $"s{generation}";

    internal static RedisKey Counts(int partition) => Plain(partition, (byte)'o');

    internal static RedisKey Bucket(int partition, int bucket) => Numbered(partition, (byte)'b', bucket);

    internal static RedisKey Details(int partition, int bucket) => Numbered(partition, (byte)'t', bucket);

    internal static RedisKey Claims(int partition, int bucket) => Numbered(partition, (byte)'c', bucket);

    internal static byte[] Field(NumberPseudonym key, FactId id)
    {
        var field = new byte[FieldSize];
        WriteField(key, id, field);
        return field;
    }

    internal static void WriteField(NumberPseudonym key, FactId id, Span<byte> field)
    {
        key.WriteField(field);
        id.WriteTo(field[NumberPseudonym.FieldSize..]);
    }

    internal static byte[] Prefix(NumberPseudonym key)
    {
        var prefix = new byte[NumberPseudonym.FieldSize];
        key.WriteField(prefix);
        return prefix;
    }

    internal static byte[] VersionField(NumberPseudonym key, FactId id, long effective)
    {
        var field = new byte[FieldSize + sizeof(long)];
        WriteField(key, id, field);
        BinaryPrimitives.WriteInt64BigEndian(field.AsSpan(FieldSize), effective);
        return field;
    }

    /// <summary>Writes the raw bytes of a bucket's name, for writers that frame their own commands.</summary>
    internal static void WriteBucket(int partition, int bucket, Span<byte> name)
    {
        WriteTag(partition, name);
        name[4] = (byte)'b';
        name[5] = (byte)':';
        BinaryPrimitives.WriteUInt16BigEndian(name[6..], (ushort)bucket);
    }

    /// <summary>Writes the raw bytes of the name of a partition's meta.</summary>
    internal static void WriteMeta(int partition, Span<byte> name) => WritePlain(partition, (byte)'m', name);

    /// <summary>Field of a partition's meta that counts the erasures in a bucket.</summary>
    internal static byte[] Erasures(int bucket) => [(byte)'x', (byte)(bucket >> 8), (byte)bucket];

    private static RedisKey Plain(int partition, byte kind)
    {
        var name = new byte[MetaSize];
        WritePlain(partition, kind, name);
        return name;
    }

    private static void WritePlain(int partition, byte kind, Span<byte> name)
    {
        WriteTag(partition, name);
        name[4] = kind;
    }

    private static RedisKey Numbered(int partition, byte kind, int bucket)
    {
        var name = new byte[BucketSize];
        WriteBucket(partition, bucket, name);
        name[4] = kind;
        return name;
    }

    private static void WriteTag(int partition, Span<byte> name)
    {
        name[0] = (byte)'{';
        name[1] = (byte)Hex[partition >> 4];
        name[2] = (byte)Hex[partition & 15];
        name[3] = (byte)'}';
    }
}
