using Lookup.Redis.Following;

namespace Lookup.Server.Watch;

/// <summary>What a look into a ring found.</summary>
internal enum RingState
{
    /// <summary>Changes, or that there are none.</summary>
    Told,

    /// <summary>Some that follow on the position are not here any more: they were overwritten.</summary>
    Overwritten,

    /// <summary>Some that follow on the position never were here: the partition was not followed meanwhile.</summary>
    Gap,

    /// <summary>The partition is not followed at this moment.</summary>
    NotFollowed,

    /// <summary>It was followed anew: whether the store still has what was told is to be made sure of first.</summary>
    Anew,
}

/// <summary>The newest changes of one partition, by version. Thread-safe.</summary>
/// <param name="capacity">Most changes kept.</param>
internal sealed class ChangeRing(int capacity)
{
    private readonly Lock _gate = new();
    private FeedChange[]? _changes;
    private ulong _begin;
    private ulong _first;
    private ulong _end;
    private bool _followed;
    private int _follows;

    /// <summary>
    /// The version up to which the partition is known here, and how often it was followed anew; null while it is not followed.
    /// </summary>
    internal (ulong Version, int Follows)? Tip
    {
        get
        {
            lock (_gate)
            {
                return _followed ? (_end, _follows) : null;
            }
        }
    }

    /// <summary>Forgets all, and goes on behind a version.</summary>
    internal void Begin(ulong version)
    {
        lock (_gate)
        {
            Reset(version);
            _followed = true;
            _follows++;
        }
    }

    /// <summary>The partition is not followed any more.</summary>
    internal void Stop()
    {
        lock (_gate)
        {
            Reset(_end);
            _followed = false;
        }
    }

    internal void Add(IReadOnlyList<FeedChange> changes)
    {
        lock (_gate)
        {
            _changes ??= new FeedChange[capacity];
            foreach (var change in changes)
            {
                if (change.Version != _end + 1)
                {
                    // Nobody may take it to follow on what is here.
                    Reset(change.Version - 1);
                    _changes = new FeedChange[capacity];
                }

                _changes[(int)(change.Version % (ulong)capacity)] = change;
                _end = change.Version;
            }

            if (_end - _first > (ulong)capacity)
            {
                _first = _end - (ulong)capacity;
            }
        }
    }

    /// <summary>Takes changes that follow on a position.</summary>
    /// <param name="position">The version up to which everything was taken.</param>
    /// <param name="follows">How often it had been followed anew when the position was last made sure of; set to how often it has.</param>
    /// <param name="into">Takes the changes.</param>
    /// <param name="taken">How many there are; none where the position is ahead.</param>
    internal RingState Take(ulong position, ref int follows, Span<FeedChange> into, out int taken)
    {
        taken = 0;
        lock (_gate)
        {
            if (!_followed)
            {
                return RingState.NotFollowed;
            }

            if (follows != _follows)
            {
                follows = _follows;
                return RingState.Anew;
            }

            if (position < _first)
            {
                return position < _begin ? RingState.Gap : RingState.Overwritten;
            }

            while (taken < into.Length && position < _end)
            {
                position++;
                into[taken++] = _changes![(int)(position % (ulong)capacity)];
            }

            return RingState.Told;
        }
    }

    private void Reset(ulong version)
    {
        _begin = _first = _end = version;
        _changes = null;
    }
}
