// For: completing an erasure whose process was killed at any moment.
//
// Before an erasure changes anything, the file "erasing" lists all it will do: the erasure's receipt, and the place of each receipt to
// overwrite. The file is written under another name, flushed and renamed. Then the erasure's receipt is appended, unless the log has it
// already. Once it is signed, the file is written again with its number; then the receipts are overwritten and the file is deleted. The
// next start completes the remaining steps. It overwrites by place, because a partly overwritten receipt cannot be read.
//
//   lookup erasing 2
//   receipt HEX                  the erasure's receipt
//   from N                       receipts in the log before it was appended
//   erasure N                    its number, once it is signed
//   N FIRST AT LENGTH            a receipt: its number, the first of its file, its place there, its length
//   sha256 HEX                   of all lines before
//
// Earlier versions wrote only numbers, one a line, the erasure's first.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Server.Receipts;

/// <summary>The place of a receipt that an erasure overwrites.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Segment">Number of the first receipt of its file.</param>
/// <param name="At">Offset of its first byte, after length and checksum.</param>
/// <param name="Length">Its length.</param>
internal readonly record struct ErasedPlace(ulong Index, ulong Segment, long At, int Length);

/// <summary>An erasure in progress.</summary>
/// <param name="Receipt">The erasure's receipt.</param>
/// <param name="From">Receipts in the log before it was appended.</param>
/// <param name="Erasure">Its number, once it is signed.</param>
/// <param name="Places">The receipts to overwrite, by number.</param>
internal sealed record ErasureIntent(byte[] Receipt, ulong From, ulong? Erasure, IReadOnlyList<ErasedPlace> Places)
{
    private const string Title = "lookup erasing 2";
    private const string HashLine = "sha256 ";

    /// <summary>Writes the file atomically and durably.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    internal void Write(string path, Action? step)
    {
        var text = new StringBuilder()
            .Append(Title).Append('\n')
            .Append("receipt ").Append(Convert.ToHexStringLower(Receipt)).Append('\n')
            .Append(CultureInfo.InvariantCulture, $"from {From}\n");
        if (Erasure is { } erasure)
        {
            text.Append(CultureInfo.InvariantCulture, $"erasure {erasure}\n");
        }

        foreach (var place in Places)
        {
            text.Append(CultureInfo.InvariantCulture, $"{place.Index} {place.Segment} {place.At} {place.Length}\n");
        }

        var body = text.ToString();
        var made = path + ".new";
        using (var file = new FileStream(made, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(Encoding.ASCII.GetBytes($"{body}{HashLine}{HashOf(body)}\n"));
            file.Flush(flushToDisk: true);
        }

        step?.Invoke();
        File.Move(made, path, overwrite: true);
        // A flush after the rename makes the new name durable.
        using (var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read))
        {
            file.Flush(flushToDisk: true);
        }

        step?.Invoke();
    }

    /// <summary>Reads the file.</summary>
    /// <returns>Null if the file is missing or damaged, or an earlier version wrote it.</returns>
    internal static ErasureIntent? TryRead(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        var end = text.LastIndexOf(HashLine, StringComparison.Ordinal);
        if (end < 0 || !text.StartsWith(Title + "\n", StringComparison.Ordinal) || text[(end + HashLine.Length)..] != HashOf(text[..end]) + "\n")
        {
            return null;
        }

        // The hash is right, so this is what Write wrote.
        var lines = text[..end].TrimEnd('\n').Split('\n').Skip(1).Select(line => line.Split(' ')).ToList();
        string? Value(string name) => lines.Find(line => line[0] == name)?[1];
        return new ErasureIntent(
            Convert.FromHexString(Value("receipt")!),
            Number(Value("from")!),
            Value("erasure") is { } erasure ? Number(erasure) : null,
            [.. lines.Where(line => line.Length == 4).Select(line => new ErasedPlace(Number(line[0]), Number(line[1]), (long)Number(line[2]), (int)Number(line[3])))]);
    }

    /// <summary>Reads the format of earlier versions: the erasure's number and those to overwrite; null for another format.</summary>
    internal static (ulong Erasure, ulong[] Erased)? TryReadOld(string path)
    {
        var numbers = new List<ulong>();
        foreach (var line in File.ReadLines(path))
        {
            if (!ulong.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                return null;
            }

            numbers.Add(number);
        }

        return numbers.Count == 0 ? null : (numbers[0], [.. numbers.Skip(1)]);
    }

    private static ulong Number(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)));
}
