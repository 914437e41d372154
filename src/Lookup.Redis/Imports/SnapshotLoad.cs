// For: bringing a do-not-call register from one snapshot to the next, under load, so that a load that stops anywhere
// permits nothing.
//
// The file has all numbers of the register; the store has those of the snapshot before, as timelines among all others.
// So the numbers of the file are sorted in memory, every bucket is read once and compared, and only the difference is
// written: additions first, then other categories, then removals. What is written carries the mark of a snapshot and
// the snapshot's date as its effective time. A decision lets additions forbid at once, and removals count only once the
// registry has a snapshot of that date (Evaluation.FindRegistration). So one write to the registry is the switch.
//
// What is compared is the register as of the new date, with what a broken-off load left behind taken as in force: so the
// same load begun anew finds its own entries unchanged and goes on.
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Redis.Store;
using Lookup.Redis.Topology;

namespace Lookup.Redis.Imports;

/// <summary>What a snapshot would change.</summary>
/// <param name="Loaded">Numbers on the register now, as of the new date.</param>
/// <param name="Listed">Numbers of the new snapshot, each counted once.</param>
/// <param name="Additions">Numbers that come onto it.</param>
/// <param name="Removals">Numbers that leave it.</param>
/// <param name="Changes">Numbers whose categories change.</param>
/// <param name="Repeated">Lines whose number was there already.</param>
public sealed record SnapshotDifference(
    long Loaded, long Listed, long Additions, long Removals, long Changes, long Repeated)
{
    /// <summary>Numbers that stay as they are.</summary>
    public long Unchanged => Listed - Additions - Changes;

    /// <summary>Share of the loaded numbers that would change; 0 where none is loaded.</summary>
    public double Share => Loaded == 0 ? 0 : (Additions + Removals + Changes) / (double)Loaded;
}

/// <summary>Loads a snapshot of a register: add numbers, compare, then apply or leave it. One caller at a time.</summary>
public sealed class SnapshotLoad
{
    private const int Batch = 8_192;

    private readonly IFactStore _store;
    private readonly FactId _id;
    private readonly string _keyCheck;
    private readonly string _register;
    private readonly long _date;
    private readonly TimeProvider _clock;
    private readonly SnapshotNumbers _numbers;
    private readonly List<NumberPseudonym> _removals = [];
    private Step[][]? _steps;

    /// <summary>Prepares a load.</summary>
    /// <param name="store">Where the register is kept.</param>
    /// <param name="register">Name of the register.</param>
    /// <param name="date">Date of the snapshot in Unix milliseconds.</param>
    /// <param name="clock">Gives the time of recording.</param>
    public SnapshotLoad(IFactStore store, string register, long date, TimeProvider clock)
    {
        _store = store;
        _keyCheck = store.KeyCheck;
        _register = register;
        _date = date;
        _clock = clock;
        _id = new FactId(FactKind.Registration, 0, Scope.FromName(register));
        _numbers = new SnapshotNumbers(store.Manifest.Partitions);
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

    /// <summary>Compares with what is loaded. Call it once, after the last number.</summary>
    /// <exception cref="StoreUnavailableException">The store could not answer, or something in it cannot be read.</exception>
    /// <exception cref="ImportException">The number key was changed meanwhile.</exception>
    public async Task<SnapshotDifference> CompareAsync(CancellationToken cancellation)
    {
        var repeated = _numbers.Sort();
        _steps = [.. Enumerable.Range(0, _store.Manifest.Partitions).Select(p => new Step[_numbers.CountOf(p)])];
        long loaded = 0;
        long changes = 0;
        long unchanged = 0;
        for (var p = 0; p < _steps.Length; p++)
        {
            var partition = p;
            await _store.Imports.ScanAsync(partition, _id, Look, cancellation);

            void Look(NumberPseudonym key, byte[] value)
            {
                switch (Timeline.TryAsOf(FactKind.Registration, value, _date, out var entry))
                {
                    case AsOf.Unreadable:
                        throw RedisFaults.Damaged();
                    case AsOf.Found when !entry.Withdrawn:
                        break;
                    default:
                        // Not registered; or not known any more, so that an entry of this snapshot is needed too.
                        return;
                }

                loaded++;
                var index = _numbers.Find(partition, key);
                if (index < 0)
                {
                    _removals.Add(key);
                    return;
                }

                var same = _numbers.At(partition, index).Categories == entry.Categories;
                _steps[partition][index] = same ? Step.None : Step.Change;
                unchanged += same ? 1 : 0;
                changes += same ? 0 : 1;
            }
        }

        // Then some of the numbers were compared by another key, and would look as if they had left the register.
        if (_store.KeyCheck != _keyCheck)
        {
            throw new ImportException("The store's number key was changed while the register was compared: load it again.");
        }

        return new SnapshotDifference(
            loaded, _numbers.Count, _numbers.Count - unchanged - changes, _removals.Count, changes, repeated);
    }

    /// <summary>SHA-256 of what is to be loaded; the same for the same numbers and categories in any order. Call it after the comparison.</summary>
    public byte[] Digest() => _numbers.Digest();

    /// <summary>Writes the difference, then makes it count: the register is loaded as of the date.</summary>
    /// <param name="session">The import that it belongs to; it is ended.</param>
    /// <param name="settle">See <see cref="SwitchAsync"/>.</param>
    /// <param name="written">Takes the number of entries written so far.</param>
    /// <param name="cancellation">Ends it; what was written permits nothing, and the same load can be begun anew.</param>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
    /// <exception cref="ImportException">Another one goes on with the import, or it was reverted.</exception>
    public async Task ApplyAsync(
        ImportSession session, TimeSpan settle, Func<long, Task> written, CancellationToken cancellation)
    {
        var source = await session.SourceIdAsync(session.Record.Source, session.Record.Actor, cancellation);
        long count = 0;
        foreach (var batch in Batches(source))
        {
            await session.TouchAsync(cancellation);
            var result = await _store.WriteAsync(batch, cancellation);
            if (result.Outcomes.Contains(WriteOutcome.NameCollision))
            {
                throw new ImportException($"The name of the register {_register} cannot be told apart from one in use.");
            }

            count += batch.Count;
            await written(count);
        }

        await SwitchAsync(_store, session, settle, cancellation);
    }

    /// <summary>Fills an empty store with the snapshot; then <see cref="SwitchAsync"/> makes it count.</summary>
    /// <param name="load">The first load; it is published.</param>
    /// <param name="session">The import that it belongs to.</param>
    /// <param name="written">Takes the number of entries written so far.</param>
    /// <param name="cancellation">Ends it; the load must then be begun anew.</param>
    /// <exception cref="StoreUnavailableException">The store could not take it.</exception>
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

    /// <summary>Makes what was written count.</summary>
    /// <param name="store">The store, open for use.</param>
    /// <param name="session">The import; it is ended.</param>
    /// <param name="settle">
    /// How old a filter may be that services decide by: after this time each of them has what was added.
    /// </param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task SwitchAsync(
        IFactStore store, ImportSession session, TimeSpan settle, CancellationToken cancellation)
    {
        await Task.Delay(settle, cancellation);
        // One that was reverted meanwhile must not count.
        await session.ConfirmAsync(cancellation);
        await store.AddSnapshotAsync(session.Record.Register, session.Record.SnapshotDate, cancellation);
        await session.EndAsync(cancellation);
    }

    // What forbids more comes first. The list is used again for the next batch.
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
