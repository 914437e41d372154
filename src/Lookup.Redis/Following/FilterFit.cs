namespace Lookup.Redis.Following;

/// <summary>Whether a stored filter can be shown to have lost nothing.</summary>
public enum FilterFit : byte
{
    /// <summary>Its length and its checksums are right.</summary>
    Sound = 0,

    /// <summary>
    /// It has no checksums, or an older version of the service wrote to it, which keeps none. It is not used: an instance that
    /// starts builds a filter of its own from the facts.
    /// </summary>
    Unchecked,

    /// <summary>It is missing, has another length, or lost bits. It is not used.</summary>
    Damaged,
}
