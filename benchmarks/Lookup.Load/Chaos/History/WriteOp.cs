namespace Lookup.Load.Chaos.History;

/// <summary>One write of a history, with all its attempts.</summary>
/// <param name="Begun">The event of its begin.</param>
internal sealed record WriteOp(HistoryEvent Begun)
{
    private readonly List<Acknowledged> _acks = [];

    internal long Id => Begun.Id;

    internal WriteKind Kind => Begun.Write;

    internal bool All => Begun.All;

    internal long Effective => Begun.Effective;

    internal long Until => Begun.Until;

    /// <summary>Before it the write cannot count.</summary>
    internal long Start => Begun.At;

    /// <summary>An attempt ended without an answer: it may come into effect at any later time.</summary>
    internal bool Late { get; private set; }

    internal bool Refused { get; private set; }

    internal IReadOnlyList<Acknowledged> Acks => _acks;

    /// <summary>It is acknowledged and nothing took that back.</summary>
    internal bool Stands => _acks.Count > 0 && _acks[^1].To == long.MaxValue;

    /// <summary>It may come into effect after this time.</summary>
    internal bool MayCountAfter(long time) => !Refused && (Late || _acks.Count == 0 || _acks[^1].From > time);

    internal void Take(HistoryEvent told)
    {
        switch (told.Event)
        {
            case EventKind.Ack:
                _acks.Add(new Acknowledged(told.At, long.MaxValue, told.Version, told.Instance, told.Unchanged));
                break;
            case EventKind.Failed:
                Late = true;
                break;
            case EventKind.Refused:
                Refused = true;
                break;
            case EventKind.Lost when _acks.Count > 0 && _acks[^1].From > told.Start:
                _acks[^1] = _acks[^1] with { To = told.At };
                break;
            default:
                break;
        }
    }
}

/// <summary>From when to when a write was acknowledged, in microseconds of the run.</summary>
/// <param name="From">The acknowledgement came.</param>
/// <param name="To">An operator put an older copy in place of the store; at most long.MaxValue.</param>
/// <param name="Version">Version of the partition with it.</param>
/// <param name="Instance">Which instance acknowledged it.</param>
/// <param name="Unchanged">It was known already.</param>
internal readonly record struct Acknowledged(long From, long To, ulong Version, int Instance, bool Unchanged);

/// <summary>The writes of a history by number.</summary>
internal sealed class Writes
{
    private readonly Dictionary<int, List<WriteOp>> _byNumber = [];

    /// <exception cref="InvalidDataException">The history speaks of a write that never began.</exception>
    internal Writes(IEnumerable<HistoryEvent> history)
    {
        var byId = new Dictionary<long, WriteOp>();
        foreach (var told in history)
        {
            switch (told.Event)
            {
                case EventKind.Write:
                    var op = new WriteOp(told);
                    byId.Add(told.Id, op);
                    if (!_byNumber.TryGetValue(told.Number, out var ops))
                    {
                        _byNumber.Add(told.Number, ops = []);
                    }

                    ops.Add(op);
                    break;
                case EventKind.Ack or EventKind.Failed or EventKind.Refused:
                    if (!byId.TryGetValue(told.Id, out var known))
                    {
                        throw new InvalidDataException($"The history acknowledges write {told.Id}, which never began.");
                    }

                    known.Take(told);
                    break;
                case EventKind.Lost:
                    foreach (var any in byId.Values)
                    {
                        any.Take(told);
                    }

                    break;
                default:
                    break;
            }
        }
    }

    internal IEnumerable<int> Numbers => _byNumber.Keys;

    internal IReadOnlyList<WriteOp> Of(int number) => _byNumber.TryGetValue(number, out var ops) ? ops : [];
}
