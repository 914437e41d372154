using System.Buffers;
using System.Globalization;
using Lookup.Redis.Writing;

namespace Lookup.Redis.Imports;

/// <summary>
/// An import in progress: its id, the sources of its facts, and its record, which is updated regularly to show that it runs. An
/// id is the time at which the import began, with a fraction of the second as the last four digits, for example
/// "20261124-141502-7f3a": ids sort by time. One caller at a time, except for <see cref="SourceIdAsync(string, string,
/// CancellationToken)"/>.
/// </summary>
public sealed class ImportSession
{
    private const int MaxTries = 16;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private static readonly TimeSpan TouchPause = TimeSpan.FromSeconds(1);

    private readonly IImportStore _imports;
    private readonly TimeProvider _clock;
    private StoredImport _record;
    private readonly bool _isResumed;
    private long _written;
    private long _sent;
    private long _counted;
    private Last? _last;

    private ImportSession(IImportStore imports, StoredImport record, TimeProvider clock, bool isResumed)
    {
        _imports = imports;
        _record = record;
        _clock = clock;
        _isResumed = isResumed;
        _sent = Math.Max(record.Announced, record.Recorded + record.Unchanged);
        _written = clock.GetTimestamp();
    }

    /// <summary>Its id.</summary>
    public string Id => _record.Id;

    /// <summary>Its record, including counts that are not written yet.</summary>
    public StoredImport Record => _record;

