using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lookup.Cli.Webhooks;

/// <summary>
/// Signs webhooks as Standard Webhooks 1.0.0 requires: HMAC-SHA256 of id, timestamp and body, with each secret. Two secrets let a receiver
/// change from one to the other.
/// </summary>
internal sealed class WebhookSigner
{
    private const string Prefix = "whsec_";
    private const int ShortestSecret = 24;
    private const int LongestSecret = 64;

    private readonly byte[][] _secrets;

    private WebhookSigner(byte[][] secrets) => _secrets = secrets;

    /// <summary>Reads secrets separated by white space.</summary>
    /// <param name="text">The secrets, each "whsec_" and base64.</param>
    /// <param name="source">Where they come from, for the error.</param>
    /// <exception cref="CliException">There is none, or one is not valid. The message does not contain it.</exception>
    public static WebhookSigner Parse(string text, string source)
    {
        var secrets = new List<byte[]>();
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            var secret = new byte[word.Length];
            if (!word.StartsWith(Prefix, StringComparison.Ordinal) || !Convert.TryFromBase64String(word[Prefix.Length..], secret, out var length)
                || length is < ShortestSecret or > LongestSecret)
            {
                throw CliException.Usage($"{source}: secret {secrets.Count + 1} is not {Prefix} and {ShortestSecret} to {LongestSecret} bytes in base64.");
            }

            secrets.Add(secret[..length]);
        }

        return secrets.Count > 0 ? new WebhookSigner([.. secrets]) : throw CliException.Usage($"{source} has no secret; write {Prefix} and {ShortestSecret} to {LongestSecret} random bytes in base64.");
    }

    /// <summary>Returns the value of the header webhook-signature.</summary>
    /// <param name="id">The value of the header webhook-id.</param>
    /// <param name="timestamp">The value of the header webhook-timestamp, in seconds since 1970.</param>
    /// <param name="body">The body as it is sent.</param>
    public string Sign(string id, long timestamp, ReadOnlySpan<byte> body)
    {
        byte[] content = [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.")), .. body];
        return string.Join(' ', _secrets.Select(secret => "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, content))));
    }
}
