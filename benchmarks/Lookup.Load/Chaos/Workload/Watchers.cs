using Grpc.Core;
using Lookup.Load.Chaos.History;
using Lookup.Load.Processes;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.Load.Chaos.Workload;

/// <summary>Consumers of Watch, which resume where a stream broke, and begin anew where they are told that they lost continuity.</summary>
internal sealed class Watchers(HistoryLog log, Subject subject, Instance[] instances, int seed)
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromSeconds(20);

    /// <summary>False once an instance said that it has no Watch.</summary>
    internal bool Implemented { get; private set; } = true;

    /// <summary>Watches until it is cancelled, then until everything that was acknowledged has been told.</summary>
    /// <param name="consumer">Its number, from 1 on.</param>
    /// <param name="slow">It takes its time over each message, so that it is cut now and then.</param>
    /// <param name="ct">No more is written.</param>
    internal async Task RunAsync(int consumer, bool slow, CancellationToken ct)
    {
        var random = new Random(HashCode.Combine(seed, 3_000 + consumer));
        var position = new Position();
        using var end = new CancellationTokenSource();
        using var over = ct.Register(() => end.CancelAfter(CatchUpLimit));
        while (Implemented && !end.IsCancellationRequested && !(ct.IsCancellationRequested && Covers(position.Token)))
        {
            try
            {
                var request = new WatchRequest { Organisations = { TestBed.Organisation }, ResumeToken = position.Token };
                using var call = new WatchService.WatchServiceClient(instances[random.Next(instances.Length)].Channel).Watch(request, cancellationToken: end.Token);
                while (await call.ResponseStream.MoveNext(end.Token))
                {
                    Take(consumer, position, call.ResponseStream.Current);
                    if (ct.IsCancellationRequested && Covers(position.Token))
                    {
                        break;
                    }

                    if (slow && !ct.IsCancellationRequested)
                    {
                        await Task.Delay(random.Next(200), CancellationToken.None);
                    }
                    // A consumer that is restarted resumes as well.
                    if (random.Next(400) == 0)
                    {
                        break;
                    }
                }
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
            {
                Implemented = false;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
            {
                End(consumer, position, e.Status.Detail);
                await Task.Delay(Again, CancellationToken.None);
            }
            catch (RpcException)
            {
                await Task.Delay(Again, CancellationToken.None);
            }
        }

        if (position.Token.Length > 0)
        {
            End(consumer, position, null, Covers(position.Token) ? null : subject.VersionsOf(position.Token));
        }
    }

    private void Take(int consumer, Position position, WatchResponse told)
    {
        if (position.Token.Length == 0)
        {
            log.Add(new HistoryEvent { Event = EventKind.Watching, Consumer = consumer, At = log.Now });
        }

        if (told.EventCase == WatchResponse.EventOneofCase.Change
            && subject.Find(told.Change.Number) is >= 0 and var number)
        {
            var seen = new HistoryEvent { Event = EventKind.Watched, Consumer = consumer, Number = number, At = log.Now, Version = subject.VersionOf(number, told.ResumeToken) };
            foreach (var fact in told.Change.OtherVersions.Append(told.Change.Fact))
            {
                if (fact is not null && Subject.Told(fact.Fact) is { } change)
                {
                    log.Add(seen with { Write = change.Write, All = change.All, Effective = change.Effective });
                }
            }
        }

        if (told.ResumeToken.Length > 0)
        {
            position.Token = told.ResumeToken;
        }
    }

    private void End(int consumer, Position position, string? why, ulong[]? reached = null)
    {
        log.Add(new HistoryEvent { Event = EventKind.WatchEnded, Consumer = consumer, At = log.Now, Text = why, Reached = reached });
        position.Token = "";
    }

    private bool Covers(string token)
    {
        if (token.Length == 0 || !ConsistencyToken.TryParse(token, out var read, out _))
        {
            return false;
        }

        var versions = subject.Versions();
        return Enumerable.Range(0, versions.Length).All(partition => read.VersionOf(partition) >= versions[partition]);
    }

    private sealed class Position
    {
        internal string Token { get; set; } = "";
    }
}
