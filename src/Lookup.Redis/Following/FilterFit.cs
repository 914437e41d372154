namespace Lookup.Redis.Following;

/// <summary>Whether a stored filter can be proven complete.</summary>
public enum FilterFit : byte
{
    /// <summary>Its length and checksums are right.</summary>
    Sound = 0,

    /// <summary>
    /// It has no checksums, or an older version of the service, which maintains none, wrote to it. It is not used: an instance
    /// that starts builds its own filter from the facts.
    /// </summary>
    Unchecked,

    /// <summary>It is missing, has another length, or lost bits. It is not used.</summary>
    Damaged,
}
