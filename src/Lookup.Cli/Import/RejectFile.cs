using System.Text;
using Lookup.Cli.Output;

namespace Lookup.Cli.Import;

/// <summary>The file of rejected lines: CSV with line, column, reason and the line itself.</summary>
internal sealed class RejectFile(string path) : IDisposable
{
    /// <summary>The first line.</summary>
    public const string Header = "line,column,reason,content";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);
    private FileStream? _stream;

    public string Path { get; } = path;

    /// <summary>Length in bytes of what is written.</summary>
    public long Length { get; private set; }

    /// <summary>Whether the file of an earlier run has everything that a checkpoint covers.</summary>
    public bool Reaches(long length) => length == 0 || (File.Exists(Path) && new FileInfo(Path).Length >= length);

    /// <summary>Starts over, or resumes after what a checkpoint covers and truncates the rest.</summary>
    public void Open(long length)
    {
        if (length == 0)
        {
            // Delete the file of an earlier run; create one only for a rejected line.
            File.Delete(Path);
            return;
        }

        _stream = new FileStream(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        _stream.SetLength(length);
        _stream.Seek(0, SeekOrigin.End);
        Length = length;
    }

    public void Write(IEnumerable<Reject> rejects)
    {
        var text = new StringBuilder();
        foreach (var reject in rejects)
        {
            text.Append(reject.Line).Append(',');
            text.AppendJoin(',', SafeText.Cell(reject.Column), SafeText.Cell(reject.Reason), SafeText.Cell(reject.Content)).Append('\n');
        }

        if (text.Length == 0)
        {
            return;
        }

        if (_stream is null)
        {
            _stream = new FileStream(Path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
            text.Insert(0, Header + "\n");
        }

        _stream.Write(Utf8.GetBytes(text.ToString()));
        _stream.Flush();
        Length = _stream.Position;
    }

    public void Dispose() => _stream?.Dispose();
}
