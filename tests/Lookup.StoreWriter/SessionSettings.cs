using System.Globalization;
using Lookup.Embedded.Engine;

namespace Lookup.StoreWriter;

/// <summary>How sessions go.</summary>
/// <param name="Folder">Folder of the store.</param>
/// <param name="Seed">The same one gives the same operations; what is killed when is up to the machine.</param>
/// <param name="Sessions">How often the store is opened, written to and ended.</param>
/// <param name="Facts">Numbers that are imported in all sessions together, about.</param>
/// <param name="BatchSize">Numbers of an import's batch.</param>
/// <param name="Writers">Writers at the same time.</param>
/// <param name="LogLimitMiB">See <see cref="EmbeddedOptions"/>; a small one means many checkpoints.</param>
internal sealed record SessionSettings(
    string Folder, int Seed, int Sessions, int Facts, int BatchSize = 1_000, int Writers = 4, int LogLimitMiB = 16)
{
    internal EmbeddedOptions Options => new()
    {
        Folder = Folder,
        ExpectedFacts = Math.Max(10_000, Facts),
        MemoryMiB = 256,
        LogLimitMiB = LogLimitMiB,
        ReadTimeoutMs = 10_000,
        WriteTimeoutMs = 60_000,
    };

    /// <summary>Numbers that each writer imports in a session before it may be ended.</summary>
    internal int Quota => Math.Max(1, Facts / Sessions / Writers);

    internal static SessionSettings Parse(string[] args) => new(
        args[0], Number(args[1]), Number(args[2]), Number(args[3]), Number(args[4]), Number(args[5]), Number(args[6]));

    internal string[] ToArguments() => [Folder, .. ((int[])[Seed, Sessions, Facts, BatchSize, Writers, LogLimitMiB]).Select(one => one.ToString(CultureInfo.InvariantCulture))];

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
