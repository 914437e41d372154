using System.Buffers;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>A rejected line: position, reason and content.</summary>
internal readonly record struct Reject(long Line, string Column, string Reason, string Content);

/// <summary>A batch of lines to record.</summary>
internal sealed class ImportBatch(ulong sequence)
{
    /// <summary>Maximum size of a fact's tag and length in the message.</summary>
    private const int MessageOverhead = 4;

    private readonly List<(long Line, int Start, int Length)> _lines = [];
    private readonly List<(long Line, int Start, int Length)> _blockLines = [];
    private readonly ArrayBufferWriter<byte> _raw = new();

    /// <summary>Position among the batches of this run, from 1.</summary>
    public ulong Sequence { get; } = sequence;

    /// <summary>The facts of the valid lines, in order.</summary>
    public List<Fact> Facts { get; } = [];

    /// <summary>The blocks of the valid lines, in order.</summary>
    public List<Block> Blocks { get; } = [];

    /// <summary>The lines rejected before sending.</summary>
    public List<Reject> Rejects { get; } = [];

    /// <summary>The last line that the batch covers, valid or rejected.</summary>
    public long LastLine { get; private set; }

    /// <summary>Lines that the batch covers.</summary>
    public int LineCount => Facts.Count + Blocks.Count + RejectedLines;

    /// <summary>Count of lines rejected before sending.</summary>
    public int RejectedLines { get; private set; }

    /// <summary>Size of the facts as a message plus that of the rejected lines.</summary>
    public int Bytes { get; private set; }

    public void Add(ImportRecord record, Fact fact)
    {
        _lines.Add((record.Line, _raw.WrittenCount, record.Raw.Length));
        _raw.Write(record.Raw.Span);
        Facts.Add(fact);
        Bytes += fact.CalculateSize() + MessageOverhead;
        LastLine = record.Line;
    }

    public void Add(ImportRecord record, Block block)
    {
        _blockLines.Add((record.Line, _raw.WrittenCount, record.Raw.Length));
        _raw.Write(record.Raw.Span);
        Blocks.Add(block);
        Bytes += block.CalculateSize() + MessageOverhead;
        LastLine = record.Line;
    }

    /// <summary>Lines rejected before sending that should forbid calls.</summary>
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

    /// <summary>The line of a block.</summary>
    public long LineOfBlock(int index) => _blockLines[index].Line;

    /// <summary>Makes the reject of a fact that the target rejected.</summary>
    public Reject RejectOf(int index, string column, string reason) => RejectOf(_lines[index], column, reason);

    /// <summary>Makes the reject of a block that the target rejected.</summary>
    public Reject RejectOfBlock(int index, string column, string reason) => RejectOf(_blockLines[index], column, reason);

    private Reject RejectOf((long Line, int Start, int Length) place, string column, string reason)
    {
        var (line, start, length) = place;
        return new Reject(line, column, reason, System.Text.Encoding.UTF8.GetString(_raw.WrittenSpan.Slice(start, length)));
    }
}

/// <summary>The outcome of a batch, and the id of its import (empty if nothing is recorded).</summary>
internal readonly record struct BatchOutcome(int Recorded, int Unchanged, IReadOnlyList<RefusedFact> Refused, string ImportId = "")
{
    /// <summary>Distinct warnings.</summary>
    public IReadOnlyList<ImportWarning> Warnings { get; init; } = [];

    /// <summary>Rejected blocks, by their position among the blocks.</summary>
    public IReadOnlyList<RefusedFact> RefusedBlocks { get; init; } = [];

    /// <summary>Distinct warnings about blocks.</summary>
    public IReadOnlyList<ImportWarning> BlockWarnings { get; init; } = [];
}

/// <summary>The destination of an import.</summary>
internal interface IImportTarget : IAsyncDisposable
{
    /// <summary>Identifies the target in the checkpoint; a checkpoint of another target is ignored.</summary>
    public string Name { get; }

    /// <summary>Whether a stopped import can resume; otherwise it starts over.</summary>
    public bool CanResume { get; }

    /// <summary>
    /// Records the batches and reports each one when it is durable, in order, one at a time.
    /// </summary>
    /// <param name="import">Describes the import; an id resumes that import.</param>
    /// <param name="batches">The batches.</param>
    /// <param name="recorded">Receives the outcome of each batch.</param>
    /// <param name="ct">Stops the import.</param>
    public Task RunAsync(
        ImportDescription import, IAsyncEnumerable<ImportBatch> batches, Action<ImportBatch, BatchOutcome> recorded, CancellationToken ct);
}
