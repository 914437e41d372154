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

    /// <summary>
    /// How long a stream tries to go on after its connection broke, counted from the break and without any answer since.
    /// Range: 0 (a break ends the stream) to 1 day; default: 30 s.
    /// </summary>
    public TimeSpan StreamRetryLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the service may owe an answer on a stream before the connection counts as broken. Range: 1 ms to 10 minutes;
    /// default: 30 s.
    /// </summary>
    public TimeSpan StreamAnswerTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock; replaced in tests only.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        if (!Address.IsAbsoluteUri || (Address.Scheme != Uri.UriSchemeHttp && Address.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"The address '{Address}' does not begin with http:// or https://.", nameof(Address));
        }

        Check(Timeout, nameof(Timeout));
        Check(ConnectTimeout, nameof(ConnectTimeout));
        Check(StreamAnswerTimeout, nameof(StreamAnswerTimeout));
        if (StreamRetryLimit < TimeSpan.Zero || StreamRetryLimit > TimeSpan.FromDays(1))
        {
            throw new ArgumentOutOfRangeException(nameof(StreamRetryLimit), StreamRetryLimit, "The range is 0 to 1 day.");
        }
    }

    private static void Check(TimeSpan value, string name)
    {
        if (value < TimeSpan.FromMilliseconds(1) || value > TimeSpan.FromMinutes(10))
        {
            throw new ArgumentOutOfRangeException(name, value, "The range is 1 ms to 10 minutes.");
        }
    }
}
