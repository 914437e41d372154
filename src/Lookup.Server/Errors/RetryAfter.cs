using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Microsoft.AspNetCore.Http;
using HttpResponse = Microsoft.AspNetCore.Http.HttpResponse;
using Rpc = Google.Rpc.Status;

namespace Lookup.Server.Errors;

/// <summary>Sets the header Retry-After, for HTTP clients that do not read google.rpc.RetryInfo.</summary>
internal static class RetryAfter
{
    private const int Default = 1;

    /// <summary>Sets the header if the response is a 429 or 503: whole seconds, rounded up, at least one.</summary>
    /// <param name="response">The response; its status is set.</param>
    /// <param name="error">The error; its RetryInfo gives the delay. One second if null or without RetryInfo.</param>
    internal static void Set(HttpResponse response, Rpc? error = null)
    {
        if (response.StatusCode is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            Set(response, error?.GetDetail<RetryInfo>()?.RetryDelay);
        }
    }

    /// <summary>Sets the header to a delay; one second if null.</summary>
    internal static void Set(HttpResponse response, Duration? delay)
    {
        var seconds = delay is null ? Default : Math.Max(Default, delay.Seconds + (delay.Nanos > 0 ? 1 : 0));
        response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
    }
}
