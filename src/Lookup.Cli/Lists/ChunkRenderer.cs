using System.Buffers;
using System.Buffers.Text;
using System.IO.Compression;
using System.Text;
using Lookup.Cli.Files;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;

namespace Lookup.Cli.Lists;

/// <summary>Renders an answered chunk for each output, and counts it. Thread-safe.</summary>
internal sealed class ChunkRenderer(ListLayout layout, bool addColumns, bool compress)
{
    private readonly byte[][] _suffixes = new byte[5 * 256][];

    /// <summary>Returns the first bytes of an output.</summary>
    public byte[] Preamble(int output)
    {
        byte[] preamble = output == OutputNames.Invalid
            ? [.. "line,column,reason,content\n"u8]
            : layout.HasHeader
                ? [.. layout.Mark, .. layout.Header, .. addColumns ? Encoding.UTF8.GetBytes(string.Concat(layout.Added.Select(name => (char)layout.Delimiter + name))) : [], .. layout.NewLine]
                : layout.Mark;
        return compress && preamble.Length > 0 ? Compress(preamble) : preamble;
    }

    public void Render(ListChunk chunk)
    {
        chunk.CountAll();
        for (var i = 0; i < chunk.Count; i++)
        {
            var fault = chunk.Records[i].Fault;
            if (fault != ListFault.None)
            {
                WriteInvalid(chunk, i, fault);
                continue;
            }

            var (verdict, reason) = (chunk.Verdicts[i], chunk.Reasons[i]);
            // Only ALLOW permits; verdicts of a newer service do not.
            var output = verdict switch { Verdict.Allow => OutputNames.Allowed, Verdict.Deny => OutputNames.Denied, _ => OutputNames.Unknown };
            WriteLine(chunk.Outputs[output], chunk, i, verdict, reason);
        }

        if (compress)
        {
            foreach (var output in chunk.Outputs.Where(output => output.WrittenCount > 0))
            {
                var member = Compress(output.WrittenSpan);
                output.ResetWrittenCount();
                output.Write(member);
            }
        }
    }

    private void WriteLine(ArrayBufferWriter<byte> output, ListChunk chunk, int record, Verdict verdict, ReasonCode reason)
    {
        const int Digits = 20;
        var content = chunk.Content(record);
        if (layout.Format == ImportFormat.Ndjson)
        {
            content = content.TrimEnd(" \t\r"u8);
        }

        var end = chunk.LineEnd(record);
        end = end.IsEmpty ? layout.NewLine : end;
        if (!addColumns)
        {
            output.Write(content);
            output.Write(end);
            return;
        }

        var suffix = layout.Format == ImportFormat.Ndjson && content.IndexOf("\"lookup\""u8) >= 0
            ? MakeSuffix(verdict, reason, Unused(content))
            : Suffix(verdict, reason);
        var span = output.GetSpan(content.Length + suffix.Length + Digits + 4 + end.Length);
        var isJson = layout.Format == ImportFormat.Ndjson;
        var position = isJson ? content.Length - 1 : content.Length;
        content[..position].CopyTo(span);
        suffix.CopyTo(span[position..]);
        position += suffix.Length;
        Utf8Formatter.TryFormat(chunk.Numbers[record], span[position..], out var digits);
        position += digits;
        if (isJson)
        {
            "\"}}"u8.CopyTo(span[position..]);
            position += 3;
        }

        end.CopyTo(span[position..]);
        output.Advance(position + end.Length);
    }

    private byte[] Suffix(Verdict verdict, ReasonCode reason)
    {
        var index = (uint)verdict < 5 && (uint)reason < 256 ? ((int)verdict * 256) + (int)reason : -1;
        return index >= 0 ? _suffixes[index] ??= MakeSuffix(verdict, reason, "lookup") : MakeSuffix(verdict, reason, "lookup");
    }

    private byte[] MakeSuffix(Verdict verdict, ReasonCode reason, string member)
    {
        var (verdictWord, reasonWord) = (Words.Verdicts.WordFor(verdict), Words.Reasons.WordFor(reason));
        var delimiter = (char)layout.Delimiter;
        return Encoding.UTF8.GetBytes(layout.Format == ImportFormat.Ndjson
            ? $",\"{member}\":{{\"verdict\":\"{verdictWord}\",\"reason\":\"{reasonWord}\",\"e164\":\"+"
            : $"{delimiter}{verdictWord}{delimiter}{reasonWord}{delimiter}+");
    }

    /// <summary>Returns a member name that the line does not have, for a list that was scrubbed before.</summary>
    private static string Unused(ReadOnlySpan<byte> line)
    {
        for (var i = 2; ; i++)
        {
            var name = $"lookup_{i}";
            if (line.IndexOf(Encoding.UTF8.GetBytes($"\"{name}\"")) < 0)
            {
                return name;
            }
        }
    }

    private void WriteInvalid(ListChunk chunk, int record, ListFault fault)
    {
        var output = chunk.Outputs[OutputNames.Invalid];
        var line = chunk.FirstLine + chunk.Records[record].Line;
        output.Write(Encoding.UTF8.GetBytes($"{line},{SafeText.Cell(fault.IsOfColumn() ? layout.ColumnName : "")},{SafeText.Cell(fault.Describe(layout))},"));
        WriteQuoted(output, chunk.Content(record));
        output.Write("\n"u8);
    }

    private static void WriteQuoted(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> content)
    {
        var isFormula = SafeText.IsFormula(content);
        if (content.IndexOfAny(",\"\r\n"u8) < 0)
        {
            output.Write(isFormula ? "'"u8 : ""u8);
            output.Write(content);
            return;
        }

        output.Write(isFormula ? "\"'"u8 : "\""u8);
        while (true)
        {
            var quote = content.IndexOf((byte)'"');
            output.Write(quote < 0 ? content : content[..(quote + 1)]);
            output.Write("\""u8);
            if (quote < 0)
            {
                return;
            }

            content = content[(quote + 1)..];
        }
    }

    /// <summary>Compresses to one gzip member. Members can be concatenated, and a resumed run produces the same ones.</summary>
    private static byte[] Compress(ReadOnlySpan<byte> bytes)
    {
        using var member = new MemoryStream();
        using (var gzip = new GZipStream(member, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return member.ToArray();
    }
}
