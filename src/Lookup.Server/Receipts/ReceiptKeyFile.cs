using System.Security.Cryptography;
using System.Text;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>Reads and creates receipt keys: ECDSA P-256 as PEM files, the private one readable by its owner.</summary>
public static class ReceiptKeyFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // As for the encryption key, the group may read it.
    private const UnixFileMode Allowed = OwnerOnly | UnixFileMode.UserExecute | UnixFileMode.GroupRead;
    private const UnixFileMode Everybody = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Creates a key pair: the private key at the path, the public key at the path with ".pub" appended.</summary>
    /// <returns>Path of the public key.</returns>
    /// <exception cref="ReceiptException">One of the files exists or cannot be written.</exception>
    public static string Create(string path)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var publicPath = path + ".pub";
        Write(publicPath, key.ExportSubjectPublicKeyInfoPem(), Everybody);
        Write(path, key.ExportPkcs8PrivateKeyPem(), OwnerOnly);
        return publicPath;
    }

    /// <summary>Reads a private key.</summary>
    /// <exception cref="ReceiptException">The file cannot be read, is not a key, or is accessible to others than owner and group.</exception>
    public static ECDsa LoadPrivate(string path)
    {
        if (!OperatingSystem.IsWindows() && File.Exists(path) && (File.GetUnixFileMode(path) & ~Allowed) != 0)
        {
            throw new ReceiptException($"Others can access the receipt key {path}; run: chmod 600 {path}");
        }

        return Load(path, isPrivate: true);
    }

    /// <summary>Reads a public key.</summary>
    /// <exception cref="ReceiptException">The file cannot be read or is not a key.</exception>
    public static ECDsa LoadPublic(string path) => Load(path, isPrivate: false);

    private static ECDsa Load(string path, bool isPrivate)
    {
        var key = ECDsa.Create();
        try
        {
            var text = File.ReadAllText(path);
            if (text.Contains("PRIVATE KEY", StringComparison.Ordinal) != isPrivate)
            {
                throw new ReceiptException($"{path}: must be a {(isPrivate ? "private" : "public")} key.");
            }

            key.ImportFromPem(text);
            return key.ExportParameters(false).Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value
                ? key
                : throw new ReceiptException($"{path}: must be a key on the curve P-256.");
        }
        catch (Exception e)
        {
            key.Dispose();
            throw e switch
            {
                ReceiptException => e,
                ArgumentException or CryptographicException => new ReceiptException($"{path}: not a key in PEM format.", e),
                IOException or UnauthorizedAccessException => new ReceiptException($"{path} cannot be read: {e.Message}", e),
                _ => e,
            };
        }
    }

    private static void Write(string path, string text, UnixFileMode mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = mode;
        }

        try
        {
            using var stream = new FileStream(path, options);
            stream.Write(Encoding.ASCII.GetBytes(text + "\n"));
            stream.Flush(flushToDisk: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ReceiptException(File.Exists(path) ? $"{path} exists; a key is never replaced. Choose another path." : $"{path} cannot be written: {e.Message}", e);
        }
    }
}
