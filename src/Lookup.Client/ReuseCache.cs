using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// Caches answers for as long as the service lets them be reused. Bounded: the oldest are dropped first. Thread-safe.
/// </summary>
internal sealed class ReuseCache(int limit)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Key, CheckResult> _answers = [];
    private readonly Dictionary<string, List<Key>> _byNumber = [];
    private readonly Queue<Key> _age = [];
    private long _forgotten;

    /// <summary>The same question about the same number.</summary>
    internal readonly record struct Key(string Number, string Region, Question Question, bool AllReasons);

    /// <summary>Read before the request and passed to <see cref="Add"/> with its answer.</summary>
    public long Ticket => Interlocked.Read(ref _forgotten);

    public bool TryGet(in Key key, out CheckResult answer)
    {
        lock (_gate)
        {
            return _answers.TryGetValue(key, out answer) && answer.MayCall;
        }
    }

    /// <summary>Adds an answer that permits a call.</summary>
    /// <param name="key">The question. It must not change any more.</param>
    /// <param name="answer">Ignored unless it permits a call.</param>
    /// <param name="ticket">The <see cref="Ticket"/> before the request: if answers were dropped since, this one may be stale and is not added.</param>
    public void Add(in Key key, in CheckResult answer, long ticket)
    {
        if (limit == 0 || !answer.MayCall)
        {
            return;
        }

        lock (_gate)
        {
            if (ticket != _forgotten)
            {
                return;
            }

            if (_answers.Remove(key))
            {
                // The entry keeps its position in the queue.
                _answers.Add(key, answer);
                return;
            }

            while (_age.Count >= limit)
            {
                Drop(_age.Dequeue());
            }

            _answers.Add(key, answer);
            _age.Enqueue(key);
            Index(answer.Number).Add(key);
        }
    }

    /// <summary>Drops the answers for a number in E.164, and prevents adding answers of requests in flight.</summary>
    public void Forget(string number)
    {
        lock (_gate)
        {
            _forgotten++;
            Drop(number);
        }
    }

    /// <summary>Drops the answers for a number in E.164.</summary>
    public void Contradict(string number)
    {
        lock (_gate)
        {
            Drop(number);
        }
    }

    public void ForgetAll()
    {
        lock (_gate)
        {
            _forgotten++;
            _answers.Clear();
            _byNumber.Clear();
            _age.Clear();
        }
    }

    private List<Key> Index(string number)
    {
        if (!_byNumber.TryGetValue(number, out var keys))
        {
            _byNumber.Add(number, keys = []);
        }

        return keys;
    }

    private void Drop(string number)
    {
        if (_byNumber.Remove(number, out var keys))
        {
            foreach (var key in keys)
            {
                _answers.Remove(key);
            }
        }
    }

    private void Drop(in Key key)
    {
        if (!_answers.Remove(key, out var answer) || !_byNumber.TryGetValue(answer.Number, out var keys))
        {
            return;
        }

        keys.Remove(key);
        if (keys.Count == 0)
        {
            _byNumber.Remove(answer.Number);
        }
    }
}
