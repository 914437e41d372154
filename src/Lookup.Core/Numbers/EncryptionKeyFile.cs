using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Numbers;

/// <summary>A secret key is missing, malformed or kept where others can read it. The message never shows it.</summary>
public sealed class EncryptionKeyException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Keeps the secret keys of <see cref="NumberCipher"/>: each 32 bytes as 64 hexadecimal digits or as base64, one a line, in a
/// file that only its owner, and at most a group, can read or in an environment variable. One key is the usual case; while
/// the number key is changed there are two, the new one last. Whoever loses them loses every stored fact; whoever else has one
/// can list the numbers stored under it.
/// </summary>
public static class EncryptionKeyFile
{
    /// <summary>The environment variable that is read unless another is named.</summary>
    public const string DefaultVariable = "LOOKUP_NUMBER_KEY";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // A group may read it: service managers and Kubernetes hand out secrets as files of root that a group can read.
    private const UnixFileMode Others =
        UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Most keys in a file or variable.</summary>
    public const int MaxKeys = 16;

    // Hex with spaces around it is the longest form; a file beyond this is not one of keys.
    private const int MaxFile = 2048;

    /// <summary>Makes a new key and writes it to a new file with permissions 0600.</summary>
    /// <returns>The key.</returns>
    /// <exception cref="EncryptionKeyException">The file exists or cannot be written.</exception>
    public static byte[] Create(string path)
    {
        var key = RandomNumberGenerator.GetBytes(NumberCipher.KeySize);
        // Not under its name before it is whole: a part of a key is none, and would be taken for one that is there.
        var written = $"{path}.{Guid.NewGuid():n}";
        try
        {
            Write(written, Convert.ToHexStringLower(key) + "\n", OwnerOnly);
            File.Move(written, path, overwrite: false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(written))
            {
                File.Delete(written);
            }

            throw new EncryptionKeyException(
                File.Exists(path)
                    ? $"The key file {path} exists already; a key is never replaced."
                    : $"The key file {path} cannot be written: {exception.Message}",
                exception);
        }

        return key;
    }

    /// <summary>Makes a new key and adds it to a file as the last line. The file has it whole or not at all.</summary>
    /// <returns>All keys of the file.</returns>
    /// <exception cref="EncryptionKeyException">The file cannot be read or written, or is full.</exception>
    public static IReadOnlyList<byte[]> Add(string path)
    {
        var keys = Load(path);
        if (keys.Count == MaxKeys)
        {
            throw new EncryptionKeyException($"The key file {path} has {MaxKeys} keys already; remove lines that nothing needs any more.");
        }

        byte[] key = RandomNumberGenerator.GetBytes(NumberCipher.KeySize);
        var written = path + ".new";
        try
        {
            File.Delete(written);
            var mode = OperatingSystem.IsWindows() ? OwnerOnly : File.GetUnixFileMode(path);
            Write(written, File.ReadAllText(path).TrimEnd() + "\n" + Convert.ToHexStringLower(key) + "\n", mode);
            File.Move(written, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new EncryptionKeyException($"The key file {path} cannot be written: {exception.Message}", exception);
        }

        return [.. keys, key];
    }

    /// <summary>Reads the keys of a file, at least one.</summary>
    /// <exception cref="EncryptionKeyException">
    /// It cannot be read, others than its owner and its group's readers have access to it, or a line of it is no key.
    /// </exception>
    public static IReadOnlyList<byte[]> Load(string path)
    {
        string text;
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0)
            {
                throw new EncryptionKeyException($"Others can access the key file {path}; run: chmod 600 {path}");
            }

            using var stream = File.OpenRead(path);
            if (stream.Length > MaxFile)
            {
                throw new EncryptionKeyException($"The key file {path} is too long to be a key.");
            }

            using var reader = new StreamReader(stream, Encoding.ASCII);
            text = reader.ReadToEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new EncryptionKeyException(
                File.Exists(path)
                    ? $"The key file {path} cannot be read."
                    : $"There is no key file {path}.",
                exception);
        }

        return Parse(text, $"The key file {path}");
    }

    /// <summary>Reads the keys of an environment variable, at least one.</summary>
    /// <exception cref="EncryptionKeyException">It is not set or holds something that is no key.</exception>
    public static IReadOnlyList<byte[]> FromEnvironment(string variable = DefaultVariable)
    {
        var text = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new EncryptionKeyException($"There is no number key: the environment variable {variable} is not set, and no key file is named.");
        }

        return Parse(text, $"The environment variable {variable}");
    }

    private static List<byte[]> Parse(string text, string name)
    {
        var keys = new List<byte[]>();
        foreach (var line in text.Split([' ', '\t', '\r', '\n', ','], StringSplitOptions.RemoveEmptyEntries))
        {
            if (keys.Count == MaxKeys)
            {
                throw new EncryptionKeyException($"{name} holds more than {MaxKeys} keys.");
            }

            if (!TryParse(line, out var key))
            {
                throw new EncryptionKeyException(keys.Count == 0 ? $"{name} holds no key: {Form}" : $"{name}, line {keys.Count + 1} is no key: {Form}");
            }

            keys.Add(key);
        }

        return keys.Count > 0 ? keys : throw new EncryptionKeyException($"{name} holds no key: {Form}");
    }

    private static void Write(string path, string text, UnixFileMode mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = mode;
        }

        using var stream = new FileStream(path, options);
        stream.Write(Encoding.ASCII.GetBytes(text));
        stream.Flush(flushToDisk: true);
    }

    private static string Form => $"expected {NumberCipher.KeySize} bytes as hexadecimal digits or base64.";

    /// <summary>Reads a key as text; white space around it does not count.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out byte[] key)
    {
        text = text.Trim();
        key = new byte[NumberCipher.KeySize];
        if (text.Length == 2 * NumberCipher.KeySize)
        {
            return Convert.FromHexString(text, key, out _, out var hexBytes) == System.Buffers.OperationStatus.Done
                && hexBytes == NumberCipher.KeySize;
        }

        return text.Length == Base64.GetMaxEncodedToUtf8Length(NumberCipher.KeySize)
            && Convert.TryFromBase64Chars(text, key, out var bytes)
            && bytes == NumberCipher.KeySize;
    }
}
