using Microsoft.Extensions.Logging;

namespace Lookup.Embedded.Engine;

/// <summary>Log messages of the engine.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(Level = LogLevel.Critical, Message = "The embedded store has stopped: {Reason}")]
    internal static partial void Stopped(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The embedded store could not write its newest changes to their files; the next start reads them from the log: {Reason}")]
    internal static partial void NotFlushed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A connection to the embedded store could not be accepted: {Reason}")]
    internal static partial void NotAccepted(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A connection to the embedded store failed.")]
    internal static partial void SessionFailed(ILogger log, Exception fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "The facts in {Folder} are of an earlier version and are being copied into a store of this version, which can take minutes.")]
    internal static partial void Converting(ILogger log, string folder);

    [LoggerMessage(Level = LogLevel.Information, Message = "The facts of {Folder} were copied, and the files of the earlier version were removed.")]
    internal static partial void Converted(ILogger log, string folder);
}
