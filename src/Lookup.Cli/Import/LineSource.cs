using Lookup.Cli.Files;
using Lookup.Cli.Lists;

namespace Lookup.Cli.Import;

/// <summary>Hands out the lines of a file one by one, in order.</summary>
internal sealed class LineSource(InputFile input, ListLayout layout) : IDisposable
{
    private readonly ListReader _reader = new(input.Stream, input.Name, layout);
    private ListChunk _chunk = new();
    private ListChunk? _ahead;
    private CliException? _damage;
    private int _next;
    private bool _ended;

    /// <summary>Whether no line follows the one read last.</summary>
    public bool IsAtEnd
    {
        get
        {
            if (_next < _chunk.Count)
            {
                return false;
            }

            while (!_ended && _damage is null && _ahead is not { Count: > 0 })
            {
                Fill(_ahead ??= new ListChunk());
            }

            return _damage is null && _ahead is not { Count: > 0 };
        }
    }

    /// <summary>Reads the next line that is not blank; false at the end.</summary>
    /// <exception cref="CliException">The file is damaged after the line before.</exception>
    public bool Read(ImportRecord record, out ListFault fault)
    {
        while (_next == _chunk.Count)
        {
            _next = 0;
            if (_ahead is { Count: > 0 } ahead)
            {
                (_chunk, _ahead) = (ahead, null);
                break;
            }

            if (_damage is not null)
            {
                throw _damage;
            }

            if (_ended)
            {
                _next = _chunk.Count;
                fault = ListFault.None;
                return false;
            }

            Fill(_chunk);
        }

        fault = _chunk.Records[_next].Fault;
        record.Reset(_chunk.FirstLine + _chunk.Records[_next].Line, _chunk.Memory(_next));
        if (fault == ListFault.LineTooLong || record.Raw.Length > ImportRecord.MaxLine)
        {
            fault = ListFault.LineTooLong;
            record.Faults.Add(new LineFault("", $"the line is longer than {ImportRecord.MaxLine} bytes"));
        }

        _next++;
        return true;
    }

    /// <summary>Hands out the first line once more.</summary>
    public void Rewind() => _next = 0;

    public void Dispose() => _reader.Dispose();

    private void Fill(ListChunk chunk)
    {
        try
        {
            _ended = !_reader.Read(chunk, CancellationToken.None);
        }
        catch (CliException exception)
        {
            // The lines before the damage come first.
            _damage = exception;
        }
    }
}
