using Google.Rpc;
using Grpc.Core;
using Lookup.Load.Commands;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Streams;

/// <summary>Opens more streams at a time than the service takes.</summary>
internal static class StreamFlood
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly ExpectedAnswer NoConsent = new(Verdict.Deny, ReasonCode.NoConsent);

    /// <summary>
    /// Opens them, sends a chunk on each that is taken, and keeps all open until each has its answer or its status. Returns how
    /// many were refused.
    /// </summary>
    /// <exception cref="TimeoutException">A stream got neither within 60 s.</exception>
    internal static async Task<int> RunAsync(TestBed bed, StreamSettings settings, int streams, Report report, CancellationToken ct)
    {
        using var channel = bed.Channel();
        var client = new LookupService.LookupServiceClient(channel);
        var driver = new StreamDriver(channel, settings.Window, settings.ChunkSize, NoConsent);
        var sources = StreamRates.Free(settings with { Streams = streams });
        var settled = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var refused = (await Task.WhenAll(sources.Select(OneAsync)).WaitAsync(Limit, ct)).Count(isRefused => isRefused);
        report.Wrong($"flood: {driver.FirstWrong}", driver.Wrong);
        if (refused == 0)
        {
            report.Wrong($"flood: the service took all of {streams} streams.");
        }

        return refused;

        async Task<bool> OneAsync(ChunkSource source)
        {
            using var call = client.CheckStream(cancellationToken: ct);
            var isRefused = false;
            try
            {
                await SendAsync(call, source);
                if (!await call.ResponseStream.MoveNext(ct))
                {
                    report.Wrong("flood: a stream ended without an answer.");
                }
                else
                {
                    driver.Look(call.ResponseStream.Current, 1);
                }
            }
            catch (RpcException e)
            {
                isRefused = true;
                Look(e, report);
            }
            finally
            {
                if (Interlocked.Increment(ref settled) == streams)
                {
                    all.SetResult();
                }
            }

            await all.Task.WaitAsync(ct);
            if (!isRefused)
            {
                await call.RequestStream.CompleteAsync();
            }

            return isRefused;
        }
    }

    private static async Task SendAsync(AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse> call, ChunkSource source)
    {
        try
        {
            await call.RequestStream.WriteAsync(new CheckStreamRequest { Open = StreamDriver.Open(TestBed.Organisation) });
            if ((await call.ResponseHeadersAsync).GetValue("lookup-taken") is not null)
            {
                await call.RequestStream.WriteAsync(source.Next(1)!);
            }
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException or HttpRequestException)
        {
            // A write on a call that has ended does not say why; reading does.
        }
    }

    private static void Look(RpcException refusal, Report report)
    {
        if (refusal.StatusCode != StatusCode.ResourceExhausted)
        {
            report.Wrong($"flood: a stream was refused with {refusal.StatusCode}: {refusal.Status.Detail}.");
        }
        else if (refusal.GetRpcStatus()?.GetDetail<RetryInfo>() is null)
        {
            report.Wrong("flood: a stream was refused without saying when to come again.");
        }
    }
}
