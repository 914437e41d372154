// For: pushing a stream of changes over HTTP, at least once and in order per number, faster than one answer after the other.
//
// Each change joins one of several lanes, chosen by its number; a lane sends one change at a time and retries it until the receiver
// accepts it. So the changes of a number stay in order while those of other numbers pass. The position moves past a change when the
// receiver has accepted it and all before it: after a crash, what was accepted behind a gap is sent again, and nothing is skipped.
//
// A change that the receiver never accepts therefore holds the position. The changes in memory are limited, so in the end it holds the
// stream too; the service then closes it, and the client resumes where it stopped.
using System.Threading.Channels;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Webhooks;

/// <summary>Pushes the changes of a watch.</summary>
internal sealed class WebhookRun : IDisposable
{
    /// <summary>Changes in memory that the position has not passed.</summary>
    internal const int Window = 1_024;

    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    // Time for a running attempt to end when the tool is stopped; less than a service manager waits.
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);

    private readonly WebhookSender _sender;
    private readonly WebhookPosition _position;
    private readonly WebhookTally _tally;
    private readonly TimeProvider _clock;
    private readonly Channel<Entry>[] _lanes;
    private readonly SemaphoreSlim _room = new(Window);
    private readonly Lock _lock = new();
    private readonly Queue<Entry> _entries = [];
    private Entry? _last;
    private string _token;

    public WebhookRun(WebhookSender sender, WebhookPosition position, WebhookTally tally, int lanes, TimeProvider clock)
    {
        (_sender, _position, _tally, _clock, _token) = (sender, position, tally, clock, position.Token);
        _lanes = [.. Enumerable.Range(0, lanes).Select(_ => Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true }))];
    }

    /// <summary>Pushes until it is cancelled or cannot continue. The position is saved at the end.</summary>
    /// <param name="events">The watch, which resumes from the position.</param>
    /// <param name="ct">Ends the run, after running attempts.</param>
    public async Task RunAsync(Func<CancellationToken, IAsyncEnumerable<WatchEvent>> events, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var abort = new CancellationTokenSource();
        Task[] tasks = [ReadAsync(events, stop.Token), SaveAsync(stop.Token), .. _lanes.Select(lane => PushAsync(lane.Reader, stop.Token, abort.Token))];
        await Task.WhenAny(tasks);
        await stop.CancelAsync();
        abort.CancelAfter(StopLimit);
        await Task.WhenAll(tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _position.Save(Token());
        await (Array.Find(tasks, task => task.IsFaulted) ?? Task.CompletedTask);
        ct.ThrowIfCancellationRequested();
    }

    public void Dispose() => _room.Dispose();

    private async Task ReadAsync(Func<CancellationToken, IAsyncEnumerable<WatchEvent>> events, CancellationToken stop)
    {
        bool? connected = null;
        await foreach (var received in events(stop))
        {
            if (received.Failure is { } failure)
            {
                if (connected != false)
                {
                    _tally.Note($"{failure.Message.TrimEnd('.')}. Retrying until it answers.");
                }

                connected = false;
                continue;
            }

            if (_position.Token.Length == 0)
            {
                // Before the first change is pushed: a crash must not lose where this watch began.
                _position.Save(received.ResumeToken);
            }

            if (connected != true)
            {
                _tally.Note("Watching.");
                connected = true;
            }

            if (received.Change is { } change)
            {
                await AddAsync(change, received.ResumeToken, stop);
            }
            else
            {
                Advance(received.ResumeToken);
            }
        }
    }

    private async Task AddAsync(Change change, string token, CancellationToken stop)
    {
        if (change.Id.Length == 0)
        {
            throw new CliException("The service is too old for --webhook: its changes have no id. Upgrade it first.");
        }

        await _room.WaitAsync(stop);
        var entry = new Entry(WebhookMessage.From(change), token);
        lock (_lock)
        {
            _entries.Enqueue(entry);
            _last = entry;
        }

        _tally.AddWaiting();
        _lanes[(uint)change.Number.GetHashCode(StringComparison.Ordinal) % (uint)_lanes.Length].Writer.TryWrite(entry);
    }

    private async Task PushAsync(ChannelReader<Entry> lane, CancellationToken stop, CancellationToken abort)
    {
        await foreach (var entry in lane.ReadAllAsync(stop))
        {
            await _sender.SendAsync(entry.Message, stop, abort);
            lock (_lock)
            {
                entry.IsAccepted = true;
                while (_entries.TryPeek(out var first) && first.IsAccepted)
                {
                    _token = first.Token;
                    _entries.Dequeue();
                    _room.Release();
                }
            }
        }
    }

    private async Task SaveAsync(CancellationToken stop)
    {
        while (true)
        {
            await Task.Delay(SaveInterval, _clock, stop);
            if (Token() is { Length: > 0 } token)
            {
                _position.Save(token);
            }
        }
    }

    // A heartbeat moves the position past changes that concern other organisations.
    private void Advance(string token)
    {
        lock (_lock)
        {
            if (_entries.Count == 0)
            {
                _token = token;
            }
            else
            {
                _last!.Token = token;
            }
        }
    }

    private string Token()
    {
        lock (_lock)
        {
            return _token;
        }
    }

    private sealed class Entry(WebhookMessage message, string token)
    {
        public WebhookMessage Message { get; } = message;

        /// <summary>Where the watch resumes after this change.</summary>
        public string Token { get; set; } = token;

        public bool IsAccepted { get; set; }
    }
}
