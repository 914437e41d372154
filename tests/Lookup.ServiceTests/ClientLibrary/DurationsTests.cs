using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Lookup.Client;

namespace Lookup.ServiceTests.ClientLibrary;

/// <summary>Whatever length of time a service sends, the client neither throws nor waits for years.</summary>
public sealed class DurationsTests
{
    public static TheoryData<long, int, double?, double?> Lengths => new()
    {
        { 0, 0, 0, 0 },
        { 1, 500_000_000, 1.5, 1.5 },
        { -1, 0, 0, 0 },
        { 0, -1, 0, 0 },
        { 3_601, 0, 3_600, 3_601 },
        { Duration.MaxSeconds, 999_999_999, 3_600, 315_576_000_000.9999999 },
        { Duration.MinSeconds, 0, 0, 0 },
        { 1, -1, null, null },
        { long.MaxValue, int.MaxValue, null, null },
        { long.MinValue, int.MinValue, null, null },
    };

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Duration_AsSent_IsWithinBoundsOrNull(long seconds, int nanos, double? pause, double? age)
    {
        var sent = new Duration { Seconds = seconds, Nanos = nanos };
        Assert.Equal(pause, Durations.Pause(sent)?.TotalSeconds);
        Assert.Equal(age, Durations.Age(sent)?.TotalSeconds);
        var status = new Google.Rpc.Status { Code = (int)Code.Unavailable, Details = { Any.Pack(new RetryInfo { RetryDelay = sent }) } };
        Assert.Equal(pause, LookupException.From(status.ToRpcException(), new Uri("http://127.0.0.1:1")).RetryAfter?.TotalSeconds);
    }

    [Fact]
    public void Duration_NotSent_IsNull()
    {
        Assert.Null(Durations.Pause(null));
        Assert.Null(Durations.Age(null));
        var status = new Google.Rpc.Status { Code = (int)Code.Unavailable, Details = { Any.Pack(new RetryInfo()) } };
        Assert.Null(LookupException.From(status.ToRpcException(), new Uri("http://127.0.0.1:1")).RetryAfter);
    }
}
