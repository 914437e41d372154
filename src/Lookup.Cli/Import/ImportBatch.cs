using System.Buffers;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>A refused line: where, why and what it says.</summary>
internal readonly record struct Reject(long Line, string Column, string Reason, string Content);

/// <summary>Some lines of the file on their way to where they are recorded.</summary>
internal sealed class ImportBatch(ulong sequence)
{
    /// <summary>Tag and length of a fact within the message, at most.</summary>
    private const int MessageOverhead = 4;

    private readonly List<(long Line, int Start, int Length)> _lines = [];
    private readonly ArrayBufferWriter<byte> _raw = new();

    /// <summary>Position among the batches of this run, from 1.</summary>
    public ulong Sequence { get; } = sequence;

    /// <summary>The facts of the good lines, in order.</summary>
    public List<Fact> Facts { get; } = [];

    /// <summary>The lines refused before they were sent.</summary>
    public List<Reject> Rejects { get; } = [];

    /// <summary>The last line that the batch covers, good or bad.</summary>
    public long LastLine { get; private set; }

    /// <summary>Lines that the batch covers.</summary>
    public int LineCount => Facts.Count + RejectedLines;

    /// <summary>Lines refused before they were sent.</summary>
    public int RejectedLines { get; private set; }

    /// <summary>Size of the facts as a message, and of the refused lines kept for the reject file.</summary>
    public int Bytes { get; private set; }

    public void Add(ImportRecord record, Fact fact)
    {
        _lines.Add((record.Line, _raw.WrittenCount, record.Raw.Length));
        _raw.Write(record.Raw.Span);
        Facts.Add(fact);
        Bytes += fact.CalculateSize() + MessageOverhead;
        LastLine = record.Line;
    }

    /// <summary>Of the lines refused before they were sent, those that should forbid calls.</summary>
    public int RejectedOptOuts { get; private set; }

    public void AddRejected(ImportRecord record, bool isOptOut)
    {
        RejectedOptOuts += isOptOut ? 1 : 0;
        var content = System.Text.Encoding.UTF8.GetString(record.Raw.Span[..Math.Min(record.Raw.Length, ImportRecord.MaxLine)]);
        foreach (var fault in record.Faults)
        {
            Rejects.Add(new Reject(record.Line, fault.Column, fault.Reason, content));
        }

        RejectedLines++;
        Bytes += content.Length;
        LastLine = record.Line;
    }

    /// <summary>The line of a fact.</summary>
    public long LineOf(int index) => _lines[index].Line;

    /// <summary>The reject of a fact that was refused where it should be recorded.</summary>
    public Reject RejectOf(int index, string column, string reason)
    {
        var (line, start, length) = _lines[index];
        return new Reject(line, column, reason, System.Text.Encoding.UTF8.GetString(_raw.WrittenSpan.Slice(start, length)));
    }
}

/// <summary>What came of a batch, and the import that it belongs to; empty where nothing is recorded.</summary>
internal readonly record struct BatchOutcome(int Recorded, int Unchanged, IReadOnlyList<RefusedFact> Refused, string ImportId = "")
{
    /// <summary>What may not be meant like this, each once.</summary>
    public IReadOnlyList<ImportWarning> Warnings { get; init; } = [];
}

/// <summary>Where an import goes.</summary>
internal interface IImportTarget : IAsyncDisposable
{
    /// <summary>Names it for the checkpoint: another target begins anew.</summary>
    public string Name { get; }

    /// <summary>An import that was stopped can go on where it was; if not it begins anew.</summary>
    public bool CanResume { get; }

    /// <summary>
    /// Records the batches and reports each when it is durable, in order, one at a time.
    /// </summary>
    /// <param name="import">What is to be known of the import; with an id, that one is continued.</param>
    /// <param name="batches">The batches.</param>
    /// <param name="recorded">Takes what came of each.</param>
    /// <param name="ct">Stops it.</param>
    public Task RunAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct);
}
