using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Numbers;

/// <summary>An encryption key is missing, malformed, or in a file that others can access. The message never contains it.</summary>
public sealed class EncryptionKeyException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Stores the encryption keys of <see cref="NumberCipher"/>: each 32 bytes as 64 hexadecimal digits or base64, one per line, in an
/// environment variable or in a file that only its owner, and at most a group, can read. Usually there is one key; during a key rotation
/// there are two, the new one last. Losing the keys makes every stored fact unreadable; anyone who obtains one can list the numbers
/// stored under it.
/// </summary>
public static class EncryptionKeyFile
{
    /// <summary>The environment variable to read unless another is named.</summary>
    public const string DefaultVariable = "LOOKUP_NUMBER_KEY";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // A group may read the file: service managers and Kubernetes mount secrets as files of root that a group can read.
    private const UnixFileMode Others =
        UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>The most keys in a file or variable.</summary>
    public const int MaxKeys = 16;

    // Hexadecimal digits with spaces around them are the longest form; a longer file does not hold keys.
    private const int MaxFile = 2048;

    /// <summary>Generates a key and writes it to a new file with permissions 0600.</summary>
    /// <returns>The key.</returns>
    /// <exception cref="EncryptionKeyException">The file exists or cannot be written.</exception>
    public static byte[] Create(string path)
    {
        var key = RandomNumberGenerator.GetBytes(NumberCipher.KeySize);
        // Written under a temporary name first: a partial file would be taken for an existing key.
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
                    ? $"The key file {path} already exists; an encryption key is never overwritten."
                    : $"The key file {path} cannot be written: {exception.Message}",
                exception);
        }

        return key;
    }

    /// <summary>Generates a key and appends it to a file atomically.</summary>
    /// <returns>All keys of the file.</returns>
    /// <exception cref="EncryptionKeyException">The file cannot be read or written, or is full.</exception>
    public static IReadOnlyList<byte[]> Add(string path)
    {
        var keys = Load(path);
        if (keys.Count == MaxKeys)
        {
            throw new EncryptionKeyException($"The key file {path} already has {MaxKeys} keys; remove the lines of keys that are no longer used.");
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
    /// It cannot be read, users other than its owner and readers in its group have access to it, or a line is not a key.
    /// </exception>
    public static IReadOnlyList<byte[]> Load(string path)
    {
        string text;
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0)
            {
                throw new EncryptionKeyException($"Other users can access the key file {path}; run: chmod 600 {path}");
            }

            using var stream = File.OpenRead(path);
            if (stream.Length > MaxFile)
            {
                throw new EncryptionKeyException($"The file {path} is too long for a key file.");
            }

            using var reader = new StreamReader(stream, Encoding.ASCII);
            text = reader.ReadToEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new EncryptionKeyException(
                File.Exists(path)
                    ? $"The key file {path} cannot be read."
                    : $"The key file {path} does not exist.",
                exception);
        }

        return Parse(text, $"The key file {path}");
    }

    /// <summary>Reads the keys of an environment variable, at least one.</summary>
    /// <exception cref="EncryptionKeyException">It is not set, or a line is not a key.</exception>
    public static IReadOnlyList<byte[]> FromEnvironment(string variable = DefaultVariable)
    {
        var text = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new EncryptionKeyException($"No encryption key: the environment variable {variable} is not set, and no key file is named.");
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
                throw new EncryptionKeyException(keys.Count == 0 ? $"{name} holds no key: {Form}" : $"{name}, line {keys.Count + 1} is not a key: {Form}");
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

    /// <summary>Parses a key; white space around it is ignored.</summary>
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
