using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Errors;

/// <summary>
/// Collects the exceptions that the gRPC library, the JSON transcoder, the web server and the host handle themselves and only log.
/// A response that cannot be written is one of them: it fails after every interceptor.
/// </summary>
internal sealed class FrameworkErrors : ILoggerProvider, ILogger
{
    private const string Own = "Lookup.";
    private const string Library = "Grpc.AspNetCore";
    private const string Host = "Microsoft.Extensions.Hosting";

    // One logger serves every category that is not the service's own.
    private UnhandledErrors? _errors;

    /// <summary>Silences the other loggers of the gRPC library, the transcoder and the host, so that each of their errors is logged once, with its id.</summary>
    internal static void LogOnce(ILoggingBuilder logging) =>
        logging.AddFilter(Library, LogLevel.None).AddFilter<FrameworkErrors>(Library, LogLevel.Error)
            .AddFilter(Host, LogLevel.None).AddFilter<FrameworkErrors>(Host, LogLevel.Error);

    /// <summary>Sets where the errors go. Earlier errors are logged by the framework alone.</summary>
    internal void SendTo(UnhandledErrors errors) => Volatile.Write(ref _errors, errors);

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) =>
        categoryName.StartsWith(Own, StringComparison.Ordinal) ? Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance : this;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel is LogLevel.Error or LogLevel.Critical;

    /// <inheritdoc/>
    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (exception is not null && UnhandledErrors.IsUnreadable(exception))
        {
            UnhandledErrors.NoteUnreadable();
        }
        else if (exception is not null && IsEnabled(logLevel) && !UnhandledErrors.IsCallers(exception) && exception.InnerException is not AddressInUseException)
        {
            Volatile.Read(ref _errors)?.Add(exception, eventId.Name ?? "the framework");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
