// For: bringing a do-not-call register from one snapshot to the next, under load, so that a load that stops anywhere permits
// nothing.
//
// The file has all numbers of the register; the store has those of the snapshot before, as timelines among all others. So the
// numbers of the file are sorted in memory, every bucket is read once and compared, and only the difference is written:
// additions first, then other categories, then removals. Each entry is marked as part of a snapshot, with the snapshot's date
// as its effective time. In decisions, additions forbid immediately, and removals take effect only once the registry has a
// snapshot of that date (Evaluation.FindRegistration). So one write to the registry is the switch.
//
// The comparison uses the register as of the new date, and treats the entries of an interrupted load as in force: so the same
// load, started again, finds its own entries unchanged and continues.
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Registers;
using Lookup.Redis.Topology;
using Lookup.Redis.Writing;

namespace Lookup.Redis.Imports;

/// <summary>The changes of a snapshot.</summary>
/// <param name="Loaded">Numbers now on the register, as of the new date.</param>
/// <param name="Listed">Distinct numbers of the new snapshot.</param>
/// <param name="Additions">Numbers that are added.</param>
/// <param name="Removals">Numbers that are removed.</param>
/// <param name="Changes">Numbers whose categories change.</param>
/// <param name="Repeated">Lines with a number that occurred before.</param>
public sealed record SnapshotDifference(
    long Loaded, long Listed, long Additions, long Removals, long Changes, long Repeated)
{
    /// <summary>Numbers that do not change.</summary>
    public long Unchanged => Listed - Additions - Changes;

    /// <summary>Share of the loaded numbers that would change; 0 if none is loaded.</summary>
    public double Share => Loaded == 0 ? 0 : (Additions + Removals + Changes) / (double)Loaded;
}

/// <summary>Loads a snapshot of a register: add numbers, compare, then apply or discard. One caller at a time.</summary>
public sealed class SnapshotLoad
{
    private const int Batch = 8_192;

    private readonly KeyRotationState _keys;
    private readonly IImportStore _imports;
    private readonly FactId _id;
    private readonly string _keyCheck;
    private readonly string _register;
    private readonly long _date;
    private readonly TimeProvider _clock;
    private readonly SnapshotNumbers _numbers;
    private readonly List<NumberPseudonym> _removals = [];
    private Step[][]? _steps;

    /// <summary>Prepares a load.</summary>
    /// <param name="manifest">The store of the register.</param>
    /// <param name="keys">Its encryption keys.</param>
    /// <param name="imports">Finds the loaded numbers.</param>
    /// <param name="register">Name of the register.</param>
    /// <param name="date">Date of the snapshot in Unix milliseconds.</param>
    /// <param name="clock">Gives the time of recording.</param>
    public SnapshotLoad(
        StoreManifest manifest, KeyRotationState keys, IImportStore imports, string register, long date, TimeProvider clock)
    {
        (_keys, _imports) = (keys, imports);
        _keyCheck = keys.KeyCheck;
        _register = register;
        _date = date;
        _clock = clock;
        _id = new FactId(FactKind.Registration, 0, Scope.FromName(register));
        _numbers = new SnapshotNumbers(manifest.Partitions);
    }

    private enum Step : byte
    {
        Add = 0,
        Change,
        None,
    }

    /// <summary>Numbers added so far.</summary>
    public long Count => _numbers.Count;

    /// <summary>Adds a number of the snapshot.</summary>
    /// <param name="key">The number.</param>
    /// <param name="categories">Bits of its categories in the register's order; 0 for all.</param>
    public void Add(NumberPseudonym key, uint categories) => _numbers.Add(key, categories);

    /// <summary>Compares the snapshot with the register. Call it once, after the last number.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or its data cannot be read.</exception>
    /// <exception cref="ImportException">The encryption key was rotated during the comparison.</exception>
    public async Task<SnapshotDifference> CompareAsync(CancellationToken cancellation)
    {
        var repeated = _numbers.Sort();
        _steps = [.. Enumerable.Range(0, _numbers.Partitions).Select(p => new Step[_numbers.CountOf(p)])];
        long loaded = 0;
        long changes = 0;
        long unchanged = 0;
        for (var p = 0; p < _steps.Length; p++)
        {
            var partition = p;
            await _imports.ScanAsync(partition, _id, Look, cancellation);

            void Look(NumberPseudonym key, byte[] value)
            {
                switch (VersionsInEffect.TryRegistered(value, _date, out var categories))
                {
                    case AsOf.Unreadable:
                        throw RedisFaults.Damaged();
                    case AsOf.Found:
                        break;
                    default:
                        // Not registered, or its state is no longer known, so an entry of this snapshot is needed too.
                        return;
                }

                loaded++;
                var index = _numbers.Find(partition, key);
                if (index < 0)
                {
                    _removals.Add(key);
                    return;
                }

                var same = _numbers.At(partition, index).Categories == categories;
                _steps[partition][index] = same ? Step.None : Step.Change;
                unchanged += same ? 1 : 0;
                changes += same ? 0 : 1;
            }
        }

        // Some numbers were compared under another key and would look as if they had left the register.
        if (_keys.KeyCheck != _keyCheck)
        {
            throw new ImportException("The store's encryption key was rotated while the register was compared: load it again.");
        }

        return new SnapshotDifference(
            loaded, _numbers.Count, _numbers.Count - unchanged - changes, _removals.Count, changes, repeated);
    }

