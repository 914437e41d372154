using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Receipts;

/// <summary>
/// A receipt with all that shows that it is in a log: one file of text for whoever has the public key. Its only form: the line
/// "lookup receipt proof 1", then "receipt", "index", "path" (one for each hash), "head" and "signature", each with a space
/// and lower-case hexadecimal digits (the index in decimal), each line ended by a line feed.
/// </summary>
public sealed record ReceiptProof(byte[] Receipt, ulong Index, IReadOnlyList<byte[]> Path, SignedHead Head)
{
    /// <summary>Longest proof in characters.</summary>
    public const int MaxLength = 16_384;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private const string Title = "lookup receipt proof 1";

    /// <summary>The file's text.</summary>
    public string Write()
    {
        var text = new StringBuilder();
        text.Append(Title).Append('\n');
        text.Append("receipt ").Append(Convert.ToHexStringLower(Receipt)).Append('\n');
        text.Append("index ").Append(Index.ToString(CultureInfo.InvariantCulture)).Append('\n');
        foreach (var hash in Path)
        {
            text.Append("path ").Append(Convert.ToHexStringLower(hash)).Append('\n');
        }

        text.Append("head ").Append(Convert.ToHexStringLower(Head.Head)).Append('\n');
        text.Append("signature ").Append(Convert.ToHexStringLower(Head.Signature)).Append('\n');
        return text.ToString();
    }

    /// <summary>Reads a proof, without asking whether it holds.</summary>
    /// <exception cref="ReceiptException">It is none; the message names the line.</exception>
    public static ReceiptProof Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength || !text.EndsWith('\n'))
        {
            throw new ReceiptException($"A proof has at most {MaxLength} characters and ends with a line feed.");
        }

        var lines = text[..^1].Split('\n');
        if (lines[0] != Title)
        {
            throw Bad(0, $"\"{Title}\" is expected");
        }

        var receipt = Hex(lines, 1, "receipt ", null);
        var index = PlaceAt(lines, 2);
        var path = new List<byte[]>();
        var line = 3;
        for (; line < lines.Length && lines[line].StartsWith("path ", StringComparison.Ordinal); line++)
        {
            path.Add(Hex(lines, line, "path ", MerkleTree.HashSize));
        }

        var head = Hex(lines, line, "head ", SignedHead.HeadSize);
        var signature = Hex(lines, line + 1, "signature ", SignedHead.SignatureSize);
        return line + 2 == lines.Length
            ? new ReceiptProof(receipt, index, path, SignedHead.Read([.. head, .. signature]))
            : throw Bad(line + 2, "nothing is expected here");
    }

    /// <summary>Checks the signature and the way from the receipt to the signed root.</summary>
    /// <returns>The receipt, proven.</returns>
    /// <exception cref="ReceiptException">It does not hold; the message tells what of it.</exception>
    public Receipt Verify(ECDsa publicKey)
    {
        if (!Head.IsSignedBy(publicKey))
        {
            throw new ReceiptException("The signed head is not signed with this key.");
        }

        if (!MerkleProofs.IsIncluded(MerkleTree.Leaf(Receipt), Index, Head.TreeSize, Path, Head.Root))
        {
            throw new ReceiptException($"The receipt is not number {Index} of the log that the head was signed for.");
        }

        return ReceiptFormat.Read(Receipt);
    }

    private static ulong PlaceAt(string[] lines, int line)
    {
        const string Name = "index ";
        if (line < lines.Length && lines[line].StartsWith(Name, StringComparison.Ordinal)
            && ulong.TryParse(lines[line].AsSpan(Name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            && lines[line] == Name + index.ToString(CultureInfo.InvariantCulture))
        {
            return index;
        }

        throw Bad(line, "\"index\" and a whole number are expected");
    }

    private static byte[] Hex(string[] lines, int line, string name, int? size)
    {
        if (line < lines.Length && lines[line].StartsWith(name, StringComparison.Ordinal))
        {
            var digits = lines[line].AsSpan(name.Length);
            if (digits.Length > 0 && digits.Length % 2 == 0 && !digits.ContainsAnyExcept(HexDigits)
                && (size is null || digits.Length == 2 * size))
            {
                return Convert.FromHexString(digits);
            }
        }

        throw Bad(line, $"\"{name.Trim()}\" and {(size is null ? "" : $"{2 * size} ")}lower-case hexadecimal digits are expected");
    }

    private static ReceiptException Bad(int line, string what) => new($"Proof, line {line + 1}: {what}.");
}
