// For: storing everything under a new encryption key while services read and write, and then removing the old one.
//
// KeyRotationState.cs says what the phases are and why processes in adjacent ones are compatible. The rotation has five steps:
//
//   1 The manifest, then every partition, enters "copying". From then on every write goes to the old key and then to the new
//     one.
//   2 Everything under the old key is copied, twice: the second pass finds what changed during the first (KeyCopy.cs).
//   3 After the longest freshness bound, so that every filter in use knows the copies, the manifest and then every partition
//     enter "copied". From then on no process reads by the old key.
//   4 After that bound once more, so that no process answers from what it read by the old key before, the manifest and every
//     partition enter "the new key alone". From then on no process writes the old key.
//   5 Data under the old key is removed (KeyCleaning.cs).
//
// Before the partitions follow the manifest, processes get a moment to notice, so that no call is rejected; partitions reject
// processes that did not notice. All progress is in the store, so an interrupted rotation continues where it stopped. Every
// step is a compare and set by the phase, so a process that was overtaken while suspended changes nothing.
//
// A revert of an import would be undone if its timelines were copied after it, so no revert runs during a rotation; a revert
// that was interrupted before starts again at the first bucket, because numbers are in other buckets now.
using System.Globalization;
using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Redis.Imports;
using Lookup.Redis.Topology;
using StackExchange.Redis;

namespace Lookup.Redis.Maintenance;

/// <summary>
/// Thrown when the encryption key cannot be rotated as requested. The message says why and how to fix it, and is safe to show to
/// callers.
/// </summary>
public sealed class KeyRotationException(string message) : Exception(message);

/// <summary>A step of the key rotation.</summary>
public enum KeyRotationStep : byte
{
    /// <summary>Instances start to write under both keys.</summary>
    Beginning = 0,
    /// <summary>Facts are copied.</summary>
    Copying,
    /// <summary>Facts are compared, and copied where they differ.</summary>
    Comparing,
    /// <summary>Instances switch to reading by the new key.</summary>
    Switching,
    /// <summary>Data under the old key is removed.</summary>
    Removing,
}

