namespace Lookup.Cli.Lists;

/// <summary>The outputs of a scrub.</summary>
internal static class OutputNames
{
    /// <summary>Permitted now.</summary>
    public const int Allowed = 0;

    public const int Denied = 1;

    /// <summary>The service cannot decide, or the country is not covered.</summary>
    public const int Unknown = 2;

    /// <summary>Lines without a valid number.</summary>
    public const int Invalid = 3;

    public static IReadOnlyList<string> All { get; } = ["allowed", "denied", "unknown", "invalid"];
}