    /// <summary>
    /// Returns the SHA-256 of the numbers and categories to load, independent of their order. Call it after the comparison.
    /// </summary>
    public byte[] Digest() => _numbers.Digest();

    /// <summary>Writes the difference, then activates it: the register is loaded as of the date.</summary>
    /// <param name="writer">Writes the entries.</param>
    /// <param name="registry">The loaded registers.</param>
    /// <param name="session">The import, which this call ends.</param>
    /// <param name="settle">See <see cref="SwitchAsync"/>.</param>
    /// <param name="written">Receives the number of entries written so far.</param>
    /// <param name="cancellation">
    /// Interrupts the load; the entries written permit nothing, and the same load can be started again.
    /// </param>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    /// <exception cref="ImportException">Another process continues the import, or it was reverted.</exception>
    public async Task ApplyAsync(
        IFactWriter writer, IRegistryStore registry, ImportSession session, TimeSpan settle, Func<long, Task> written, CancellationToken cancellation)
    {
        var source = await session.SourceIdAsync(session.Record.Source, session.Record.Actor, cancellation);
        long count = 0;
        foreach (var batch in Batches(source))
        {
            await session.TouchAsync(cancellation);
            var result = await writer.WriteAsync(batch, cancellation);
            if (result.Outcomes.Contains(WriteOutcome.NameCollision))
            {
                throw new ImportException($"The name of the register {_register} collides with a name in use; choose another name.");
            }

            count += batch.Count;
            await written(count);
        }

        await SwitchAsync(registry, session, settle, cancellation);
    }

    /// <summary>Fills an empty store with the snapshot; <see cref="SwitchAsync"/> then activates it.</summary>
    /// <param name="load">The first load, which this call publishes.</param>
    /// <param name="session">The import.</param>
    /// <param name="written">Receives the number of entries written so far.</param>
    /// <param name="cancellation">Interrupts the load, which must then start from the beginning.</param>
    /// <exception cref="StoreUnavailableException">The store could not accept it.</exception>
    public async Task FillAsync(FirstLoad load, ImportSession session, Func<long, Task> written, CancellationToken cancellation)
    {
        var source = await session.SourceIdAsync(session.Record.Source, session.Record.Actor, cancellation);
        long count = 0;
        foreach (var batch in Batches(source))
        {
            await load.AddAsync(batch, cancellation);
            count += batch.Count;
            await session.TouchAsync(cancellation);
            await written(count);
        }

        await load.PublishAsync(cancellation);
    }

    /// <summary>Activates the written entries.</summary>
    /// <param name="registry">The loaded registers.</param>
    /// <param name="session">The import, which this call ends.</param>
    /// <param name="settle">Maximum age of a filter that services use: after this time each of them has the additions.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task SwitchAsync(
        IRegistryStore registry, ImportSession session, TimeSpan settle, CancellationToken cancellation)
    {
        await Task.Delay(settle, cancellation);
        // An import that was reverted in the meantime must not take effect.
        await session.ConfirmAsync(cancellation);
        await registry.AddSnapshotAsync(session.Record.Register, session.Record.SnapshotDate, cancellation);
        await session.EndAsync(cancellation);
    }

    // Entries that forbid more are written first. The list is reused for the next batch.
    private IEnumerable<List<StoredFact>> Batches(uint source)
    {
        var steps = _steps ?? throw new InvalidOperationException("Compare first.");
        var now = (uint)_clock.GetUtcNow().ToUnixTimeSeconds();
        var batch = new List<StoredFact>(Batch);
        foreach (var step in (Step[])[Step.Add, Step.Change])
        {
            for (var p = 0; p < steps.Length; p++)
            {
                for (var i = 0; i < steps[p].Length; i++)
                {
                    if (steps[p][i] != step)
                    {
                        continue;
                    }

                    var (key, categories) = _numbers.At(p, i);
                    if (Full(key, categories, withdrawn: false))
                    {
                        yield return batch;
                    }
                }
            }
        }

        foreach (var key in _removals)
        {
            if (Full(key, 0, withdrawn: true))
            {
                yield return batch;
            }
        }

        if (batch.Count is > 0 and < Batch)
        {
            yield return batch;
        }

        bool Full(NumberPseudonym key, uint categories, bool withdrawn)
        {
            if (batch.Count == Batch)
            {
                batch.Clear();
            }

            var entry = new FactEntry
            {
                Effective = _date,
                Recorded = now,
                Source = source,
                Categories = categories,
                Withdrawn = withdrawn,
                Marks = FactMarks.Snapshot,
            };
            batch.Add(new StoredFact(key, _id, entry, _register, null));
            return batch.Count == Batch;
        }
    }
}
