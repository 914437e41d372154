using Lookup.Redis.Following;

namespace Lookup.Server.Watch;

/// <summary>The result of reading a ring.</summary>
internal enum RingState
{
    /// <summary>The changes are complete; there may be none.</summary>
    Told,

    /// <summary>Changes after the position were overwritten.</summary>
    Overwritten,

    /// <summary>Changes after the position were never in the ring: the partition was not followed at the time.</summary>
    Gap,

    /// <summary>The partition is not followed now.</summary>
    NotFollowed,

    /// <summary>The partition was followed again: first verify that the store still has the last delivered change.</summary>
    Anew,
}

/// <summary>The latest changes of one partition, by version. Thread-safe.</summary>
/// <param name="capacity">Maximum changes kept.</param>
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
    /// The latest version in the ring, and how often the partition was followed again; null while it is not followed.
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

    /// <summary>Empties the ring and continues after a version.</summary>
    internal void Restart(ulong version)
    {
        lock (_gate)
        {
            Reset(version);
            _followed = true;
            _follows++;
        }
    }

    /// <summary>Records that the partition is no longer followed.</summary>
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
                    // It must not appear to follow the changes in the ring.
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

    /// <summary>Reads the changes after a position.</summary>
    /// <param name="position">The version of the last change read.</param>
    /// <param name="follows">How often the partition had been followed again when the position was last verified; updated.</param>
    /// <param name="into">Receives the changes.</param>
    /// <param name="taken">The number of changes; 0 if the position is ahead.</param>
    internal RingState Read(ulong position, ref int follows, Span<FeedChange> into, out int taken)
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
