using System.Security.Cryptography;
using Lookup.Core.Receipts;

namespace Lookup.Server.Receipts;

/// <summary>Keys for receipts: ECDSA P-256 as PEM files, the private one for its owner alone.</summary>
public static class ReceiptKeyFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // As of the number key: a group may read it.
    private const UnixFileMode Allowed = OwnerOnly | UnixFileMode.UserExecute | UnixFileMode.GroupRead;
    private const UnixFileMode Everybody = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Makes a key: the private one at the path, the public one beside it with ".pub" behind its name.</summary>
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
    /// <exception cref="ReceiptException">It cannot be read, is none, or others than its owner and its group can read it.</exception>
    public static ECDsa LoadPrivate(string path)
    {
        if (!OperatingSystem.IsWindows() && File.Exists(path) && (File.GetUnixFileMode(path) & ~Allowed) != 0)
        {
            throw new ReceiptException($"Others can access the receipt key {path}; run: chmod 600 {path}");
        }

        return Load(path, isPrivate: true);
    }

    /// <summary>Reads a public key.</summary>
    /// <exception cref="ReceiptException">It cannot be read, or is none.</exception>
    public static ECDsa LoadPublic(string path) => Load(path, isPrivate: false);

    private static ECDsa Load(string path, bool isPrivate)
    {
        var key = ECDsa.Create();
        try
        {
            var text = File.ReadAllText(path);
            if (text.Contains("PRIVATE KEY", StringComparison.Ordinal) != isPrivate)
            {
                throw new ReceiptException($"{path}: a {(isPrivate ? "private" : "public")} key is expected.");
            }

            key.ImportFromPem(text);
            return key.ExportParameters(false).Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value
                ? key
                : throw new ReceiptException($"{path}: the key is not of the curve P-256.");
        }
        catch (Exception e)
        {
            key.Dispose();
            throw e switch
            {
                ReceiptException => e,
                ArgumentException or CryptographicException => new ReceiptException($"{path}: this is no key in PEM.", e),
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
            using var writer = new StreamWriter(path, options);
            writer.WriteLine(text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ReceiptException(File.Exists(path) ? $"{path} exists already; a key is never replaced." : $"{path} cannot be written: {e.Message}", e);
        }
    }
}
