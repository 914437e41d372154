using Grpc.Core;
using Lookup.Core.Trail;
using Lookup.Redis;
using Lookup.Redis.Trail;
using Lookup.Server.Errors;

namespace Lookup.Server.Trail;

/// <summary>Writes administrative acts to the trail: each before it takes effect, and then its result.</summary>
/// <param name="store">The trail.</param>
/// <param name="clock">Gives the time of entries.</param>
internal class TrailWriter(ITrailStore store, TimeProvider clock)
{
    /// <summary>The result of an act that succeeded.</summary>
    internal const string Done = "done";

    private const string Interrupted = "interrupted";

    /// <summary>The name of a person who acts on a store with the command-line tool.</summary>
    internal static string ToolUser { get; } = $"tool:{Environment.UserName}@{Environment.MachineName}";

    /// <summary>Writes an act, runs it, and writes its result.</summary>
    /// <param name="who">See <see cref="TrailEntry.Who"/>.</param>
    /// <param name="act">The act; null runs it without an entry.</param>
    /// <param name="run">Runs it.</param>
    /// <param name="result">Describes what it returned.</param>
    /// <param name="cancellation">Ends the wait for the first entry.</param>
    /// <exception cref="StoreUnavailableException">The act could not be written and was not run.</exception>
    internal async Task<T> RunAsync<T>(string who, TrailAct? act, Func<Task<T>> run, Func<T, string> result, CancellationToken cancellation)
    {
        if (act is null)
        {
            return await run();
        }

        var begun = await BeginAsync(who, act, cancellation);
        T done;
        try
        {
            done = await run();
        }
        catch (Exception e)
        {
            await EndAsync(begun, ResultOf(e));
            throw;
        }

        await EndAsync(begun, result(done));
        return done;
    }

    /// <summary>Writes an act. It must not take effect before this returns.</summary>
    /// <returns>For <see cref="EndAsync"/>.</returns>
    internal async Task<TrailEntry> BeginAsync(string who, TrailAct act, CancellationToken cancellation)
    {
        var entry = new TrailEntry { Time = clock.GetUtcNow(), Who = who, Kind = act.Kind, Act = act.Name, What = act.What };
        return entry with { Number = (await AppendAsync(entry, cancellation)).Number };
    }

    /// <summary>Writes an act that is done with its entry.</summary>
    internal Task NoteAsync(string who, TrailAct act, CancellationToken cancellation) =>
        AppendAsync(new TrailEntry { Time = clock.GetUtcNow(), Who = who, Kind = act.Kind, Act = act.Name, What = act.What, Result = Done }, cancellation);

    /// <summary>Writes the result of an act. A result that cannot be written does not undo the act; its entry stays without one.</summary>
    internal async Task EndAsync(TrailEntry begun, string result)
    {
        try
        {
            await AppendAsync(
                begun with { Time = clock.GetUtcNow(), What = "", Of = begun.Number, Result = result, Number = 0 }, CancellationToken.None);
        }
        catch (Exception e) when (e is StoreUnavailableException or ReceiptsUnavailableException)
        {
            ReportLost(begun, e);
        }
    }

    /// <summary>Describes why an act failed, without texts that may quote the request.</summary>
    internal static string ResultOf(Exception exception) => exception switch
    {
        RpcException { StatusCode: StatusCode.Cancelled } => Interrupted,
        RpcException e when e.GetRpcStatus()?.GetDetail<Google.Rpc.ErrorInfo>() is { } info => $"refused: {e.StatusCode} {info.Reason}",
        RpcException e => $"refused: {e.StatusCode}",
        OperationCanceledException => Interrupted,
        StoreUnavailableException or ReceiptsUnavailableException => "failed: " + nameof(StatusCode.Unavailable),
        _ => "failed: " + exception.GetType().Name,
    };

    /// <summary>Appends an entry.</summary>
    protected virtual Task<AppendedEntry> AppendAsync(TrailEntry entry, CancellationToken cancellation) => store.AppendAsync(entry, cancellation);

    /// <summary>Reports that a result was not written.</summary>
    protected virtual void ReportLost(TrailEntry begun, Exception why)
    {
    }
}
