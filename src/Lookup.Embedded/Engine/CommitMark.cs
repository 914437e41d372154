// For: noticing that the newest part of the store is missing.
//
// Checksums detect a changed byte. They do not detect a log file that ends too early, because a log also ends early when a
// process is killed while writing. So a separate file stores the number of the newest durable change, written after each sync
// and before anything is acknowledged. A store that opens with fewer changes has lost some.
//
//   two slots of 32 bytes, written in turn: "LKMARK1\0", number of the change (8 bytes), turn (8 bytes), CRC-32C of all that (4
//   bytes), zeros; numbers are big-endian
//
// The file also marks ownership: a process locks it, requires it, and checks that it was not removed or replaced.
using System.Buffers.Binary;
using System.Numerics;

namespace Lookup.Embedded.Engine;

/// <summary>The number of the newest durable change of a store, in a locked file.</summary>
internal sealed class CommitMark : IDisposable
{
    internal const string FileName = "commit-mark";
    private const int SlotSize = 32;
    private const int Checked = 24;
    private const int Slots = 2;
    private readonly FileStream _file;
    private readonly string? _name;
    private readonly string _path;
    private readonly byte[] _slot = new byte[SlotSize];
    private long _turn;

    private CommitMark(FileStream file, string path)
    {
        _file = file;
        _path = path;
        _name = NameOfHandle();
    }

    /// <summary>The number of the change; it only grows.</summary>
    internal ulong Change { get; private set; }

    internal static bool IsThere(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Creates the file for a new store.</summary>
    internal static CommitMark Create(string folder)
    {
        var path = Path.Combine(folder, FileName);
        var mark = new CommitMark(new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 0), path);
        mark.Write(0);
        mark.Write(0);
        mark._file.Flush(flushToDisk: true);
        return mark;
    }

    /// <summary>Opens the file of an existing store.</summary>
    /// <exception cref="EngineFault">The file is missing, or both of its slots are damaged.</exception>
    /// <exception cref="IOException">Another process has it open.</exception>
    internal static CommitMark Open(string folder)
    {
        var path = Path.Combine(folder, FileName);
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (FileNotFoundException e)
        {
            throw new EngineFault(EngineFault.Damaged, $"{path} is missing, so it cannot be verified that the newest facts are complete. Restore the data folder from a backup.", e);
        }

        var mark = new CommitMark(file, path);
        try
        {
            if (!mark.Read())
            {
                throw new EngineFault(EngineFault.Damaged, $"{path} is damaged (offset 0, {file.Length} bytes). Restore the data folder from a backup.");
            }

            return mark;
        }
        catch
        {
            mark.Dispose();
            throw;
        }
    }

    /// <summary>True if the open file still has its name in the folder.</summary>
    internal bool IsInPlace => _name is null ? File.Exists(_path) : NameOfHandle() == _name;

    /// <summary>Writes the number. When this returns, the operating system has it, so it survives the end of the process.</summary>
    internal void Write(ulong change)
    {
        Change = change;
        _turn++;
        "LKMARK1\0"u8.CopyTo(_slot);
        BinaryPrimitives.WriteUInt64BigEndian(_slot.AsSpan(8), change);
        BinaryPrimitives.WriteInt64BigEndian(_slot.AsSpan(16), _turn);
        BinaryPrimitives.WriteUInt32BigEndian(_slot.AsSpan(Checked), Checksum());
        RandomAccess.Write(_file.SafeFileHandle, _slot, _turn % Slots * SlotSize);
    }

    public void Dispose() => _file.Dispose();

    private bool Read()
    {
        var found = false;
        for (var slot = 0; slot < Slots; slot++)
        {
            if (RandomAccess.Read(_file.SafeFileHandle, _slot, slot * SlotSize) == SlotSize
                && _slot.AsSpan().StartsWith("LKMARK1\0"u8)
                && BinaryPrimitives.ReadUInt32BigEndian(_slot.AsSpan(Checked)) == Checksum()
                && BinaryPrimitives.ReadInt64BigEndian(_slot.AsSpan(16)) is var turn && turn > _turn)
            {
                found = true;
                _turn = turn;
                Change = BinaryPrimitives.ReadUInt64BigEndian(_slot.AsSpan(8));
            }
        }

        return found;
    }

    private uint Checksum()
    {
        var crc = uint.MaxValue;
        for (var at = 0; at < Checked; at += sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(_slot.AsSpan(at)));
        }

        return ~crc;
    }

    // On Linux, /proc shows the current name of an open file, followed by " (deleted)" if it has none.
    private string? NameOfHandle() =>
        OperatingSystem.IsLinux() ? new FileInfo($"/proc/self/fd/{_file.SafeFileHandle.DangerousGetHandle()}").LinkTarget : null;
}
