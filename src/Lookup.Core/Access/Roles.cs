namespace Lookup.Core.Access;

/// <summary>Permissions of a credential; none includes another. The values are stored.</summary>
[Flags]
public enum Roles : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Check numbers and read their facts.</summary>
    Check = 1,

    /// <summary>Record facts.</summary>
    Write = 2,

    /// <summary>Follow changes.</summary>
    Watch = 4,

    /// <summary>Organisations, registers, imports, erasures, credentials and grants; also the operations page and metrics.</summary>
    Admin = 8,

    /// <summary>The operations page and metrics.</summary>
    Observe = 16,

    /// <summary>All roles.</summary>
    All = Check | Write | Watch | Admin | Observe,
}
