using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Core.Numbers;

/// <summary>A secret key is missing, malformed or kept where others can read it. The message never shows it.</summary>
public sealed class NumberKeyException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Keeps the secret key of <see cref="NumberCipher"/>: 32 bytes as 64 hexadecimal digits or as base64, in a file that
/// only its owner, and at most a group, can read or in an environment variable. Whoever loses it loses every stored fact; whoever else has
/// it can list the stored numbers.
/// </summary>
public static class NumberKeyFile
{
    /// <summary>The environment variable that is read unless another is named.</summary>
    public const string DefaultVariable = "LOOKUP_NUMBER_KEY";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // A group may read it: service managers and Kubernetes hand out secrets as files of root that a group can read.
    private const UnixFileMode Others =
        UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    // Hex with spaces around it is the longest form; a file beyond this is not a key.
    private const int MaxFile = 1024;

    /// <summary>Makes a new key and writes it to a new file with permissions 0600.</summary>
    /// <returns>The key.</returns>
    /// <exception cref="NumberKeyException">The file exists or cannot be written.</exception>
    public static byte[] Create(string path)
    {
        var key = RandomNumberGenerator.GetBytes(NumberCipher.KeySize);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        try
        {
            using var stream = new FileStream(path, options);
            stream.Write(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(key) + "\n"));
            stream.Flush(flushToDisk: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new NumberKeyException(
                File.Exists(path)
                    ? $"The key file {path} exists already; a key is never replaced."
                    : $"The key file {path} cannot be written.",
                exception);
        }

        return key;
    }

    /// <summary>Reads a key from a file.</summary>
    /// <exception cref="NumberKeyException">
    /// It cannot be read, others than its owner and its group's readers have access to it, or it holds no key.
    /// </exception>
    public static byte[] Load(string path)
    {
        string text;
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0)
                throw new NumberKeyException($"Others can access the key file {path}; run: chmod 600 {path}");
            using var stream = File.OpenRead(path);
            if (stream.Length > MaxFile)
                throw new NumberKeyException($"The key file {path} is too long to be a key.");
            using var reader = new StreamReader(stream, Encoding.ASCII);
            text = reader.ReadToEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new NumberKeyException(
                File.Exists(path)
                    ? $"The key file {path} cannot be read."
                    : $"There is no key file {path}.",
                exception);
        }

        return TryParse(text, out var key)
            ? key
            : throw new NumberKeyException($"The key file {path} holds no key: {Form}");
    }

    /// <summary>Reads a key from an environment variable.</summary>
    /// <exception cref="NumberKeyException">It is not set or holds no key.</exception>
    public static byte[] FromEnvironment(string variable = DefaultVariable)
    {
        var text = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrWhiteSpace(text))
            throw new NumberKeyException($"There is no number key: the environment variable {variable} is not set, and no key file is named.");
        return TryParse(text, out var key)
            ? key
            : throw new NumberKeyException($"The environment variable {variable} holds no key: {Form}");
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
