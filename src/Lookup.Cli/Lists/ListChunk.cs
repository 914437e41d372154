using System.Buffers;
using Lookup.Cli.Files;
using Lookup.V1;

namespace Lookup.Cli.Lists;

/// <summary>The position of a record in the bytes of its chunk.</summary>
internal struct ListRecord
{
    public int Start;

    /// <summary>Bytes without the line end.</summary>
    public int Content;

    /// <summary>Bytes with the line end.</summary>
    public int Total;

    public int FieldStart;

    public int FieldLength;

    /// <summary>Line of the record, counted from the chunk's first.</summary>
    public int Line;

    public ListFault Fault;
}

/// <summary>
/// A chunk of lines on its way from the file to the outputs. Its bounds depend only on the content, so that a resumed run
/// splits the file as the first run did. Reused; each stage of the pipeline owns it in turn.
/// </summary>
internal sealed class ListChunk
{
    /// <summary>Maximum records of a chunk, the limit of the service.</summary>
    public const int MaxRecords = 8192;

    /// <summary>A chunk ends with the record that reaches this many bytes.</summary>
    public const int MaxBytes = 1 << 20;

    private byte[] _bytes = new byte[64 * 1024];

    public ListRecord[] Records { get; } = new ListRecord[MaxRecords];

    /// <summary>The number of each record; 0 if it has a fault.</summary>
    public ulong[] Numbers { get; } = new ulong[MaxRecords];

    public Verdict[] Verdicts { get; } = new Verdict[MaxRecords];

    public ReasonCode[] Reasons { get; } = new ReasonCode[MaxRecords];

    public int Count { get; private set; }

    public int Length { get; private set; }

    public bool IsFull => Count == MaxRecords || Length >= MaxBytes;

    /// <summary>Skipped blank lines.</summary>
    public int Blank { get; set; }

    /// <summary>Line in the file that <see cref="ListRecord.Line"/> counts from.</summary>
    public long FirstLine { get; set; }

    /// <summary>Last line of the file that the chunk covers.</summary>
    public long EndLine { get; set; }

    /// <summary>Bytes of the content up to the end of the chunk.</summary>
    public long EndPosition { get; set; }

    /// <summary>SHA-256 of the content up to the end of the chunk.</summary>
    public byte[] EndHash { get; } = new byte[32];

    /// <summary>The request for the chunk.</summary>
    public CheckStreamChunk Request { get; } = new();

    /// <summary>The part that all answers share; null if no number was sent.</summary>
    public Decision? Common { get; set; }

    /// <summary>The regimes that decided its numbers.</summary>
    public IReadOnlyList<RegimeVersion> Regimes { get; private set; } = [];

    /// <summary>Completes when the numbers are parsed.</summary>
    public Task Parsed { get; set; } = Task.CompletedTask;

    /// <summary>Completes when the chunk is answered and, if <see cref="IsPrepared"/>, rendered.</summary>
    public TaskCompletionSource Answered { get; set; } = new();

    /// <summary>Whether the output is rendered; if not when answered, some numbers must be retried.</summary>
    public bool IsPrepared { get; set; }

    /// <summary>The counts of the chunk.</summary>
    public Tally Tally { get; } = new();

    /// <summary>The bytes to append to each output.</summary>
    public ArrayBufferWriter<byte>[] Outputs { get; } = [.. OutputNames.All.Select(_ => new ArrayBufferWriter<byte>())];

    public void Reset(long firstLine)
    {
        Count = 0;
        Length = 0;
        Blank = 0;
        FirstLine = firstLine;
        Common = null;
        Regimes = [];
        IsPrepared = false;
        Request.Numbers.Clear();
        Tally.Clear();
        Answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var output in Outputs)
        {
            output.ResetWrittenCount();
        }
    }

    public ReadOnlySpan<byte> Content(int record) => _bytes.AsSpan(Records[record].Start, Records[record].Content);

    /// <summary>The content of a record; valid until the chunk is filled again.</summary>
    public ReadOnlyMemory<byte> Memory(int record) => _bytes.AsMemory(Records[record].Start, Records[record].Content);

    public ReadOnlySpan<byte> LineEnd(int record)
    {
        ref readonly var place = ref Records[record];
        return _bytes.AsSpan(place.Start + place.Content, place.Total - place.Content);
    }

    /// <summary>Adds a record; its bytes are copied.</summary>
    public void Add(ReadOnlySpan<byte> bytes, in ListRecord record)
    {
        if (_bytes.Length < Length + bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + bytes.Length));
        }

        bytes.CopyTo(_bytes.AsSpan(Length));
        Records[Count] = record;
        Records[Count].Start = Length;
        Count++;
        Length += bytes.Length;
    }

    /// <summary>Adds a record with only a number.</summary>
    public void Add(ulong number, ListFault fault)
    {
        Numbers[Count] = number;
        Records[Count] = new ListRecord { Fault = fault };
        Count++;
    }

    /// <summary>Parses the number of a record; returns 0 with a fault if it is not valid.</summary>
    public ulong ReadNumber(int record, ListLayout layout, out ListFault fault)
    {
        ref readonly var place = ref Records[record];
        fault = place.Fault;
        return fault != ListFault.None ? 0
            : layout.Format == ImportFormat.Ndjson ? NumberReader.ReadJson(Content(record), layout.Path, layout.Region, out fault)
            : NumberReader.Read(_bytes.AsSpan(place.Start + place.FieldStart, place.FieldLength), layout.Region, out fault);
    }

    /// <summary>Parses all numbers.</summary>
    public void ReadNumbers(ListLayout layout)
    {
        for (var i = 0; i < Count; i++)
        {
            Numbers[i] = ReadNumber(i, layout, out Records[i].Fault);
        }
    }

    /// <summary>Builds the request from the numbers.</summary>
    public void MakeRequest()
    {
        Array.Clear(Verdicts, 0, Count);
        Array.Clear(Reasons, 0, Count);
        for (var i = 0; i < Count; i++)
        {
            if (Records[i].Fault == ListFault.None)
            {
                Request.Numbers.Add(Numbers[i]);
            }
        }
    }

    /// <summary>Stores the answer to <see cref="Request"/>.</summary>
    public void SetAnswer(CheckStreamResponse answer)
    {
        Common = answer.Common;
        Regimes = answer.Regimes;
        for (int i = 0, item = 0; i < Count; i++)
        {
            if (Records[i].Fault == ListFault.None)
            {
                Set(i, answer.Verdicts[item], answer.Reasons[item]);
                item++;
            }
        }
    }

    /// <summary>Counts every record by its outcome.</summary>
    public void CountAll()
    {
        for (var i = 0; i < Count; i++)
        {
            var fault = Records[i].Fault;
            if (fault == ListFault.None)
            {
                Tally.Add(Verdicts[i], Reasons[i]);
            }
            else
            {
                Tally.Add(fault);
            }
        }
    }

    public void Set(int record, Verdict verdict, ReasonCode reason)
    {
        Verdicts[record] = verdict;
        Reasons[record] = reason;
        if (reason == ReasonCode.InvalidNumber && verdict != Verdict.Allow)
        {
            Records[record].Fault = ListFault.RefusedByService;
        }
    }
}
