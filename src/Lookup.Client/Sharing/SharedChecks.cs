// For: many checks under way for the price of few calls.
//
// A gRPC call costs far more than a decision. While checks with the same question are under way, their numbers gather and go out as the
// next chunk of one CheckStream. A check that is alone goes out at once, in a call of its own, so sharing never delays it.
//
// No check waits for a stream: while none is open, checks go alone, and one is opened meanwhile. So a service that rejects the stream, or
// is older than it, costs no check. A shared answer is the answer of Check: the service sends whole decisions (open.decisions). What a
// chunk cannot answer as Check does, such as an invalid number or a store that is down, is asked again alone, within the same deadline.
// So is every check of a stream that the service ended in order. A connection that breaks fails the checks that were sent on it, as it
// fails unary ones.
using Grpc.Core;
using Lookup.V1;

namespace Lookup.Client.Sharing;

/// <summary>Finds the lane of a check: those with the same question share calls.</summary>
internal sealed class SharedChecks(ChannelPool channels, LookupClientOptions options) : IDisposable
{
    /// <summary>Questions that share calls at the same time. Checks with further ones go alone.</summary>
    internal const int MaxLanes = 16;

    private readonly Lock _gate = new();
    private SharedLane[] _lanes = [];
    private bool _disposed;

    /// <summary>Returns the lane of a check.</summary>
    /// <returns>Null if the check cannot share a call: its answer would not be that of Check.</returns>
    public SharedLane? Find(string number, Question question, CheckOptions asked, CancellationToken cancellation)
    {
        if (asked is not { Consistency: null, WhatIf: null, Reserve: null } || cancellation.IsCancellationRequested || !E164.TryParse(number, out _))
        {
            return null;
        }

        foreach (var lane in _lanes)
        {
            // By value: the caller may change a question between checks.
            if (lane.Fits(question, asked))
            {
                return lane;
            }
        }

        return Add(question, asked);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Array.ForEach(_lanes, static lane => lane.Dispose());
        }
    }

    private SharedLane? Add(Question question, CheckOptions asked)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return null;
            }

            var known = Array.Find(_lanes, lane => lane.Fits(question, asked));
            if (known is not null)
            {
                return known;
            }

            var open = new CheckStreamOpen
            {
                Question = question.Clone(),
                DefaultRegion = asked.DefaultRegion,
                AllReasons = asked.AllReasons,
                Decisions = true,
            };
            var added = new SharedLane(open, OpenStream, options);
            if (_lanes.Length < MaxLanes)
            {
                _lanes = [.. _lanes, added];
                return added;
            }

            // A lane without a stream can be made again.
            var idle = Array.FindIndex(_lanes, static lane => lane.IsIdle);
            if (idle < 0)
            {
                return null;
            }

            _lanes = [.. _lanes[..idle], .. _lanes[(idle + 1)..], added];
            return added;
        }
    }

    // Rotates over the channels of single checks: another list does not fill their flow-control windows.
    private AsyncDuplexStreamingCall<CheckStreamRequest, CheckStreamResponse> OpenStream(CancellationToken cancellation) =>
        new LookupService.LookupServiceClient(channels[channels.Next()]).CheckStream(cancellationToken: cancellation);
}
