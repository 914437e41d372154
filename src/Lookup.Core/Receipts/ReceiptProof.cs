using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Receipts;

/// <summary>
/// A receipt and the proof that it is in a log, as one text file that anyone with the public key can verify. Its only form: the line
/// "lookup receipt proof 1", then "receipt", "index", "path" (one per hash), "head" and "signature", each followed by a space and
/// lower-case hexadecimal digits (the index in decimal); each line ends with a line feed.
/// </summary>
public sealed record ReceiptProof(byte[] Receipt, ulong Index, IReadOnlyList<byte[]> Path, SignedHead Head)
{
    /// <summary>Longest proof in characters.</summary>
    public const int MaxLength = 16_384;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private const string Title = "lookup receipt proof 1";

    /// <summary>Returns the text of the file.</summary>
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

    /// <summary>Reads a proof without verifying it.</summary>
    /// <exception cref="ReceiptException">It is not a proof; the message names the line.</exception>
    public static ReceiptProof Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength || !text.EndsWith('\n'))
        {
            throw new ReceiptException($"A proof must have at most {MaxLength} characters and end with a line feed.");
        }

        var lines = text[..^1].Split('\n');
        if (lines[0] != Title)
        {
            throw Invalid(0, $"expected \"{Title}\"");
        }

        var receipt = ReadHex(lines, 1, "receipt ", null);
        var index = ReadIndex(lines, 2);
        var path = new List<byte[]>();
        var line = 3;
        for (; line < lines.Length && lines[line].StartsWith("path ", StringComparison.Ordinal); line++)
        {
            path.Add(ReadHex(lines, line, "path ", MerkleTree.HashSize));
        }

        var head = ReadHex(lines, line, "head ", SignedHead.HeadSize);
        var signature = ReadHex(lines, line + 1, "signature ", SignedHead.SignatureSize);
        return line + 2 == lines.Length
            ? new ReceiptProof(receipt, index, path, SignedHead.Read([.. head, .. signature]))
            : throw Invalid(line + 2, "expected the end of the proof");
    }

    /// <summary>Verifies the signature and the path from the receipt to the signed root.</summary>
    /// <returns>The verified receipt.</returns>
    /// <exception cref="ReceiptException">The proof is invalid; the message names the failed check.</exception>
    public Receipt Verify(ECDsa publicKey)
    {
        if (!Head.IsSignedBy(publicKey))
        {
            throw new ReceiptException("The head was not signed with this key.");
        }

        if (!MerkleProofs.IsIncluded(MerkleTree.Leaf(Receipt), Index, Head.TreeSize, Path, Head.Root))
        {
            throw new ReceiptException($"The receipt is not number {Index} in the log of the signed head.");
        }

        return ReceiptFormat.Read(Receipt);
    }

    private static ulong ReadIndex(string[] lines, int line)
    {
        const string Name = "index ";
        if (line < lines.Length && lines[line].StartsWith(Name, StringComparison.Ordinal)
            && ulong.TryParse(lines[line].AsSpan(Name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            && lines[line] == Name + index.ToString(CultureInfo.InvariantCulture))
        {
            return index;
        }

        throw Invalid(line, "expected \"index\" and a whole number");
    }

    private static byte[] ReadHex(string[] lines, int line, string name, int? size)
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

        throw Invalid(line, $"expected \"{name.Trim()}\" and {(size is null ? "" : $"{2 * size} ")}lower-case hexadecimal digits");
    }

    private static ReceiptException Invalid(int line, string what) => new($"Proof, line {line + 1}: {what}.");
}
