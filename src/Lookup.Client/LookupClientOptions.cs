namespace Lookup.Client;

/// <summary>How to reach the service.</summary>
public sealed record LookupClientOptions
{
    /// <summary>Address of the gRPC port: http:// for plain text, https:// for TLS.</summary>
    public required Uri Address { get; init; }

    /// <summary>How long a single call may take. Range: 1 ms to 10 minutes; default: 5 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long to try to reach the service. Range: 1 ms to 10 minutes; default: 5 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    internal void Validate()
    {
        if (!Address.IsAbsoluteUri || (Address.Scheme != Uri.UriSchemeHttp && Address.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"The address '{Address}' does not begin with http:// or https://.", nameof(Address));
        }

        Check(Timeout, nameof(Timeout));
        Check(ConnectTimeout, nameof(ConnectTimeout));
    }

    private static void Check(TimeSpan value, string name)
    {
        if (value < TimeSpan.FromMilliseconds(1) || value > TimeSpan.FromMinutes(10))
        {
            throw new ArgumentOutOfRangeException(name, value, "The range is 1 ms to 10 minutes.");
        }
    }
}
