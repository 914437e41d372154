namespace Lookup.Server.Access;

/// <summary>When a secret was made and whose holders may know it.</summary>
/// <param name="Made">Unix milliseconds.</param>
/// <param name="Holders">
/// Credentials whose holders may know it, its own included; null if an earlier version made it and did not record them.
/// </param>
internal sealed record CredentialOrigin(long Made, IReadOnlyList<string>? Holders)
{
    internal static CredentialOrigin Of(string id, long made, IReadOnlyList<string>? knownTo) =>
        new(made, knownTo is null ? null : [id, .. knownTo.Where(other => other != id)]);

    /// <summary>Returns whether no holder can know both secrets; false if the holders of either are unknown.</summary>
    internal bool IsIndependentOf(CredentialOrigin other) =>
        Holders is not null && other.Holders is not null && !Holders.Intersect(other.Holders, StringComparer.Ordinal).Any();
}
