using Lookup.V1;

namespace Lookup.Client;

/// <summary>
/// Answers that the service lets be reused, until it no longer does. Bounded: the oldest leave first. Thread safe.
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

    /// <summary>To be taken before asking, and given to <see cref="Add"/> with the answer.</summary>
    public long Ticket => Interlocked.Read(ref _forgotten);

    public bool TryGet(in Key key, out CheckResult answer)
    {
        lock (_gate)
        {
            return _answers.TryGetValue(key, out answer) && answer.MayCall;
        }
    }

    /// <param name="key">The question; kept as it is now.</param>
    /// <param name="answer">Kept only if it permits a call.</param>
    /// <param name="ticket">From before the question: what was asked before something was forgotten may rest on what it was forgotten for.</param>
    public void Add(in Key key, in CheckResult answer, long ticket)
    {
        if (limit == 0 || !answer.MayCall)
        {
            return;
        }

        var kept = key with { Question = key.Question.Clone() };
        lock (_gate)
        {
            if (ticket != _forgotten)
            {
                return;
            }

            if (_answers.Remove(kept))
            {
                // Its place in the queue stays: it leaves when it would have.
                _answers.Add(kept, answer);
                return;
            }

            while (_age.Count >= limit)
            {
                Drop(_age.Dequeue());
            }

            _answers.Add(kept, answer);
            _age.Enqueue(kept);
            Index(answer.Number).Add(kept);
        }
    }

    /// <summary>Drops what is kept for a number in E.164, and keeps no answer to a question that is under way now.</summary>
    public void Forget(string number)
    {
        lock (_gate)
        {
            _forgotten++;
            Drop(number);
        }
    }

    /// <summary>Drops what is kept for a number in E.164.</summary>
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
