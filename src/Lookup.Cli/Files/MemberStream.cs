using System.IO.Compression;

namespace Lookup.Cli.Files;

/// <summary>Reads the file in a zip archive, or the files one after the other, and verifies their checksums.</summary>
internal sealed class MemberStream : ForwardStream
{
    private static readonly uint[] Table = MakeTable();

    private readonly ZipArchive _archive;
    private readonly List<ZipArchiveEntry> _members;
    private Stream? _content;
    private int _next;
    private uint _checksum;
    private byte _last = (byte)'\n';

    /// <summary>Takes over the archive.</summary>
    /// <exception cref="CliException">The archive has no file, or several that may not be joined.</exception>
    public MemberStream(ZipArchive archive, string name, bool joins)
    {
        _archive = archive;
        // Archives made on a Mac have a second entry with attributes for each file.
        _members = [.. archive.Entries
            .Where(entry => entry.Name.Length > 0 && entry.Name[0] != '.' && !entry.FullName.StartsWith("__MACOSX/", StringComparison.Ordinal))
            .OrderBy(entry => entry.FullName, StringComparer.Ordinal)];
        if (_members.Count == 0)
        {
            throw new CliException($"{name} is a zip archive without a file.");
        }

        if (_members.Count > 1 && !joins)
        {
            throw new CliException(
                $"{name} is a zip archive of {_members.Count} files ({string.Join(", ", _members.Take(5).Select(member => member.Name))}{(_members.Count > 5 ? ", ..." : "")}): unzip it and name one of them.");
        }
    }

    public string Describe() => _members.Count == 1 ? $"zip ({_members[0].Name})" : $"zip ({_members.Count} files)";

    public override int Read(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            if (_content is null)
            {
                if (_next == _members.Count)
                {
                    return 0;
                }

                _content = _members[_next++].Open();
                _checksum = uint.MaxValue;
                if (_last != '\n')
                {
                    // The last line of the file before had no end.
                    buffer[0] = _last = (byte)'\n';
                    return 1;
                }
            }

            var read = _content.Read(buffer);
            if (read > 0)
            {
                _last = buffer[read - 1];
                foreach (var b in buffer[..read])
                {
                    _checksum = Table[(byte)(_checksum ^ b)] ^ (_checksum >> 8);
                }

                return read;
            }

            _content.Dispose();
            _content = null;
            if (~_checksum != _members[_next - 1].Crc32)
            {
                throw new InvalidDataException($"The checksum of {_members[_next - 1].Name} does not match.");
            }
        }

        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _content?.Dispose();
            _archive.Dispose();
        }

        base.Dispose(disposing);
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < table.Length; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value & 1) != 0 ? 0xedb88320u ^ (value >> 1) : value >> 1;
            }

            table[i] = value;
        }

        return table;
    }
}
