using Lookup.Load.Chaos.History;

namespace Lookup.Tests.Load;

/// <summary>A history made by hand, about number 7. Times in milliseconds, which are also the times of effect unless said otherwise.</summary>
internal sealed class HandMade
{
    internal const int Number = 7;

    private readonly List<HistoryEvent> _events = [];

    internal IReadOnlyList<HistoryEvent> Events => _events;

    /// <summary>The end of a run, at which the number was listed.</summary>
    internal IEnumerable<HistoryEvent> Listing => [new HistoryEvent { Event = EventKind.Listed, Number = Number, At = 1_000_000_000 }];

    internal HandMade Write(
        int id, WriteKind kind, int from, int to, int number = Number, bool all = false, int? effective = null, int until = 0, int version = 0, int instance = 0) =>
        Begin(id, kind, from, number, all, effective, until).Ack(id, to, version, instance);

    internal HandMade Begin(int id, WriteKind kind, int at, int number = Number, bool all = false, int? effective = null, int until = 0) => Add(new HistoryEvent
    {
        Event = EventKind.Write,
        Id = id,
        At = at * 1_000,
        Number = number,
        Write = kind,
        All = all,
        Effective = effective ?? at,
        Until = until,
    });

    internal HandMade Ack(int id, int at, int version = 0, int instance = 0, bool unchanged = false) =>
        Add(new HistoryEvent { Event = EventKind.Ack, Id = id, At = at * 1_000, Version = (ulong)version, Instance = instance, Unchanged = unchanged });

    internal HandMade Fail(int id, int at) => Add(new HistoryEvent { Event = EventKind.Failed, Id = id, At = at * 1_000 });

    internal HandMade Refuse(int id, int at) => Add(new HistoryEvent { Event = EventKind.Refused, Id = id, At = at * 1_000 });

    internal HandMade Lose(int since, int at) => Add(new HistoryEvent { Event = EventKind.Lost, Start = since * 1_000, At = at * 1_000 });

    internal HandMade List(int at) => Add(new HistoryEvent { Event = EventKind.Listed, Number = Number, At = at * 1_000 });

    internal HandMade Find(WriteKind kind, int effective, int at, bool all = false) =>
        Add(new HistoryEvent { Event = EventKind.Found, Number = Number, Write = kind, All = all, Effective = effective, At = at * 1_000 });

    internal HandMade Watching(int consumer, int at) => Add(new HistoryEvent { Event = EventKind.Watching, Consumer = consumer, At = at * 1_000 });

    internal HandMade Watched(int consumer, WriteKind kind, int effective, int at, bool all = false) => Add(new HistoryEvent
    {
        Event = EventKind.Watched,
        Consumer = consumer,
        Number = Number,
        Write = kind,
        All = all,
        Effective = effective,
        At = at * 1_000,
    });

    internal HandMade WatchEnded(int consumer, int at, string? why = null, int? reached = null) => Add(new HistoryEvent
    {
        Event = EventKind.WatchEnded,
        Consumer = consumer,
        At = at * 1_000,
        Text = why,
        Reached = reached is { } version ? [.. Enumerable.Repeat((ulong)version, Number + 1)] : null,
    });

    internal HistoryEvent Check(int start, int end, ReadMode mode = ReadMode.Bounded, int version = 0, int instance = 1, bool optOut = false) => new()
    {
        Event = EventKind.Check,
        Number = Number,
        Start = start * 1_000,
        At = end * 1_000,
        Wall = start,
        OptOut = optOut,
        Mode = mode,
        Version = (ulong)version,
        Instance = instance,
        Answer = Lookup.Load.Chaos.Checking.HistoryChecker.Allow,
    };

    private HandMade Add(HistoryEvent told)
    {
        _events.Add(told);
        return this;
    }
}
