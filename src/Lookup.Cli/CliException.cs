namespace Lookup.Cli;

/// <summary>Exit codes of the tool. docs and scripts rest on them; never renumber.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;

    /// <summary>Something failed; the message says what.</summary>
    public const int Error = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Import: done, but some lines were refused. Scrub: done, but some lines are in the unknown or invalid file. Impact: some lines hold no number.</summary>
    public const int Rejected = 3;

    /// <summary>Watch: changes were lost; the active lists are to be scrubbed again.</summary>
    public const int ChangesLost = 4;

    /// <summary>Impact: some answers would change.</summary>
    public const int WouldChange = 5;

    /// <summary>Check: the call is forbidden.</summary>
    public const int Deny = 10;

    /// <summary>Check: the service cannot tell.</summary>
    public const int Unknown = 11;

    /// <summary>Check: no regime for this country and time.</summary>
    public const int NotCovered = 12;

    /// <summary>Check: ALLOW, but an answer to "what if", or expired: it permits no call.</summary>
    public const int PermitsNothing = 13;

    /// <summary>Stopped by Ctrl-C or a termination signal.</summary>
    public const int Interrupted = 130;
}

/// <summary>An outcome that ends the command: one sentence that names what to do, and the exit code.</summary>
internal sealed class CliException(string message, int exitCode = ExitCodes.Error, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The command line is wrong.</summary>
    public static CliException Usage(string message) => new(message, ExitCodes.Usage);
}
