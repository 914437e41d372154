using System.Security.Cryptography;
using Lookup.Server.Receipts;

namespace Lookup.Cli.Hosting;

/// <summary>The receipt folder, and the file with the signing key.</summary>
internal sealed record ReceiptSettings(string Folder, string KeyFile);

/// <summary>An open receipt log with its signing key.</summary>
internal sealed class OpenReceipts : IDisposable
{
    private readonly ECDsa _key;

    private OpenReceipts(ReceiptLog log, ECDsa key) => (Log, _key) = (log, key);

    public ReceiptLog Log { get; }

    public static OpenReceipts Open(ReceiptSettings settings, TimeProvider clock)
    {
        var key = ReceiptKeyFile.LoadPrivate(settings.KeyFile);
        try
        {
            return new OpenReceipts(ReceiptLog.Open(Path.GetFullPath(settings.Folder), key, clock), key);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Log.Dispose();
        _key.Dispose();
    }
}