/// <summary>Settings of a key rotation.</summary>
public sealed record KeyRotationOptions
{
    /// <summary>
    /// Longest freshness bound of any instance, 0.05 to 60 s; the rotation waits for it twice. A value below an instance's bound
    /// can make that instance miss a fact.
    /// </summary>
    public TimeSpan Bound { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Time that instances get to notice a step, 0 to 60 s. A slower instance rejects calls until it has noticed.</summary>
    public TimeSpan Notice { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Share of the time that the rotation works, 0.01 to 1; pauses in between keep the delay of checks and writers small.
    /// </summary>
    public double WorkShare { get; init; } = 0.5;

    /// <summary>Returns a sentence per invalid value; empty if all are valid.</summary>
    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        if (Bound < TimeSpan.FromMilliseconds(50) || Bound > TimeSpan.FromSeconds(60))
        {
            faults.Add($"{nameof(Bound)} is {Bound}; it must be 0.05 to 60 s.");
        }

        if (Notice < TimeSpan.Zero || Notice > TimeSpan.FromSeconds(60))
        {
            faults.Add($"{nameof(Notice)} is {Notice}; it must be 0 to 60 s.");
        }

        if (WorkShare is not (>= 0.01 and <= 1))
        {
            faults.Add($"{nameof(WorkShare)} is {WorkShare}; it must be 0.01 to 1.");
        }

        return faults;
    }
}

/// <summary>Result of this run of a key rotation.</summary>
/// <param name="Copied">Timelines stored under the new key.</param>
/// <param name="Compared">Of these, timelines that the comparison found different, mostly because they were being written.</param>
/// <param name="Removed">Timelines removed under the old key.</param>
public sealed record KeyRotationResult(long Copied, long Compared, long Removed);

/// <summary>Rotates the encryption key of a store.</summary>
internal sealed class KeyRotation(
    RedisTopology link,
    KeyRotationState keys,
    PartitionStates partitions,
    Fences fences,
    RedisFeed feed,
    StoreManifest manifest,
    IImportStore imports,
    KeyRotationOptions options,
    Action<KeyRotationStep, double> progress)
{
    /// <summary>Field of the manifest with the progress: step, partition and bucket; absent if no work remains.</summary>
    private const string PlaceField = "rekey";

    // A crashed rotation holds its lock for 15 s.
    private static readonly TimeSpan PlaceWait = TimeSpan.FromSeconds(20);

    private readonly string _epoch = StoreManifestFormat.Epoch(manifest.Epoch);

    /// <summary>Returns a sentence about the remaining work; null if there is none.</summary>
    internal static async Task<string?> LeftAsync(RedisTopology link, KeyRotationPhase phase, CancellationToken cancellation)
    {
        var place = await PlaceAsync(link, cancellation);
        return phase.IsCopying ? "The encryption key is being rotated: facts are being copied, and read by the old key."
            : phase.IsCopied ? "The encryption key is being rotated: facts are read by the new key, and written under both."
            : place is not null ? "The encryption key was rotated, and data under the old key is not removed yet."
            : null;
    }

    internal async Task<KeyRotationResult> RunAsync(string keyCheck, CancellationToken cancellation)
    {
        var faults = options.Validate();
        if (faults.Count > 0)
        {
            throw new ArgumentException(string.Join(' ', faults), nameof(cancellation));
        }

        if (keys.Cipher is not { } cipher || !cipher.Holds(keyCheck))
        {
            throw new KeyRotationException("The store was not opened with the new encryption key.");
        }

        await using var place = await BuilderPlace.AcquireAsync(link, Keys.Rekeyer, PlaceWait, cancellation)
            ?? throw new KeyRotationException("Another process is rotating the encryption key.");
        try
        {
            return await RunAsync(keyCheck, cipher, place.Lost);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Overtaken();
        }
    }

    private async Task<KeyRotationResult> RunAsync(string keyCheck, NumberCipher cipher, CancellationToken cancellation)
    {
        var known = keys.Current.Phase.Number;
        var (now, state) = StoreManifestFormat.Read(await StoreManifestFormat.ReadAsync(link, cancellation));
        if (state != StoreManifestFormat.Ready)
        {
            throw RedisFaults.Epoch(StoreManifestFormat.LoadingEpoch);
        }

        keys.Advance(now.Phase, known);
        var phase = now.Phase;
        if (phase.IsBoth && phase.Next != keyCheck)
        {
            throw new KeyRotationException("A rotation to another encryption key than the last one named is in progress: finish that rotation first.");
        }

        var left = await PlaceAsync(link, cancellation) is not null;
        long copied = 0;
        long compared = 0;
        if (!phase.IsBoth && phase.Key != keyCheck && !left)
        {
            phase = await AdvanceAsync(phase, new KeyRotationPhase(phase.Number + 1, phase.Key, keyCheck), Step(KeyRotationStep.Copying), cancellation);
        }

        if (phase.IsCopying)
        {
            progress(KeyRotationStep.Beginning, 0);
            await AdvancePartitionsAsync(phase, cancellation);
            var copy = new KeyCopy(link, phase, cipher, partitions, fences, feed, manifest, _epoch);
            foreach (var step in (KeyRotationStep[])[KeyRotationStep.Copying, KeyRotationStep.Comparing])
            {
                var changed = await CopyAsync(copy, phase, step, cancellation);
                copied += changed;
                compared = step == KeyRotationStep.Comparing ? changed : 0;
            }

            progress(KeyRotationStep.Switching, 0);
            await Task.Delay(options.Bound, link.Clock, cancellation);
            phase = await AdvanceAsync(phase, phase with { Number = phase.Number + 1 }, Step(KeyRotationStep.Switching), cancellation);
        }

        if (phase.IsCopied)
        {
            progress(KeyRotationStep.Switching, 0.5);
            await AdvancePartitionsAsync(phase, cancellation);
            await Task.Delay(options.Bound, link.Clock, cancellation);
            await ForgetPlacesOfRevertsAsync(cancellation);
            phase = await AdvanceAsync(phase, new KeyRotationPhase(phase.Number + 1, phase.Next, ""), Step(KeyRotationStep.Removing), cancellation);
            left = true;
        }

        if (!left)
        {
            return new KeyRotationResult(copied, compared, 0);
        }

        progress(KeyRotationStep.Removing, 0);
        await AdvancePartitionsAsync(phase, cancellation);
        var removed = await RemoveAsync(new KeyCleaning(link, phase, cipher, _epoch), phase, cancellation);
        await SetAsync(phase, phase, "", cancellation);
        // If that was an earlier, interrupted rotation, the requested one starts now.
        return phase.Key == keyCheck
            ? new KeyRotationResult(copied, compared, removed)
            : await RunAsync(keyCheck, cipher, cancellation);
    }

    private async Task<long> CopyAsync(KeyCopy copy, KeyRotationPhase phase, KeyRotationStep step, CancellationToken cancellation)
    {
        var (at, partition, bucket) = Parse(await PlaceAsync(link, cancellation));
        if (at > step)
        {
            return 0;
        }

        if (at < step)
        {
            (partition, bucket) = (0, 0);
        }

        return await ScanAsync(phase, step, partition, bucket, copy.CopyAsync, cancellation);
    }

    private async Task<long> RemoveAsync(KeyCleaning cleaning, KeyRotationPhase phase, CancellationToken cancellation)
    {
        var (_, partition, bucket) = Parse(await PlaceAsync(link, cancellation));
        var removed = await ScanAsync(phase, KeyRotationStep.Removing, partition, bucket, cleaning.RemoveAsync, cancellation);
        for (var p = 0; p < manifest.Partitions; p++)
        {
            await cleaning.TrimAsync(p, cancellation);
        }

        return removed;
    }

    // Processes all buckets, chunk by chunk, and stores the progress.
    private async Task<long> ScanAsync(
        KeyRotationPhase phase, KeyRotationStep step, int partition, int bucket, Func<int, int, HashEntry[][], CancellationToken, Task<long>> work, CancellationToken cancellation)
    {
        long done = 0;
        var saved = link.Clock.GetTimestamp();
        for (var p = partition; p < manifest.Partitions; p++)
        {
            var started = link.Clock.GetTimestamp();
            await foreach (var (first, buckets) in new BucketScan(link).ReadAsync(p, p == partition ? bucket : 0, cancellation))
            {
                done += await work(p, first, buckets, cancellation);
                var next = first + buckets.Length;
                progress(step, (p + (next / (double)NumberPseudonym.Buckets)) / manifest.Partitions);
                if (link.Clock.GetElapsedTime(saved) > TimeSpan.FromSeconds(1))
                {
                    await SetAsync(phase, phase, Step(step, p, next), cancellation);
                    saved = link.Clock.GetTimestamp();
                }

                var rest = link.Clock.GetElapsedTime(started) * ((1 / options.WorkShare) - 1);
                if (rest >= TimeSpan.FromMilliseconds(1))
                {
                    await Task.Delay(rest, link.Clock, cancellation);
                }

                started = link.Clock.GetTimestamp();
            }
        }

        await SetAsync(phase, phase, Step(step, manifest.Partitions, 0), cancellation);
        return done;
    }

    // The manifest comes first: processes follow it.
    private async Task<KeyRotationPhase> AdvanceAsync(KeyRotationPhase from, KeyRotationPhase to, string place, CancellationToken cancellation)
    {
        await SetAsync(from, to, place, cancellation);
        keys.Advance(to, from.Number);
        return to;
    }

    private async Task SetAsync(KeyRotationPhase from, KeyRotationPhase to, string place, CancellationToken cancellation)
    {
        // A store whose key was never rotated has no such field.
        var before = from.Number == 0 ? "" : from.ToString();
        var answer = await link.ScriptAsync(
            Keys.Shared,
            Script.Stage,
            [Keys.Manifest],
            ["keys", KeyRotationState.List(before), "keys", to.ToString(), "key_check", to.Reading, PlaceField, place],
            cancellation);
        if ((int)answer[0] == Script.OtherEpoch)
        {
            throw Overtaken();
        }
    }

    // Then the partitions, which reject processes that have not followed.
    private async Task AdvancePartitionsAsync(KeyRotationPhase phase, CancellationToken cancellation)
    {
        await Task.Delay(options.Notice, link.Clock, cancellation);
        var (before, now) = (KeyRotationState.Epoch(_epoch, phase.Number - 1), KeyRotationState.Epoch(_epoch, phase.Number));
        for (var p = 0; p < manifest.Partitions; p++)
        {
            var answer = await link.ScriptAsync(p, Script.Stage, [Keys.Meta(p)], ["e", KeyRotationState.List(before, now), "e", now], cancellation);
            if ((int)answer[0] != Script.OtherEpoch)
            {
                continue;
            }

            var there = (string?)answer[1];
            throw there == StoreManifestFormat.LoadingEpoch ? RedisFaults.Epoch(there) : RedisFaults.RolledBack();
        }
    }

    private async Task ForgetPlacesOfRevertsAsync(CancellationToken cancellation)
    {
        foreach (var import in await imports.ListAsync(cancellation))
        {
            if (import is { State: ImportState.Reverting, Revert: { } revert }
                && await imports.TryPutAsync(import with { Revert = revert with { Partition = 0, Bucket = 0 } }, cancellation) is null)
            {
                throw Overtaken();
            }
        }
    }

    private static async Task<string?> PlaceAsync(RedisTopology link, CancellationToken cancellation) =>
        await link.WriteAsync(Keys.Shared, db => db.HashGetAsync(Keys.Manifest, PlaceField, CommandFlags.DemandMaster), cancellation);

    private static string Step(KeyRotationStep step, int partition = 0, int bucket = 0) =>
        string.Create(CultureInfo.InvariantCulture, $"{(int)step}:{partition}:{bucket}");

    private static (KeyRotationStep Step, int Partition, int Bucket) Parse(string? place)
    {
        if (place is null)
        {
            return default;
        }

        var parts = place.Split(':');
        return parts.Length == 3
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var partition)
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var bucket)
            ? ((KeyRotationStep)step, partition, bucket)
            : throw RedisFaults.Damaged();
    }

    private static KeyRotationException Overtaken() => new("Another process continues the rotation of the encryption key.");
}
