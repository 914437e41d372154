namespace Lookup.Cli;

/// <summary>Exit codes of the tool. Scripts depend on them; never renumber.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;

    /// <summary>The command failed; the message says why.</summary>
    public const int Error = 1;

    /// <summary>The command line is invalid.</summary>
    public const int Usage = 2;

    /// <summary>Import: some lines were rejected. Scrub: some lines are in the unknown or invalid file. Impact: some lines have no valid number.</summary>
    public const int Rejected = 3;

    /// <summary>Watch: changes were lost; the active lists must be scrubbed again.</summary>
    public const int ChangesLost = 4;

    /// <summary>Impact: some answers would change. Plan: the service differs from the file.</summary>
    public const int WouldChange = 5;

    /// <summary>Audit: some calls were not permitted, or cannot be decided.</summary>
    public const int CallsToAnswerFor = 6;

    /// <summary>Watch: the receiver of the webhooks answered 410 Gone.</summary>
    public const int ReceiverGone = 7;

    /// <summary>Evidence: a file differs from the hash on record.</summary>
    public const int Different = 8;

    /// <summary>Check: the call is forbidden.</summary>
    public const int Deny = 10;

    /// <summary>Check: the service cannot decide.</summary>
    public const int Unknown = 11;

    /// <summary>Check: there are no rules for this country and time.</summary>
    public const int NotCovered = 12;

    /// <summary>Check: ALLOW that permits no call, because it is a what-if answer or has expired.</summary>
    public const int PermitsNothing = 13;

    /// <summary>Stopped by Ctrl-C or a termination signal.</summary>
    public const int Interrupted = 130;
}

/// <summary>Ends the command with one sentence that says what to do, and an exit code.</summary>
internal sealed class CliException(string message, int exitCode = ExitCodes.Error, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>Reports an invalid command line.</summary>
    public static CliException Usage(string message) => new(message, ExitCodes.Usage);
}