    /// <summary>Starts an import.</summary>
    /// <param name="imports">The store of its record.</param>
    /// <param name="description">File, actor, source and register; this method sets the rest.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task<ImportSession> BeginAsync(
        IImportStore imports, StoredImport description, TimeProvider clock, CancellationToken cancellation)
    {
        for (var i = 0; i < MaxTries; i++)
        {
            var now = clock.GetUtcNow();
            var begun = now.ToUnixTimeMilliseconds();
            var record = description with
            {
                Id = NewId(now),
                State = ImportState.Running,
                Begun = begun,
                Touched = begun,
                Ended = 0,
                Form = 1,
                Announced = 0,
                Stored = null,
            };
            if (await imports.TryPutAsync(record, cancellation) is { } stored)
            {
                return new ImportSession(imports, stored, clock, isResumed: false);
            }
        }

        throw new ImportException("Too many imports started in this second; try again.");
    }

    /// <summary>Returns true if a text has the form of an id.</summary>
    public static bool IsId(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length == "20261124-141502-7f3a".Length && text[8] == '-' && text[15] == '-'
            && text.AsSpan(0, 8).IndexOfAnyExceptInRange('0', '9') < 0 && text.AsSpan(9, 6).IndexOfAnyExceptInRange('0', '9') < 0
            && text.AsSpan(16).IndexOfAnyExcept(HexDigits) < 0;
    }

    /// <summary>Continues an interrupted import. The process that had it is stopped at its next batch.</summary>
    /// <exception cref="ImportException">There is no such import, or it has ended or was reverted.</exception>
    public static async Task<ImportSession> ResumeAsync(
        IImportStore imports, string id, TimeProvider clock, CancellationToken cancellation)
    {
        for (var i = 0; i < MaxTries; i++)
        {
            var record = await imports.FindAsync(id, cancellation)
                ?? throw new ImportException($"There is no import {Quote(id)} in this store.");
            if (record.State is not (ImportState.Running or ImportState.BrokenOff))
            {
                throw new ImportException(record.State == ImportState.Done
                    ? $"The import {id} has ended; start a new one."
                    : $"The import {id} was reverted; start a new one.");
            }

            // A time that differs from the stored one changes the text, so that the previous process notices.
            var touched = Math.Max(clock.GetUtcNow().ToUnixTimeMilliseconds(), record.Touched + 1);
            if (await imports.TryPutAsync(record with { State = ImportState.Running, Touched = touched, Ended = 0 }, cancellation) is { } stored)
            {
                return new ImportSession(imports, stored, clock, isResumed: true);
            }
        }

        throw new ImportException($"Another process continues the import {id} at the same time.");
    }

    /// <summary>Returns the number of a source of its facts.</summary>
    public ValueTask<uint> SourceIdAsync(string source, string actor, CancellationToken cancellation) =>
        SourceIdAsync(source, actor, null, cancellation);

    /// <inheritdoc cref="SourceIdAsync(string, string, CancellationToken)"/>
    /// <exception cref="TooManySourcesException">The source is new and the budget is used up.</exception>
    public ValueTask<uint> SourceIdAsync(string source, string actor, SourceBudget? budget, CancellationToken cancellation)
    {
        // The facts of a file usually share their source.
        var last = Volatile.Read(ref _last);
        return last is not null && last.Source == source && last.Actor == actor
            ? new ValueTask<uint>(last.Id)
            : AskAsync();

        async ValueTask<uint> AskAsync()
        {
            var id = await _imports.SourceIdAsync(source, actor, Id, budget, cancellation);
            Volatile.Write(ref _last, new Last(source, actor, id));
            return id;
        }
    }

    /// <summary>
    /// Announces facts before they are stored, so that the record never shows fewer than there are. Each announcement doubles the
    /// one before, so that few batches write the record.
    /// </summary>
    /// <exception cref="ImportException">Another process continues the import, or it was reverted.</exception>
    public Task AnnounceAsync(int facts, CancellationToken cancellation)
    {
        _sent += facts;
        if (_sent <= _record.Announced)
        {
            return Task.CompletedTask;
        }

        _record = _record with { Announced = Math.Max(_sent, 2 * _record.Announced) };
        return ConfirmAsync(cancellation);
    }

    /// <summary>Changes the record; the next <see cref="TouchAsync"/> writes it.</summary>
    public void Change(Func<StoredImport, StoredImport> change) => _record = change(_record);

    /// <summary>Adds to the counts, which then include everything announced so far.</summary>
    public void Count(long recorded, long unchanged, long refused)
    {
        _counted = _sent;
        _record = _record with
        {
            Recorded = _record.Recorded + recorded,
            Unchanged = _record.Unchanged + unchanged,
            Refused = _record.Refused + refused,
        };
    }

    /// <summary>Records that the import runs, at most once per second.</summary>
    /// <exception cref="ImportException">Another process continues the import, or it was reverted.</exception>
    public Task TouchAsync(CancellationToken cancellation) =>
        _clock.GetElapsedTime(_written) < TouchPause ? Task.CompletedTask : ConfirmAsync(cancellation);

    /// <summary>Records that the import runs, and verifies that it still may.</summary>
    /// <exception cref="ImportException">Another process continues the import, or it was reverted.</exception>
    public Task ConfirmAsync(CancellationToken cancellation) => PutAsync(ImportState.Running, cancellation);

    /// <summary>Marks the import as done.</summary>
    /// <exception cref="ImportException">Another process continues the import, or it was reverted.</exception>
    public Task EndAsync(CancellationToken cancellation) => PutAsync(ImportState.Done, cancellation);

    /// <summary>Marks the import as interrupted if possible; otherwise the missing updates show it.</summary>
    public async Task BreakOffAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2), _clock);
        try
        {
            await PutAsync(ImportState.BrokenOff, limit.Token);
        }
        catch (Exception e) when (e is StoreUnavailableException or ImportException or OperationCanceledException)
        {
            // The caller gets the exception that interrupted the import.
        }
    }

    private async Task PutAsync(ImportState state, CancellationToken cancellation)
    {
        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        var isCertain = state != ImportState.Running && !_isResumed && _counted == _sent;
        var next = _record with
        {
            State = state,
            Touched = now,
            Ended = state == ImportState.Running ? 0 : now,
            Announced = isCertain ? 0 : _record.Announced,
        };
        _record = await _imports.TryPutAsync(next, cancellation)
            ?? throw new ImportException($"Another process has taken over or reverted the import {Id}.");
        _written = _clock.GetTimestamp();
    }

    // The last four digits are a fraction of the second, so that ids also sort by time within a second.
    private static string NewId(DateTimeOffset now) => string.Create(
        CultureInfo.InvariantCulture,
        $"{now.UtcDateTime:yyyyMMdd-HHmmss}-{now.Ticks % TimeSpan.TicksPerSecond * 0x10000 / TimeSpan.TicksPerSecond:x4}");

    private static string Quote(string id) => id.Length <= 32 ? id : id[..32] + "...";

    private sealed record Last(string Source, string Actor, uint Id);
}
