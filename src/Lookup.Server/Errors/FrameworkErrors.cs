using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Errors;

/// <summary>
/// Finds the exceptions that the gRPC library, the JSON transcoder, the web server and the host turn into answers or failures
/// themselves: they only log them. An answer that cannot be written is one; it fails behind every interceptor.
/// </summary>
internal sealed class FrameworkErrors : ILoggerProvider, ILogger
{
    private const string Own = "Lookup.";
    private const string Library = "Grpc.AspNetCore";
    private const string Host = "Microsoft.Extensions.Hosting";

    // The category is not kept: one logger serves all that are not the service's own.
    private UnhandledErrors? _errors;

    /// <summary>Leaves the log of the gRPC library, the transcoder and the host to this one: what is an error of theirs is logged once, with its id.</summary>
    internal static void LogOnce(ILoggingBuilder logging) =>
        logging.AddFilter(Library, LogLevel.None).AddFilter<FrameworkErrors>(Library, LogLevel.Error)
            .AddFilter(Host, LogLevel.None).AddFilter<FrameworkErrors>(Host, LogLevel.Error);

    /// <summary>Where they go. Errors before it is set are logged by the framework alone.</summary>
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
