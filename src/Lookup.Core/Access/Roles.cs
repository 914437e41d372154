namespace Lookup.Core.Access;

/// <summary>What a credential may do; none includes another. The values are stored.</summary>
[Flags]
public enum Roles : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Ask whether numbers may be called, and what is known of them.</summary>
    Check = 1,

    /// <summary>Record facts.</summary>
    Write = 2,

    /// <summary>Follow changes.</summary>
    Watch = 4,

    /// <summary>Organisations, registers, imports, erasures, credentials and grants; also the operations page and metrics.</summary>
    Admin = 8,

    /// <summary>The operations page and metrics.</summary>
    Observe = 16,

    /// <summary>All of them.</summary>
    All = Check | Write | Watch | Admin | Observe,
}
